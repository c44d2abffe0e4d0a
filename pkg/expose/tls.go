package expose

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

// checkSecret looks at the Secret of --tls-secret where the gateway reads it: in the namespace of its own pods.
func (r *routing) checkSecret(choice gatewayChoice) error {
	if r.intent.TLSSecret == "" {
		return nil
	}
	if choice.assumed {
		r.note("Secret %s must be in the namespace of the gateway's pods; the files do not tell whether it is", r.intent.TLSSecret)
		return nil
	}
	server := &networkingapi.Server{
		Port: &networkingapi.Port{Number: uint32(r.backend.outside), Protocol: "HTTPS"},
		Tls:  &networkingapi.ServerTLSSettings{Mode: r.intent.tlsMode(), CredentialName: r.intent.TLSSecret},
	}
	namespace := r.gateway.Namespace
	secret, ok := r.snapshot.Secrets().Get(namespace, r.intent.TLSSecret)
	if !ok {
		return r.secretNotFound(namespace)
	}
	pair, problem := gateway.SecretKeyPair(secret)
	if problem == "" {
		problem = gateway.Validity(pair.Leaf(), r.snapshot.Now())
	}
	if problem != "" {
		return refuse("Put a valid certificate with its key into it (kubectl create secret tls)", "the gateway cannot use Secret %s/%s: %s", namespace, r.intent.TLSSecret, problem)
	}
	for _, host := range r.intent.Hosts {
		if !gateway.CertificateCovers(pair.Leaf(), host) {
			r.note("The certificate in Secret %s/%s does not cover %s: clients that check names will refuse it", namespace, r.intent.TLSSecret, host)
		}
	}
	if ca, wanted := gateway.ClientCA(server, namespace); wanted {
		return r.checkClientCA(ca)
	}
	return nil
}

func (r *routing) secretNotFound(namespace string) error {
	if reason, unknown := r.snapshot.Unknown(mesh.KindSecret, namespace, r.intent.TLSSecret); unknown {
		r.note("Secret %s/%s could not be checked: %s", namespace, r.intent.TLSSecret, reason)
		return nil
	}
	elsewhere := ""
	if _, there := r.snapshot.Secrets().Get(r.workload.Namespace(), r.intent.TLSSecret); there && r.workload.Namespace() != namespace {
		elsewhere = fmt.Sprintf("; it is in %s, where the gateway does not look", r.workload.Namespace())
	}
	return refuse(fmt.Sprintf("Create it there: kubectl create secret tls %s -n %s --cert FILE --key FILE", inert.Argument(r.intent.TLSSecret), inert.Word(namespace)),
		"there is no Secret %s in namespace %s, where the gateway's pods are%s", r.intent.TLSSecret, namespace, elsewhere)
}

// checkClientCA looks for the authority that --tls-mutual checks clients' certificates against.
func (r *routing) checkClientCA(ca gateway.Credential) error {
	for _, name := range []string{ca.Name, ca.CAFallback()} {
		if secret, ok := r.snapshot.Secrets().Get(ca.Namespace, name); ok && gateway.SecretCAProblem(secret) == "" {
			return nil
		}
	}
	if reason, unknown := r.snapshot.Unknown(mesh.KindSecret, ca.Namespace, ca.Name); unknown {
		r.note("Secret %s/%s could not be checked: %s", ca.Namespace, ca.Name, reason)
		return nil
	}
	return refuse(fmt.Sprintf("Add the authority's certificate: kubectl create secret generic %s -n %s --from-file=ca.crt=FILE", inert.Argument(ca.Name), inert.Word(ca.Namespace)),
		"--tls-mutual needs the authority that signs the clients' certificates: neither Secret %s nor the key ca.crt of Secret %s is in namespace %s",
		ca.Name, r.intent.TLSSecret, ca.Namespace)
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
