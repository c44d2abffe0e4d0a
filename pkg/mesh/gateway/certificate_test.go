package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

// keyPair makes a certificate for the names, valid from a year before testNow to a year after it.
func keyPair(t testing.TB, names ...string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	encoded, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, certificateFor(names), certificateFor(names), &private.PublicKey, private)
	require.NoError(t, err)
	return pemOf("CERTIFICATE", der), pemOf("EC PRIVATE KEY", encoded)
}

func certificateFor(names []string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cn.example.com"}, DNSNames: names,
		NotBefore: meshtest.Now.AddDate(-1, 0, 0), NotAfter: meshtest.Now.AddDate(1, 0, 0),
	}
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestSecretKeyPair(t *testing.T) {
	certificate, key := keyPair(t, "a.example.com")
	_, otherKey := keyPair(t, "a.example.com")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	weakDER, err := x509.CreateCertificate(rand.Reader, certificateFor(nil), certificateFor(nil), &weak.PublicKey, weak)
	require.NoError(t, err)
	text := []byte("no PEM")
	for name, test := range map[string]struct {
		data map[string][]byte
		want string
	}{
		"tls.crt and tls.key":             {map[string][]byte{"tls.crt": certificate, "tls.key": key}, ""},
		"cert and key":                    {map[string][]byte{"cert": certificate, "key": key}, ""},
		"cert and key come first":         {map[string][]byte{"cert": certificate, "key": key, "tls.crt": text, "tls.key": text}, ""},
		"unless one has no value":         {map[string][]byte{"cert": certificate, "key": {}, "tls.crt": certificate, "tls.key": key}, ""},
		"a chain":                         {map[string][]byte{"tls.crt": append(certificate, certificate...), "tls.key": key}, ""},
		"nothing":                         {nil, "it has neither tls.crt and tls.key nor cert and key"},
		"other keys":                      {map[string][]byte{"server.crt": certificate, "server.key": key}, "it has neither tls.crt and tls.key nor cert and key"},
		"no key":                          {map[string][]byte{"tls.crt": certificate}, "it has no private key (tls.key)"},
		"no certificate":                  {map[string][]byte{"tls.crt": {}, "tls.key": key}, "it has no certificate (tls.crt)"},
		"a certificate that is no PEM":    {map[string][]byte{"tls.crt": text, "tls.key": key}, "its tls.crt cannot be read: it holds no PEM block of type CERTIFICATE"},
		"a key that is no PEM":            {map[string][]byte{"tls.crt": certificate, "tls.key": text}, "its tls.key cannot be read: failed to find any PEM data in key input"},
		"the key of another certificate":  {map[string][]byte{"tls.crt": certificate, "tls.key": otherKey}, "its tls.crt and tls.key are not a pair"},
		"mixed keys are not put together": {map[string][]byte{"cert": certificate, "tls.key": key}, "it has no certificate (tls.crt)"},
		"a key that Envoy refuses": {
			map[string][]byte{"tls.crt": pemOf("CERTIFICATE", weakDER), "tls.key": pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(weak))},
			"its RSA key has 1024 bits and Envoy takes no less than 2048",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pair, problem := SecretKeyPair(&core.Secret{Data: test.data})
			assert.Equal(t, test.want, problem)
			if test.want == "" {
				assert.Equal(t, "cn.example.com", pair.Leaf().Subject.CommonName)
			}
		})
	}
}

func TestValidity(t *testing.T) {
	certificate := certificateFor(nil)
	for at, want := range map[time.Time]string{
		meshtest.Now:                   "",
		meshtest.Now.AddDate(2, 0, 0):  "it expired on 2027-06-01",
		meshtest.Now.AddDate(-2, 0, 0): "it is not valid before 2025-06-01",
	} {
		assert.Equal(t, want, Validity(certificate, at))
	}
}

func TestCertificateCovers(t *testing.T) {
	for name, test := range map[string]struct {
		names []string
		host  string
		want  bool
	}{
		"the name":                      {[]string{"a.example.com"}, "a.example.com", true},
		"one of the names":              {[]string{"b.example.com", "a.example.com"}, "a.example.com", true},
		"in other case":                 {[]string{"A.Example.com"}, "a.example.COM", true},
		"another name":                  {[]string{"b.example.com"}, "a.example.com", false},
		"the common name alone":         {nil, "cn.example.com", false},
		"a wildcard":                    {[]string{"*.example.com"}, "a.example.com", true},
		"a wildcard two labels up":      {[]string{"*.example.com"}, "b.a.example.com", false},
		"a wildcard and its own domain": {[]string{"*.example.com"}, "example.com", false},
		"any host":                      {[]string{"a.example.com"}, "*", true},
		"the same wildcard":             {[]string{"*.example.com"}, "*.example.com", true},
		"a name under the wildcard":     {[]string{"a.example.com"}, "*.example.com", false},
		"a wildcard under the wildcard": {[]string{"*.a.example.com"}, "*.example.com", false},
		"a wildcard above the wildcard": {[]string{"*.example.com"}, "*.a.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, CertificateCovers(certificateWith(t, test.names), test.host))
		})
	}
}

func certificateWith(t testing.TB, names []string) *x509.Certificate {
	t.Helper()
	encoded, _ := keyPair(t, names...)
	chain, err := parseCertificates(encoded)
	require.NoError(t, err)
	return chain[0]
}

func TestCredentials(t *testing.T) {
	type settings = networkingapi.ServerTLSSettings
	simple, mutual := networkingapi.ServerTLSSettings_SIMPLE, networkingapi.ServerTLSSettings_MUTUAL
	for name, test := range map[string]struct {
		protocol string
		tls      *settings
		want     []string
		ca       string
	}{
		"plaintext":         {"GRPC", nil, nil, ""},
		"one":               {"HTTPS", &settings{Mode: simple, CredentialName: "c"}, []string{"edge/c"}, ""},
		"TLS":               {"TLS", &settings{Mode: simple, CredentialName: "c"}, []string{"edge/c"}, ""},
		"on plaintext":      {"GRPC", &settings{Mode: simple, CredentialName: "c"}, nil, ""},
		"several":           {"HTTPS", &settings{Mode: simple, CredentialNames: []string{"c", "d"}, CredentialName: "e"}, []string{"edge/c", "edge/d"}, ""},
		"passthrough":       {"HTTPS", &settings{CredentialName: "c"}, nil, ""},
		"files":             {"HTTPS", &settings{Mode: simple, ServerCertificate: "/c", PrivateKey: "/k"}, nil, ""},
		"the mesh's own":    {"HTTPS", &settings{Mode: networkingapi.ServerTLSSettings_ISTIO_MUTUAL, CredentialName: "c"}, nil, ""},
		"with type":         {"HTTPS", &settings{Mode: simple, CredentialName: "kubernetes://c"}, []string{"edge/c"}, ""},
		"with namespace":    {"HTTPS", &settings{Mode: simple, CredentialName: "kubernetes://shop/c"}, []string{"shop/c"}, ""},
		"built in":          {"HTTPS", &settings{Mode: simple, CredentialName: "builtin://"}, nil, ""},
		"mutual":            {"HTTPS", &settings{Mode: mutual, CredentialName: "c"}, []string{"edge/c"}, "edge/c-cacert"},
		"mutual, several":   {"HTTPS", &settings{Mode: mutual, CredentialNames: []string{"c", "d"}}, []string{"edge/c", "edge/d"}, "edge/c-cacert"},
		"mutual by choice":  {"HTTPS", &settings{Mode: networkingapi.ServerTLSSettings_OPTIONAL_MUTUAL, CredentialName: "c"}, []string{"edge/c"}, "edge/c-cacert"},
		"mutual with files": {"HTTPS", &settings{Mode: mutual, ServerCertificate: "/c", CaCertificates: "/a"}, nil, ""},
		"mutual, named":     {"HTTPS", &settings{Mode: mutual, CredentialName: "c", CaCertCredentialName: "a"}, []string{"edge/c"}, "edge/a"},
	} {
		t.Run(name, func(t *testing.T) {
			server := &networkingapi.Server{Port: &networkingapi.Port{Protocol: test.protocol}, Tls: test.tls}
			var got []string
			for _, credential := range Credentials(server, "edge") {
				got = append(got, credential.Namespace+"/"+credential.Name)
			}
			assert.Equal(t, test.want, got)
			ca, ok := ClientCA(server, "edge")
			assert.Equal(t, test.ca != "", ok)
			if ok {
				assert.Equal(t, test.ca, ca.Namespace+"/"+ca.Name)
			}
		})
	}
}

func TestSecretCAProblem(t *testing.T) {
	authority, _ := keyPair(t, "ca.example.com")
	text := []byte("no PEM")
	for name, test := range map[string]struct {
		data map[string][]byte
		want string
	}{
		"ca.crt":                           {map[string][]byte{"ca.crt": authority}, ""},
		"cacert":                           {map[string][]byte{"cacert": authority, "ca.crt": text}, ""},
		"ca.crt where cacert has no value": {map[string][]byte{"cacert": {}, "ca.crt": authority}, ""},
		"cacert comes first":               {map[string][]byte{"cacert": text, "ca.crt": authority}, "a cacert that cannot be read: it holds no PEM block of type CERTIFICATE"},
		"another key":                      {map[string][]byte{"tls.crt": authority}, "neither ca.crt nor cacert"},
	} {
		assert.Equal(t, test.want, SecretCAProblem(&core.Secret{Data: test.data}), name)
	}
}

func TestSecretFacts(t *testing.T) {
	certificate, key := keyPair(t, "a.example.com")
	other, _ := keyPair(t, "b.example.com")
	first := "is that of CN=cn.example.com, valid from " + meshtest.Now.AddDate(-1, 0, 0).Format(time.DateOnly) + " to " + meshtest.Now.AddDate(1, 0, 0).Format(time.DateOnly)
	assert.Equal(t, []string{
		"the first certificate in its tls.crt " + first,
		"its tls.key belongs to certificate 2, that of CN=cn.example.com; the gateway's own has to be the first",
	}, SecretFacts(&core.Secret{Data: map[string][]byte{"tls.crt": append(other, certificate...), "tls.key": key}}))
	assert.Equal(t, []string{
		"istiod takes cert and key where a Secret has them, not its tls.crt and tls.key",
		"the first certificate in its cert " + first,
	}, SecretFacts(&core.Secret{Data: map[string][]byte{"cert": other, "key": key, "tls.crt": certificate, "tls.key": key}}))
	assert.Equal(t, []string{"the keys of the Secret are: tls.crt, tls.key"},
		SecretFacts(&core.Secret{Data: map[string][]byte{"tls.crt": []byte("no PEM"), "tls.key": key}}))
}
