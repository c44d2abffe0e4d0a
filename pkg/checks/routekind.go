package checks

import (
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

// RouteKindOf is the kind of routes that istiod looks for.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayTCPBasedFilterChains, createGatewayTCPFilterChainOpts).
func RouteKindOf(server *networkingapi.Server) string {
	switch {
	case gateway.ServerIsHTTP(server):
		return "http"
	case gateway.ServerIsPassthrough(server):
		return "tls"
	default:
		return "tcp"
	}
}

// RouteKinds are the kinds of routes that a VirtualService has.
func RouteKinds(vs *networking.VirtualService) []string {
	var kinds []string
	if len(vs.Spec.Http) > 0 {
		kinds = append(kinds, "http")
	}
	if len(vs.Spec.Tls) > 0 {
		kinds = append(kinds, "tls")
	}
	if len(vs.Spec.Tcp) > 0 {
		kinds = append(kinds, "tcp")
	}
	return kinds
}

// HasCertificate reports whether TLS settings name a certificate, or need none.
func HasCertificate(settings *networkingapi.ServerTLSSettings) bool {
	return settings.GetMode() == networkingapi.ServerTLSSettings_ISTIO_MUTUAL || settings.GetCredentialName() != "" ||
		len(settings.GetCredentialNames()) > 0 || settings.GetServerCertificate() != "" || len(settings.GetTlsCertificates()) > 0
}
