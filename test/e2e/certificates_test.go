package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stretchr/testify/assert"
)

// certificate is a self-signed one with its key, in PEM.
type certificate struct{ cert, key []byte }

// newCertificate makes a certificate for a host, or for an IP address.
func newCertificate(t *testing.T, host string) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if address := net.ParseIP(host); address != nil {
		template.IPAddresses = []net.IP{address}
	} else {
		template.DNSNames = []string{host}
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return certificate{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
	}
}

// secret is a Secret with the certificate where the gateway's pods are; it goes with the scene.
func (s *scene) secret(name string, c certificate) string {
	s.removeSecret(name)
	return fmt.Sprintf("\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: istio-system}\ntype: kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}\n",
		name, base64.StdEncoding.EncodeToString(c.cert), base64.StdEncoding.EncodeToString(c.key))
}

// authority is a Secret with the certificate of an authority that signs clients' certificates.
func (s *scene) authority(name string, c certificate) string {
	s.removeSecret(name)
	return fmt.Sprintf("\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: istio-system}\ndata: {ca.crt: %s}\n",
		name, base64.StdEncoding.EncodeToString(c.cert))
}

func (s *scene) removeSecret(name string) {
	s.Cleanup(func() {
		assert.NoError(s, s.resource(s.T, "secrets", "istio-system").Delete(cleanup, name, metav1.DeleteOptions{}))
	})
}
