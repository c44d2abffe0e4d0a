package traffic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"google.golang.org/grpc/metadata"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
)

// Target is where calls go, and what they carry.
type Target struct {
	// Address is host:port.
	Address string
	// TLS is nil for plaintext.
	TLS *tls.Config
	// Authority is the :authority of the calls, and with TLS the name that the certificate must have; empty for the
	// address's host.
	Authority string
	// Headers are sent with each call that the user has named, and with no other.
	Headers metadata.MD
	// Opened is a connection to the address that is there already, for the first calls; nil for none. See Open.
	Opened net.Conn
}

// TLSOptions say how the other side is believed, and as whom this side speaks. All empty: by the system's authorities, as
// nobody.
type TLSOptions struct {
	// InsecureSkipVerify believes everybody.
	InsecureSkipVerify bool
	// CACertificate is a PEM file of authorities that are believed instead of the system's.
	CACertificate string
	// Certificate and Key are PEM files of the client; both or none.
	Certificate, Key string
}

// Config reads the files, until ctx ends: they may be pipes. Its errors name the file and what is wrong with it.
func (o TLSOptions) Config(ctx context.Context) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.InsecureSkipVerify} //nolint:gosec // it is the user's word
	if o.CACertificate != "" {
		text, err := readPEM(ctx, o.CACertificate)
		if err != nil {
			return nil, fmt.Errorf("the certificate authority cannot be read: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate in PEM", o.CACertificate)
		}
	}
	if (o.Certificate == "") != (o.Key == "") {
		return nil, errors.New("a client's certificate and its key go together: name both files")
	}
	if o.Certificate != "" {
		pair, err := o.pair(ctx)
		if err != nil {
			return nil, fmt.Errorf("the client's certificate cannot be used: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (o TLSOptions) pair(ctx context.Context) (tls.Certificate, error) {
	certificate, err := readPEM(ctx, o.Certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM(ctx, o.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}

func readPEM(ctx context.Context, path string) ([]byte, error) {
	return interrupt.Until(ctx, func() ([]byte, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
		if err == nil && len(text) > maxPEM {
			err = fmt.Errorf("%s has more than %d MiB, which is all that is read", path, maxPEM>>20)
		}
		return text, err
	})
}
