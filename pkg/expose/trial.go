package expose

import (
	"bytes"
	"crypto/x509"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

// The services that every gRPC server may have beside its own: reflection, by either name, tells a client what can be called.
const healthService = "grpc.health.v1.Health"

var reflectionServices = []string{"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}

// trial is a line for the tool grpcurl that tries the exposure, and where to get the file with the authority that it names.
type trial struct {
	command string
	// authority is a line that writes ca.crt, empty where the client trusts the certificate without it.
	authority string
}

// trialOf is the trial that works through the routes: where reflection is not routed, a call of a service that is.
func trialOf(result *Result, snapshot *mesh.Snapshot, target string) trial {
	var made trial
	words := []string{"grpcurl"}
	host := ""
	if len(result.Hosts) > 0 {
		host = callpath.AuthorityFor(result.Hosts[0])
	}
	if result.TLS {
		secret := certificateSecret(result, snapshot)
		key := authorityIn(secret)
		if key != "" {
			words = append(words, "-cacert", "ca.crt")
			made.authority = inert.Command("kubectl", "get", "secret", secret.Name, "-n", secret.Namespace, "-o",
				"jsonpath={.data."+strings.ReplaceAll(key, ".", `\.`)+"}") + " | base64 -d > ca.crt"
		}
		if result.TLSMutual {
			words = append(words, "-cert", "client.crt", "-key", "client.key")
		}
		if host == "" {
			host = certificateHost(secret)
		}
	} else {
		words = append(words, "-plaintext")
	}
	if host != "" {
		// Over TLS it is the name that the certificate is checked for, too.
		words = append(words, "-authority", host)
	}
	made.command = inert.Command(append(words, calls(result, snapshot, target)...)...)
	return made
}

// calls are the words of the call itself: grpcurl lists the services by reflection, or reads a .proto file.
func calls(result *Result, snapshot *mesh.Snapshot, target string) []string {
	routed := func(service string) bool { return isRouted(result, snapshot, service) }
	switch {
	case slices.ContainsFunc(reflectionServices, routed):
		return []string{target, "list"}
	case routed(healthService):
		return []string{"-proto", "health.proto", target, healthService + "/Check"}
	case len(result.GRPCServices) > 0:
		return []string{"-proto", "FILE", target, result.GRPCServices[0] + "/METHOD"}
	default:
		return []string{"-proto", "FILE", target, "SERVICE/METHOD"}
	}
}

// isRouted reports whether calls of the service get to the workload: they were asked for, and no other route takes them first.
func isRouted(result *Result, snapshot *mesh.Snapshot, service string) bool {
	if len(result.GRPCServices) > 0 && !slices.Contains(result.GRPCServices, service) {
		return false
	}
	for _, route := range othersOnHosts(result, snapshot) {
		if !route.CatchesAll() && route.TakesPrefix("/"+service+"/") {
			return false
		}
	}
	return true
}

// certificateSecret is the Secret that the server of the exposure shows; nil where it is not known.
func certificateSecret(result *Result, snapshot *mesh.Snapshot) *core.Secret {
	if result.Gateway == nil {
		return nil
	}
	name := result.TLSSecret
	if server := serverOf(result, snapshot); server != nil {
		name = server.GetTls().GetCredentialName()
	}
	credentials := gateway.Credentials(&networkingapi.Server{
		Tls: &networkingapi.ServerTLSSettings{Mode: networkingapi.ServerTLSSettings_SIMPLE, CredentialName: name},
	}, result.Gateway.Namespace)
	for _, credential := range credentials {
		if secret, ok := snapshot.Secrets().Get(credential.Namespace, credential.Name); ok {
			return secret
		}
	}
	return nil
}

// serverOf is the Gateway server that takes the calls, nil where it is not there yet.
func serverOf(result *Result, snapshot *mesh.Snapshot) *networkingapi.Server {
	gw, ok := snapshot.Gateways().Get(result.GatewayObject.Namespace, result.GatewayObject.Name)
	if !ok {
		return nil
	}
	for _, server := range gw.Spec.GetServers() {
		if server.GetPort().GetNumber() == uint32(result.Port) && gateway.ServerIsTLS(server) {
			return server
		}
	}
	return nil
}

// authorityIn is the key of the Secret with the authority that a client must be given: where the certificate is signed by
// itself, or by an authority that the Secret holds. Empty where nothing shows that clients do not know it.
func authorityIn(secret *core.Secret) string {
	if secret == nil {
		return ""
	}
	pair, problem := gateway.SecretKeyPair(secret)
	if problem != "" {
		return ""
	}
	for _, key := range []string{"ca.crt", "cacert"} {
		if len(secret.Data[key]) > 0 {
			return key
		}
	}
	if slices.ContainsFunc(pair.Chain, isSelfSigned) {
		return gateway.CertificateKey(secret)
	}
	return ""
}

func isSelfSigned(certificate *x509.Certificate) bool {
	return bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
}

// certificateHost is a name that the certificate is for: where any authority is routed, the client still checks one.
func certificateHost(secret *core.Secret) string {
	if secret == nil {
		return ""
	}
	pair, problem := gateway.SecretKeyPair(secret)
	if problem != "" || len(pair.Leaf().DNSNames) == 0 {
		return ""
	}
	host := callpath.AuthorityFor(pair.Leaf().DNSNames[0])
	if len(validation.IsDNS1123Subdomain(host)) > 0 {
		return ""
	}
	return host
}
