package dataplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tlsHost = "grpc.example.com"

// pair are the files of a certificate and its key.
type pair struct {
	certificate, key string
	parsed           *x509.Certificate
	private          *ecdsa.PrivateKey
}

// issue makes a certificate for a name, signed by the issuer, or by itself where there is none.
func issue(t *testing.T, folder, name string, issuer *pair) *pair {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: issuer == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	made := &pair{certificate: filepath.Join(folder, name+".crt"), key: filepath.Join(folder, name+".key"), private: private}
	if issuer == nil {
		issuer = &pair{parsed: template, private: private}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.parsed, private.Public(), issuer.private)
	require.NoError(t, err)
	made.parsed, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(made.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(made.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	return made
}

// secret puts a certificate beside the gateway, for the time of the test, with the authority for clients.
func (s *scene) secret(of, authority *pair) string {
	s.Helper()
	name := s.namespace + "-cert"
	_, err := s.Kubectl(s.Context(), "create", "secret", "generic", name, "-n", gatewayNamespace, "--from-file=tls.crt="+of.certificate,
		"--from-file=tls.key="+of.key, "--from-file=ca.crt="+authority.certificate)
	require.NoError(s, err)
	s.Cleanup(func() { s.kubectl("delete", "secret", name, "-n", gatewayNamespace) })
	return name
}

func TestTLS(t *testing.T) {
	s := on(t)
	folder := t.TempDir()
	authority := issue(t, folder, "authority.example.com", nil)
	secret := s.secret(issue(t, folder, tlsHost, authority), authority)
	s.run("create", "deployment/server", "--port", "443", "--target-port", "50051", "--host", tlsHost, "--tls-secret", secret).exits(0)

	said := s.verified("balanced per request", "--cacert", authority.certificate)
	assert.Equal(t, s.GatewayAddress+":443", said.Address)
	assert.Equal(t, "balanced per request", s.verify(0, "--insecure-skip-verify").Verdict)

	said = s.verify(1)
	assert.Equal(t, "failing", said.Verdict, "nobody believes the authority")
	assert.Equal(t, "UNAVAILABLE", said.Failures[0].Code)
	assert.Contains(t, said.Failures[0].Meaning, "TLS does not come about")
	said = s.verify(1, "--tls=false")
	assert.Equal(t, "UNAVAILABLE", said.Failures[0].Code)
	said = s.verify(1, "--cacert", authority.certificate, "--authority", "other.example.com")
	assert.Equal(t, "UNAVAILABLE", said.Failures[0].Code)
}

func TestMutualTLS(t *testing.T) {
	s := on(t)
	folder := t.TempDir()
	authority := issue(t, folder, "authority.example.com", nil)
	client := issue(t, folder, "client.example.com", authority)
	stranger := issue(t, folder, "stranger.example.com", nil)
	secret := s.secret(issue(t, folder, tlsHost, authority), authority)
	s.run("create", "deployment/server", "--port", "443", "--target-port", "50051", "--host", tlsHost, "--tls-secret", secret, "--tls-mutual").exits(0)

	believed := []string{"--cacert", authority.certificate}
	s.verified("balanced per request", append(believed, "--cert", client.certificate, "--key", client.key)...)
	said := s.verify(1, believed...)
	assert.Equal(t, "UNAVAILABLE", said.Failures[0].Code)
	assert.Contains(t, said.Notes, "the gateway asks for a client's certificate: give it with --cert and --key")
	said = s.verify(1, append(believed, "--cert", stranger.certificate, "--key", stranger.key)...)
	assert.Equal(t, "UNAVAILABLE", said.Failures[0].Code)
}
