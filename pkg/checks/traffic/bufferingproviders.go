package traffic

import (
	"fmt"

	meshapi "istio.io/api/mesh/v1alpha1"
	networkingapi "istio.io/api/networking/v1alpha3"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// bufferingProviders are the names of the mesh config's providers for external authorization that want the body of requests. With
// allowPartialMessage, too, the proxy waits for the end of the stream, or for maxRequestBytes.
// Source: Istio's pilot/pkg/security/authz/builder/extauthz.go (withBodyRequest), Envoy's extensions/filters/http/ext_authz/ext_authz.cc
// (decodeHeaders, decodeData).
func bufferingProviders(p *checks.Pass) map[string]bool {
	names := map[string]bool{}
	for _, provider := range proxy.DefaultMeshConfig(p.Snapshot).GetExtensionProviders() {
		if wantsBody(provider) {
			names[provider.GetName()] = true
		}
	}
	return names
}

func wantsBody(provider *meshapi.MeshConfig_ExtensionProvider) bool {
	return provider.GetEnvoyExtAuthzGrpc().GetIncludeRequestBodyInCheck() != nil || provider.GetEnvoyExtAuthzHttp().GetIncludeRequestBodyInCheck() != nil
}

// reportBufferingProviders reports the CUSTOM policies that ask such a provider about calls to exposed ports.
func reportBufferingProviders(p *checks.Pass) {
	buffering := bufferingProviders(p)
	if len(buffering) == 0 {
		return
	}
	reported := map[*security.AuthorizationPolicy]bool{}
	for _, port := range checks.PortsInScope(p) {
		for _, hop := range hopsTo(p, port) {
			if !readsHTTP(hop) {
				continue
			}
			for _, provider := range policy.CustomProviders(p.Snapshot, hop.Namespace, hop.Labels) {
				if !buffering[provider.Name] || provider.Fault != "" {
					continue
				}
				for _, custom := range provider.Policies {
					if !reported[custom] && policy.Matches(p.Snapshot, custom, policy.Call{Port: hop.ListenerPort, AnyCaller: true}) != policy.Never {
						reported[custom] = true
						p.Report(bufferingPolicy(custom, hop))
					}
				}
			}
		}
	}
}

// readsHTTP reports whether the proxy sees requests: for a port of TCP it asks about connections, which have no body.
func readsHTTP(hop hop) bool {
	protocol := hop.port.Protocol()
	return hop.Context == networkingapi.EnvoyFilter_GATEWAY || protocol.IsHTTP() || protocol == workload.ProtocolUnsupported
}

func bufferingPolicy(custom *security.AuthorizationPolicy, hop hop) checks.Finding {
	name := custom.Spec.GetProvider().GetName()
	return checks.Finding{
		Object: custom,
		Path:   plan.PathOf("spec", "provider", "name"),
		Message: fmt.Sprintf("Provider %[1]s wants the body of requests, so that calls to %[3]s are held back in %[2]s until they are complete.",
			name, hop.name, host.ServiceHost(hop.port.Service)),
		Evidence: append([]string{fmt.Sprintf("the mesh config's provider %s has includeRequestBodyInCheck, and %s asks it", name, mesh.KeyOf(custom))},
			checks.EvidenceOf(hop.port)...),
		Symptom: "Streaming calls stall (DEADLINE_EXCEEDED), and large ones are refused",
		Fix:     checks.Fix{Text: "Ask a provider without includeRequestBodyInCheck, or leave the streaming methods out of the policy's rules."},
	}
}
