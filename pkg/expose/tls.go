package expose

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

// checkSecret looks at the Secret of --tls-secret where the gateway reads it: in the namespace of its own pods.
func (b *builder) checkSecret() error {
	if b.intent.TLSSecret == "" {
		return nil
	}
	if b.gatewayAssumed {
		b.note("Secret %s must be in the namespace of the gateway's pods; the files do not tell whether it is", b.intent.TLSSecret)
		return nil
	}
	mode := networkingapi.ServerTLSSettings_SIMPLE
	if b.intent.TLSMutual {
		mode = networkingapi.ServerTLSSettings_MUTUAL
	}
	server := &networkingapi.Server{
		Port: &networkingapi.Port{Number: uint32(b.result.Port), Protocol: "HTTPS"},
		Tls:  &networkingapi.ServerTLSSettings{Mode: mode, CredentialName: b.intent.TLSSecret},
	}
	namespace := b.result.Gateway.Namespace
	secret, ok := b.snapshot.Secrets().Get(namespace, b.intent.TLSSecret)
	if !ok {
		return b.secretNotFound(namespace)
	}
	pair, problem := gateway.SecretKeyPair(secret)
	if problem == "" {
		problem = gateway.Validity(pair.Leaf(), b.snapshot.Now())
	}
	if problem != "" {
		return refuse("Put a valid certificate with its key into it (kubectl create secret tls)", "the gateway cannot use Secret %s/%s: %s", namespace, b.intent.TLSSecret, problem)
	}
	for _, host := range b.intent.Hosts {
		if !gateway.CertificateCovers(pair.Leaf(), host) {
			b.note("The certificate in Secret %s/%s does not cover %s: clients that check names will refuse it", namespace, b.intent.TLSSecret, host)
		}
	}
	if ca, wanted := gateway.ClientCA(server, namespace); wanted {
		return b.checkClientCA(ca)
	}
	return nil
}

func (b *builder) secretNotFound(namespace string) error {
	if reason, unknown := b.snapshot.Unknown(mesh.KindSecret, namespace, b.intent.TLSSecret); unknown {
		b.note("Secret %s/%s could not be checked: %s", namespace, b.intent.TLSSecret, reason)
		return nil
	}
	elsewhere := ""
	if _, there := b.snapshot.Secrets().Get(b.workload.Namespace(), b.intent.TLSSecret); there && b.workload.Namespace() != namespace {
		elsewhere = fmt.Sprintf("; it is in %s, where the gateway does not look", b.workload.Namespace())
	}
	return refuse(fmt.Sprintf("Create it there: kubectl create secret tls %s -n %s --cert FILE --key FILE", inert.Argument(b.intent.TLSSecret), inert.Word(namespace)),
		"there is no Secret %s in namespace %s, where the gateway's pods are%s", b.intent.TLSSecret, namespace, elsewhere)
}

// checkClientCA looks for the authority that --tls-mutual checks clients' certificates against.
func (b *builder) checkClientCA(ca gateway.Credential) error {
	for _, name := range []string{ca.Name, ca.CAFallback()} {
		if secret, ok := b.snapshot.Secrets().Get(ca.Namespace, name); ok && gateway.SecretCAProblem(secret) == "" {
			return nil
		}
	}
	if reason, unknown := b.snapshot.Unknown(mesh.KindSecret, ca.Namespace, ca.Name); unknown {
		b.note("Secret %s/%s could not be checked: %s", ca.Namespace, ca.Name, reason)
		return nil
	}
	return refuse(fmt.Sprintf("Add the authority's certificate: kubectl create secret generic %s -n %s --from-file=ca.crt=FILE", inert.Argument(ca.Name), inert.Word(ca.Namespace)),
		"--tls-mutual needs the authority that signs the clients' certificates: neither Secret %s nor the key ca.crt of Secret %s is in namespace %s",
		ca.Name, b.intent.TLSSecret, ca.Namespace)
}

// SecretsFor are the names of the Secrets that an intent with --tls-secret needs to look at, in whatever namespace.
func SecretsFor(intent Intent) []string {
	switch {
	case intent.TLSSecret == "":
		return nil
	case intent.TLSMutual:
		return []string{intent.TLSSecret, intent.TLSSecret + "-cacert"}
	default:
		return []string{intent.TLSSecret}
	}
}
