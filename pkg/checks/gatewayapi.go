package checks

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// apiRouteRelevance judges a route of the Gateway API: a GRPCRoute is certain; an HTTPRoute is what its backends are, and
// unclear where they cannot be seen and nothing else in it says plain HTTP.
func (p *Pass) apiRouteRelevance(route *mesh.APIRoute) relevance {
	if route.GRPC() {
		return certain
	}
	return p.rememberRelevance(route.Key, func() relevance {
		http, isHTTP := route.Object.(*gatewayapi.HTTPRoute)
		if isHTTP && matchesMethods(http) {
			return certain
		}
		most, lost := plain, len(route.Backends) > 0
		for _, backend := range route.Backends {
			found := p.backendRelevance(route, backend)
			lost = lost && found == unclear
			most = max(most, found)
		}
		if most == unclear && !lost {
			return plain
		}
		return most
	})
}

func matchesMethods(route *gatewayapi.HTTPRoute) bool {
	for _, rule := range route.Spec.Rules {
		for _, match := range rule.Matches {
			if match.Path != nil && match.Path.Value != nil && mesh.IsMethodPath(*match.Path.Value) {
				return true
			}
		}
	}
	return false
}

// backendRelevance judges where a backendRef leads; a port that the Service does not have is taken for any of its.
func (p *Pass) backendRelevance(route *mesh.APIRoute, backend mesh.APIBackend) relevance {
	service, port, _ := p.BackendService(route, backend)
	if service == nil {
		return unclear
	}
	most := plain
	for _, exposed := range p.ExposedPortsOf(service) {
		switch {
		case port != nil && exposed.Port.Port != port.Port:
		case exposed.Weak():
			most = max(most, weak)
		default:
			return certain
		}
	}
	return most
}

// routesByGateway are the routes that name a Gateway, whether or not it takes them.
func routesByGateway(p *Pass) map[types.NamespacedName][]*mesh.APIRoute {
	routes := map[types.NamespacedName][]*mesh.APIRoute{}
	for _, route := range p.APIRoutes() {
		for _, parent := range p.GatewayParents(route) {
			name := types.NamespacedName{Namespace: parent.Namespace, Name: parent.Name}
			routes[name] = append(routes[name], route)
		}
	}
	return routes
}

// gatewaysOfGRPC are the Gateways of the Gateway API on the way of gRPC calls, with the best that is known of each: what their
// routes are, and unclear where none names them. Waypoints are for callers in the mesh.
func gatewaysOfGRPC(p *Pass) map[*gatewayapi.Gateway]relevance {
	found, routes := map[*gatewayapi.Gateway]relevance{}, routesByGateway(p)
	for _, gateway := range p.KubernetesGateways().All() {
		if isWaypoint(gateway) {
			continue
		}
		naming := routes[types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name}]
		most := plain
		if len(naming) == 0 {
			most = unclear
		}
		for _, route := range naming {
			most = max(most, p.apiRouteRelevance(route))
		}
		found[gateway] = most
	}
	return found
}

// isWaypoint says that a Gateway is for the traffic between workloads: its listeners speak HBONE.
func isWaypoint(gateway *gatewayapi.Gateway) bool {
	for _, listener := range gateway.Spec.Listeners {
		if listener.Protocol != "HBONE" {
			return false
		}
	}
	return len(gateway.Spec.Listeners) > 0
}

// parentField is the path of a field of a route's parentRef.
func parentField(parent mesh.RouteParent, field string) string {
	return fieldPath("spec", "parentRefs", parent.Index, field)
}

// backendField is the path of a field of a route's backendRef.
func backendField(backend mesh.APIBackend, field string) string {
	return fieldPath("spec", "rules", backend.Rule, "backendRefs", backend.Index, field)
}

// listenerText names a listener in a message.
func listenerText(gateway *gatewayapi.Gateway, listener *gatewayapi.Listener) string {
	return fmt.Sprintf("listener %q of Gateway %s/%s", listener.Name, gateway.Namespace, gateway.Name)
}

// routeNotServed is what a gRPC client sees of a route that no listener takes.
const routeNotServed = "UNIMPLEMENTED: the gateway answers 404, or UNAVAILABLE where it has no listener at all"

// apiRouteReads are the kinds on which checks of the Gateway API's routes rest, and apiRouteConsults what says besides whether
// a route is one of gRPC.
var (
	apiRouteReads    = []mesh.Kind{mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindKubernetesGateway}
	apiRouteConsults = withoutKinds(slices.Concat(policyConsults(), exposureReads), apiRouteReads...)
)

// exampleShopAPIGateway is a Gateway of the Gateway API before the server, with a listener for routes of its own namespace.
const exampleShopAPIGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - {name: grpc, port: 80, protocol: HTTP, hostname: "*.example.com"}
---
`
