package mesh

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"
)

// Credential is a Secret that a Gateway server takes its certificate from.
type Credential struct {
	// Text is what the Gateway says, Field where: "credentialName" or "credentialNames[1]".
	Text  string
	Field string
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
		credentials = appendCredential(credentials, name, fmt.Sprintf("credentialNames[%d]", i), proxyNamespace)
	}
	if len(settings.GetCredentialNames()) == 0 {
		credentials = appendCredential(credentials, settings.GetCredentialName(), "credentialName", proxyNamespace)
	}
	return credentials
}

// appendCredential follows ToResourceName and ParseResourceName in Istio's pilot/pkg/model/credentials/resource.go.
func appendCredential(credentials []Credential, text, field, proxyNamespace string) []Credential {
	name, namespace := strings.TrimPrefix(text, "kubernetes://"), proxyNamespace
	if name == "" || strings.Contains(name, "://") {
		return credentials
	}
	if before, after, found := strings.Cut(name, "/"); found {
		namespace, name = before, after
	}
	return append(credentials, Credential{Text: text, Field: field, Namespace: namespace, Name: name})
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
		named := appendCredential(nil, text, "caCertCredentialName", proxyNamespace)
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

// SecretHoldsCA says whether a Secret has a certificate authority under one of the keys that istiod looks at.
// Source: Istio pilot/pkg/credentials/kube/secrets.go (ExtractRoot).
func SecretHoldsCA(secret *core.Secret) bool {
	return len(secret.Data["cacert"]) > 0 || len(secret.Data["ca.crt"]) > 0
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
	certificate, key := secret.Data["cert"], secret.Data["key"]
	certificateKey, keyKey := "cert", "key"
	if len(certificate) == 0 || len(key) == 0 {
		certificate, key = secret.Data["tls.crt"], secret.Data["tls.key"]
		certificateKey, keyKey = "tls.crt", "tls.key"
	}
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

// CertificateCovers says whether a client that checks names takes the certificate for a host. Only subject alternative names
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
