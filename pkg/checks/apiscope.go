package checks

import (
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// apiRouteRelevance judges a route of the Gateway API: a GRPCRoute is certain; an HTTPRoute is what its backends are, and
// unclear where they cannot be seen and nothing else in it says plain HTTP.
func (p *Pass) apiRouteRelevance(route *gatewayapi.APIRoute) relevance {
	if route.GRPC() {
		return certain
	}
	return mesh.Remember(p.Snapshot, relevanceMemory{route.Key}, func() relevance {
		http, isHTTP := route.Object.(*gatewayv1.HTTPRoute)
		if isHTTP && matchesMethods(http) {
			return certain
		}
		most, lost := plain, len(route.Backends) > 0
		for _, backend := range route.Backends {
			found := p.backendRelevance(route, backend)
			if found == unclear && isHTTP && matchesOnlyPlainHTTP(&http.Spec.Rules[backend.Rule]) {
				found = plain
			}
			lost = lost && found == unclear
			most = max(most, found)
		}
		if most == unclear && !lost {
			return plain
		}
		return most
	})
}

func matchesMethods(route *gatewayv1.HTTPRoute) bool {
	for _, rule := range route.Spec.Rules {
		for _, match := range rule.Matches {
			if match.Path != nil && match.Path.Value != nil && host.IsMethodPath(*match.Path.Value) {
				return true
			}
		}
	}
	return false
}

// matchesOnlyPlainHTTP is mesh.MatchesPlainHTTP for a rule of an HTTPRoute.
func matchesOnlyPlainHTTP(rule *gatewayv1.HTTPRouteRule) bool {
	return len(rule.Matches) > 0 && !slices.ContainsFunc(rule.Matches, func(match gatewayv1.HTTPRouteMatch) bool {
		path := ""
		if match.Path != nil && match.Path.Value != nil && (match.Path.Type == nil || *match.Path.Type != gatewayv1.PathMatchRegularExpression) {
			path = *match.Path.Value
		}
		return (match.Method == nil || *match.Method == gatewayv1.HTTPMethodPost) && exposure.MayNameService(path)
	})
}

// backendRelevance judges where a backendRef leads; a port that the Service does not have is taken for any of its.
func (p *Pass) backendRelevance(route *gatewayapi.APIRoute, backend gatewayapi.APIBackend) relevance {
	service, port, _ := gatewayapi.BackendService(p.Snapshot, route, backend)
	if service == nil {
		return unclear
	}
	most := plain
	for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
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

// gatewayRelevance is what a Gateway of the Gateway API has to do with gRPC.
type gatewayRelevance struct {
	// all is the greatest of the routes that name the Gateway, whether or not it takes them; unclear where none does.
	all relevance
	// byListener are the listeners that take routes: the greatest of theirs.
	byListener map[gatewayv1.SectionName]relevance
}

// ofListener is that of a listener, and of the Gateway as a whole where it takes no route.
func (r gatewayRelevance) ofListener(name gatewayv1.SectionName) relevance {
	if of, taken := r.byListener[name]; taken {
		return of
	}
	return r.all
}

// gatewaysOfGRPC are the Gateways of the Gateway API on the way of gRPC calls, with the best that is known of each. A waypoint
// is on the way of callers in the mesh to the Services that use it.
func gatewaysOfGRPC(p *Pass) map[*gatewayv1.Gateway]gatewayRelevance {
	found := map[*gatewayv1.Gateway]gatewayRelevance{}
	named := map[*gatewayv1.Gateway]bool{}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		for _, parent := range gatewayapi.GatewayParents(p.Snapshot, route) {
			if parent.Gateway == nil {
				continue
			}
			of, routeOf := found[parent.Gateway], p.apiRouteRelevance(route)
			if !named[parent.Gateway] {
				named[parent.Gateway] = true
				of.byListener = map[gatewayv1.SectionName]relevance{}
			}
			of.all = max(of.all, routeOf)
			for _, match := range parent.Listeners {
				if match.Attachment == gatewayapi.Attached {
					of.byListener[match.Listener.Name] = max(of.byListener[match.Listener.Name], routeOf)
				}
			}
			found[parent.Gateway] = of
		}
	}
	for _, gateway := range p.KubernetesGateways().All() {
		switch {
		case isWaypoint(gateway):
			delete(found, gateway)
		case !named[gateway] && routesHTTP(gateway):
			found[gateway] = gatewayRelevance{all: unclear}
		}
	}
	for _, port := range exposure.ExposedPorts(p.Snapshot) {
		if use := gatewayapi.WaypointOf(p.Snapshot, port.Service); use.Gateway != nil && isWaypoint(use.Gateway) {
			found[use.Gateway] = gatewayRelevance{all: max(found[use.Gateway].all, relevanceOf(port))}
		}
	}
	return found
}

// routesHTTP says that one of the listeners takes GRPCRoutes or HTTPRoutes; those of protocol TCP and TLS do not.
func routesHTTP(gateway *gatewayv1.Gateway) bool {
	return slices.ContainsFunc(gateway.Spec.Listeners, func(listener gatewayv1.Listener) bool { return speaksHTTP(&listener) })
}

func speaksHTTP(listener *gatewayv1.Listener) bool {
	return listener.Protocol == gatewayv1.HTTPProtocolType || listener.Protocol == gatewayv1.HTTPSProtocolType
}

// isWaypoint says that a Gateway is for the traffic between workloads: its listeners speak HBONE.
func isWaypoint(gateway *gatewayv1.Gateway) bool {
	for _, listener := range gateway.Spec.Listeners {
		if listener.Protocol != "HBONE" {
			return false
		}
	}
	return len(gateway.Spec.Listeners) > 0
}
