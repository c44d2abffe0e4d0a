package checks

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var httpRouteForGRPC = &Check{
	ID:     "GX808",
	Slug:   "http-route-for-grpc",
	Levels: []Level{Info},
	Title:  "An HTTPRoute leads to a gRPC port",
	What:   "An HTTPRoute that a Gateway takes leads to an exposed port.",
	Why: "It works: the gateway speaks to the port as its name or appProtocol says. A GRPCRoute says what is meant, matches by service and " +
		"method, and has no rewrites or redirects that break gRPC calls.",
	Client: "Nothing.",
	Bad: exampleShopServer + exampleShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good:     exampleShopServer + exampleShopAPIGateway + exampleShopAPIRoute,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), exposureReads...),
	Consults: withoutKinds(apiRouteConsults, exposureReads...),
	Since:    "v0.1.0",
	Run:      runHTTPRouteForGRPC,
}

func runHTTPRouteForGRPC(p *Pass) {
	seen := map[mesh.Key]bool{}
	for _, port := range p.ExposedPorts() {
		for _, backend := range p.RouteBackendsTo(port.Service, port.Port.Port) {
			key := mesh.KeyOf(backend.Route)
			if backend.GRPC || port.Weak() || seen[key] {
				continue
			}
			seen[key] = true
			p.Report(Finding{
				Object:   backend.Route,
				Path:     ".spec.rules",
				Message:  fmt.Sprintf("The HTTPRoute leads to %s of Service %s/%s, which is gRPC.", portText(port), port.Service.Namespace, port.Service.Name),
				Evidence: evidenceOf(port),
				Symptom:  "None",
				Fix:      Fix{Text: "Write it as a GRPCRoute."},
			})
		}
	}
}
