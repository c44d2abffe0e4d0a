package gateway

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"
)

// Credential is a Secret that a Gateway server takes its certificate from.
type Credential struct {
	// Text is what the Gateway says, Steps where in its tls: credentialName, or credentialNames and a place in it.
	Text  string
	Steps []string
	// Namespace and Name are those of the Secret, for proxies of one namespace.
	Namespace string
	Name      string
}

// Credentials are the Secrets that a server needs for its own certificate on proxies of that namespace; none for a server
// that does not end TLS, has its certificate in files, or uses the mesh's own (ISTIO_MUTUAL, builtin://).
// Source: Istio pilot/pkg/networking/core/listener.go (BuildListenerTLSContext), pilot/pkg/model/credentials/resource.go.
func Credentials(server *networkingapi.Server, proxyNamespace string) []Credential {
	settings := server.GetTls()
	if !ServerIsTLS(server) || ServerIsPassthrough(server) || settings.GetMode() == networkingapi.ServerTLSSettings_ISTIO_MUTUAL {
		return nil
	}
	var credentials []Credential
	for i, name := range settings.GetCredentialNames() {
		credentials = appendCredential(credentials, name, []string{"credentialNames", strconv.Itoa(i)}, proxyNamespace)
	}
	if len(settings.GetCredentialNames()) == 0 {
		credentials = appendCredential(credentials, settings.GetCredentialName(), []string{"credentialName"}, proxyNamespace)
	}
	return credentials
}

// appendCredential follows ToResourceName and ParseResourceName in Istio's pilot/pkg/model/credentials/resource.go.
func appendCredential(credentials []Credential, text string, steps []string, proxyNamespace string) []Credential {
	name, namespace := strings.TrimPrefix(text, "kubernetes://"), proxyNamespace
	if name == "" || strings.Contains(name, "://") {
		return credentials
	}
	if before, after, found := strings.Cut(name, "/"); found {
		namespace, name = before, after
	}
	return append(credentials, Credential{Text: text, Steps: steps, Namespace: namespace, Name: name})
}

// ClientCA is the Secret with which the gateway checks its clients' certificates; ok is false where it does not check them
// with a Secret. A Secret named like the credential with "-cacert" comes before the credential's own.
// Source: Istio pilot/pkg/security/model/authentication.go (ApplyCredentialSDSToServerCommonTLSContext),
// pilot/pkg/credentials/kube/secrets.go (GetCaCert).
func ClientCA(server *networkingapi.Server, proxyNamespace string) (ca Credential, ok bool) {
	mode := server.GetTls().GetMode()
	if mode != networkingapi.ServerTLSSettings_MUTUAL && mode != networkingapi.ServerTLSSettings_OPTIONAL_MUTUAL {
		return Credential{}, false
	}
	credentials := Credentials(server, proxyNamespace)
	if len(credentials) == 0 {
		return Credential{}, false
	}
	if text := server.GetTls().GetCaCertCredentialName(); text != "" {
		named := appendCredential(nil, text, []string{"caCertCredentialName"}, proxyNamespace)
		if len(named) == 0 {
			return Credential{}, false
		}
		return named[0], true
	}
	ca = credentials[0]
	ca.Name += caSuffix
	return ca, true
}

const caSuffix = "-cacert"

// SecretCAProblem says what keeps a gateway from taking a certificate authority from a Secret, as what the Secret "has"; empty
// where nothing does. istiod sends what the first key with a value holds; Envoy refuses it where that is no certificate.
// Source: Istio pilot/pkg/credentials/kube/secrets.go (ExtractRoot); Envoy source/common/tls/cert_validator/default_validator.cc.
func SecretCAProblem(secret *core.Secret) string {
	for _, key := range []string{"cacert", "ca.crt"} {
		if data := secret.Data[key]; len(data) > 0 {
			if _, err := parseCertificates(data); err != nil {
				return fmt.Sprintf("a %s that cannot be read: %v", key, err)
			}
			return ""
		}
	}
	return "neither ca.crt nor cacert"
}

// CAFallback is the name of the Secret in which istiod looks where there is none with the name that ends in "-cacert".
func (c Credential) CAFallback() string { return strings.TrimSuffix(c.Name, caSuffix) }

// KeyPair is the certificate chain of a TLS Secret, the gateway's own certificate first.
type KeyPair struct{ Chain []*x509.Certificate }

// Leaf is the gateway's own certificate.
func (k KeyPair) Leaf() *x509.Certificate { return k.Chain[0] }

// SecretKeyPair reads a Secret as istiod and Envoy do: the keys "cert" and "key" if both have values, else "tls.crt" and
// "tls.key". problem says as a clause why a gateway cannot use it, empty where it can.
// Source: Istio pilot/pkg/credentials/kube/secrets.go (ExtractCertInfo); Envoy source/common/tls/context_impl.cc for what the
// proxy refuses.
func SecretKeyPair(secret *core.Secret) (pair KeyPair, problem string) {
	certificateKey, keyKey := keysTaken(secret)
	certificate, key := secret.Data[certificateKey], secret.Data[keyKey]
	switch {
	case len(certificate) == 0 && len(key) == 0:
		return KeyPair{}, "it has neither tls.crt and tls.key nor cert and key"
	case len(certificate) == 0:
		return KeyPair{}, "it has no certificate (" + certificateKey + ")"
	case len(key) == 0:
		return KeyPair{}, "it has no private key (" + keyKey + ")"
	}
	chain, err := parseCertificates(certificate)
	if err != nil {
		return KeyPair{}, fmt.Sprintf("its %s cannot be read: %v", certificateKey, err)
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return KeyPair{}, fmt.Sprintf("its %s and %s are not a pair", certificateKey, keyKey)
		}
		return KeyPair{}, fmt.Sprintf("its %s cannot be read: %s", keyKey, strings.TrimPrefix(err.Error(), "tls: "))
	}
	if public, ok := chain[0].PublicKey.(*rsa.PublicKey); ok && public.N.BitLen() < 2048 {
		return KeyPair{}, fmt.Sprintf("its RSA key has %d bits and Envoy takes no less than 2048", public.N.BitLen())
	}
	return KeyPair{Chain: chain}, ""
}

// keysTaken are those of a Secret that istiod takes the certificate and its private key from.
// Source: Istio pilot/pkg/credentials/kube/secrets.go (ExtractCertInfo).
func keysTaken(secret *core.Secret) (certificate, key string) {
	if len(secret.Data["cert"]) == 0 || len(secret.Data["key"]) == 0 {
		return "tls.crt", "tls.key"
	}
	return "cert", "key"
}

// CertificateKey is the key of a TLS Secret that istiod takes the certificate from.
func CertificateKey(secret *core.Secret) string {
	certificate, _ := keysTaken(secret)
	return certificate
}

// SecretFacts are clauses on what a gateway takes from a TLS Secret: evidence for what SecretKeyPair and Validity say.
func SecretFacts(secret *core.Secret) []string {
	var facts []string
	certificateKey, keyKey := keysTaken(secret)
	if certificateKey == "cert" && len(secret.Data["tls.crt"]) > 0 {
		facts = append(facts, "istiod takes cert and key where a Secret has them, not its tls.crt and tls.key")
	}
	chain, err := parseCertificates(secret.Data[certificateKey])
	if err != nil {
		return append(facts, "the keys of the Secret are: "+strings.Join(slices.Sorted(maps.Keys(secret.Data)), ", "))
	}
	facts = append(facts, fmt.Sprintf("the first certificate in its %s is that of %s, valid from %s to %s", certificateKey, subjectOf(chain[0]),
		chain[0].NotBefore.UTC().Format(time.DateOnly), chain[0].NotAfter.UTC().Format(time.DateOnly)))
	if place := placeOfKey(chain, secret.Data[keyKey]); place > 0 {
		facts = append(facts, fmt.Sprintf("its %s belongs to certificate %d, that of %s; the gateway's own has to be the first",
			keyKey, place+1, subjectOf(chain[place])))
	}
	return facts
}

func subjectOf(certificate *x509.Certificate) string {
	if subject := certificate.Subject.String(); subject != "" {
		return subject
	}
	return strings.Join(certificate.DNSNames, ", ")
}

// placeOfKey is the place in a chain of the certificate that a private key belongs to, -1 if it is not there.
func placeOfKey(chain []*x509.Certificate, key []byte) int {
	return slices.IndexFunc(chain, func(certificate *x509.Certificate) bool {
		_, err := tls.X509KeyPair(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), key)
		return err == nil
	})
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("it holds no PEM block of type CERTIFICATE")
	}
	return chain, nil
}

// Validity says when the certificate is not valid at that time, as a clause; empty where it is.
func Validity(certificate *x509.Certificate, now time.Time) string {
	switch {
	case now.After(certificate.NotAfter):
		return "it expired on " + certificate.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(certificate.NotBefore):
		return "it is not valid before " + certificate.NotBefore.UTC().Format(time.DateOnly)
	default:
		return ""
	}
}

// CertificateCovers reports whether a client that checks names takes the certificate for a host. Only subject alternative names
// count, not the common name, and a wildcard covers exactly one label: the host "*.example.com" needs that very name, because
// single ones leave out the others. The host "*" says nothing about names: it is always covered.
// Source: RFC 6125, 6.4; RFC 9525, 6.3; crypto/x509 (Certificate.VerifyHostname).
func CertificateCovers(certificate *x509.Certificate, host string) bool {
	if host == "*" || host == "" {
		return true
	}
	if !strings.HasPrefix(host, "*") {
		return certificate.VerifyHostname(host) == nil
	}
	return slices.ContainsFunc(certificate.DNSNames, func(name string) bool { return strings.EqualFold(name, host) })
}
