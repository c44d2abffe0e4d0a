package traffic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc/metadata"
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
	// Headers are sent with each call.
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

// Config reads the files. Its errors name the file and what is wrong with it.
func (o TLSOptions) Config() (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: o.InsecureSkipVerify} //nolint:gosec // it is the user's word
	if o.CACertificate != "" {
		text, err := os.ReadFile(o.CACertificate)
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
		pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key)
		if err != nil {
			return nil, fmt.Errorf("the client's certificate cannot be used: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
