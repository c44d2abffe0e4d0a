package gatewayapi

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var httpRouteForGRPC = &checks.Check{
	ID:     "GX808",
	Slug:   "http-route-for-grpc",
	Levels: []checks.Level{checks.Info},
	Title:  "An HTTPRoute leads to a gRPC port",
	What:   "An HTTPRoute leads to an exposed port.",
	Why: "It works: the gateway speaks to the port as its name or appProtocol says. A GRPCRoute says what is meant, matches by service and " +
		"method, and has no rewrites or redirects that break gRPC calls.",
	Client: "Nothing.",
	Bad: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good:     example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), checks.ExposureReads...),
	Consults: checks.WithoutKinds(apiRouteConsults, checks.ExposureReads...),
	Since:    "v0.1.0",
	Run:      runHTTPRouteForGRPC,
}

func runHTTPRouteForGRPC(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		if port := exposedBackend(p, route); port != nil && !route.GRPC() {
			p.Report(checks.Finding{
				Object:   route.Object,
				Path:     plan.PathOf("spec", "rules"),
				Message:  fmt.Sprintf("The HTTPRoute leads to %s of Service %s/%s, which is gRPC.", checks.PortText(port), port.Service.Namespace, port.Service.Name),
				Evidence: checks.EvidenceOf(port),
				Symptom:  "none",
				Fix:      checks.Fix{Text: "Write it as a GRPCRoute."},
			})
		}
	}
}

// exposedBackend is the first exposed port that the route leads to.
func exposedBackend(p *checks.Pass, route *gatewayapi.APIRoute) *exposure.ExposedPort {
	for _, backend := range route.Backends {
		service, port, ok := gatewayapi.BackendService(p.Snapshot, route, backend)
		if !ok {
			continue
		}
		for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
			if exposed.Port.Port == port.Port {
				return exposed
			}
		}
	}
	return nil
}
