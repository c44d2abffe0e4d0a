package gatewayapi

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
)

var routeNotPerCall = &checks.Check{
	ID:     "GX813",
	Slug:   "route-not-per-call",
	Levels: []checks.Level{checks.Warning},
	Title:  "A TCPRoute or TLSRoute leads to a gRPC port",
	What:   "A TCPRoute, or a TLSRoute, that a listener takes has an exposed port as its backend.",
	Why: "For such routes the gateway passes connections on and does not read the calls in them. A gRPC client keeps one connection: all of its " +
		"calls are served by one pod.",
	Client: "Calls succeed, and one pod serves all calls of a client.",
	Bad: example.ShopServer + exampleTCPGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good:     example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute,
	Reads:    []mesh.Kind{mesh.KindTCPRoute, mesh.KindTLSRoute, mesh.KindKubernetesGateway},
	Consults: checks.WithoutKinds(append([]mesh.Kind{mesh.KindGRPCRoute, mesh.KindHTTPRoute}, apiRouteConsults...), mesh.KindKubernetesGateway),
	Since:    "v0.1.0",
	Run:      runRouteNotPerCall,
}

const exampleTCPGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - {name: grpc, port: 8000, protocol: TCP}
---
`

func runRouteNotPerCall(p *checks.Pass) {
	for _, route := range gatewayapi.StreamRoutes(p.Snapshot) {
		taker, taken := streamTaker(p, route)
		if !taken {
			continue
		}
		for _, backend := range route.Backends {
			service, port, ok := gatewayapi.BackendService(p.Snapshot, route, backend)
			if !ok || !gatewayapi.Granted(p.Snapshot, gatewayapi.BackendReference(route, backend)) {
				continue
			}
			for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
				if exposed.Port.Port == port.Port {
					reportPerConnection(p, route, backend, exposed, taker)
				}
			}
		}
	}
}

// streamTaker names the first listener of Istio's that takes the route.
func streamTaker(p *checks.Pass, route *gatewayapi.APIRoute) (taker string, taken bool) {
	for _, parent := range routeParents(p, route) {
		if parent.Gateway == nil || !gatewayapi.IsIstioIngress(p.Snapshot, parent.Gateway) {
			continue
		}
		for _, match := range parent.Listeners {
			if match.Attachment == gatewayapi.Attached {
				return listenerText(ownerOf(parent), match.Listener), true
			}
		}
	}
	return "", false
}

func reportPerConnection(p *checks.Pass, route *gatewayapi.APIRoute, backend gatewayapi.APIBackend, port *exposure.ExposedPort, taker string) {
	finding := checks.Finding{
		Object: route.Object, Path: backendField(backend, "name"),
		Message: fmt.Sprintf("The %s passes connections on to %s of Service %s/%s, a gRPC port: the gateway balances connections, not calls.",
			route.Key.Kind, checks.PortText(port), port.Service.Namespace, port.Service.Name),
		Evidence: append([]string{taker + " takes the route"}, checks.EvidenceOf(port)...),
		Symptom:  "none in single calls; one pod serves all calls of a client",
		Fix:      checks.Fix{Text: "Route the calls with a GRPCRoute, on a listener of protocol HTTP, or HTTPS with the server's certificate."},
	}
	if route.Key.Kind == mesh.KindTLSRoute {
		finding.Evidence = append(finding.Evidence, "with a TLSRoute the gateway cannot read the calls: it does not terminate TLS for it")
	}
	p.Report(finding)
}
