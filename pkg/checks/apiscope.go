package checks

import (
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// APIRouteRelevance judges a route of the Gateway API: a GRPCRoute is certain; an HTTPRoute is what its backends are, and
// unclear where they cannot be seen and nothing else in it says plain HTTP.
func (p *Pass) APIRouteRelevance(route *gatewayapi.APIRoute) Relevance {
	if route.GRPC() {
		return CertainGRPC
	}
	return mesh.Remember(p.Snapshot, relevanceMemory{route.Key}, func() Relevance {
		http, isHTTP := route.Object.(*gatewayv1.HTTPRoute)
		if isHTTP && matchesMethods(http) {
			return CertainGRPC
		}
		most, lost := PlainHTTP, len(route.Backends) > 0
		for _, backend := range route.Backends {
			found := p.backendRelevance(route, backend)
			if found == Unclear && isHTTP && matchesOnlyPlainHTTP(&http.Spec.Rules[backend.Rule]) {
				found = PlainHTTP
			}
			lost = lost && found == Unclear
			most = max(most, found)
		}
		if most == Unclear && !lost {
			return PlainHTTP
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
func (p *Pass) backendRelevance(route *gatewayapi.APIRoute, backend gatewayapi.APIBackend) Relevance {
	service, port, _ := gatewayapi.BackendService(p.Snapshot, route, backend)
	if service == nil {
		return Unclear
	}
	most := PlainHTTP
	for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
		switch {
		case port != nil && exposed.Port.Port != port.Port:
		case exposed.Weak():
			most = max(most, LikelyGRPC)
		default:
			return CertainGRPC
		}
	}
	return most
}

// GatewayRelevance is what a Gateway of the Gateway API has to do with gRPC.
type GatewayRelevance struct {
	// all is the greatest of the routes that name the Gateway, whether or not it takes them; unclear where none does.
	All Relevance
	// byListener are the listeners that take routes: the greatest of theirs.
	byListener map[gatewayv1.SectionName]Relevance
}

// OfListener is that of a listener, and of the Gateway as a whole where it takes no route.
func (r GatewayRelevance) OfListener(name gatewayv1.SectionName) Relevance {
	if of, taken := r.byListener[name]; taken {
		return of
	}
	return r.All
}

// GatewaysOfGRPC are the Gateways of the Gateway API on the way of gRPC calls, with the best that is known of each. A waypoint
// is on the way of callers in the mesh to the Services that use it.
func GatewaysOfGRPC(p *Pass) map[*gatewayv1.Gateway]GatewayRelevance {
	found := map[*gatewayv1.Gateway]GatewayRelevance{}
	named := map[*gatewayv1.Gateway]bool{}
	behindSets := map[*gatewayv1.Gateway]bool{}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		for _, parent := range gatewayapi.ListenerSetParents(p.Snapshot, route) {
			if parent.Gateway != nil {
				of := found[parent.Gateway]
				of.All = max(of.All, p.APIRouteRelevance(route))
				found[parent.Gateway], behindSets[parent.Gateway] = of, true
			}
		}
		for _, parent := range gatewayapi.GatewayParents(p.Snapshot, route) {
			if parent.Gateway == nil {
				continue
			}
			of, routeOf := found[parent.Gateway], p.APIRouteRelevance(route)
			if !named[parent.Gateway] {
				named[parent.Gateway] = true
				of.byListener = map[gatewayv1.SectionName]Relevance{}
			}
			of.All = max(of.All, routeOf)
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
		case IsWaypoint(gateway):
			delete(found, gateway)
		case !named[gateway] && !behindSets[gateway] && routesHTTP(gateway):
			found[gateway] = GatewayRelevance{All: Unclear}
		}
	}
	for _, port := range exposure.ExposedPorts(p.Snapshot) {
		if use := gatewayapi.WaypointOf(p.Snapshot, port.Service); use.Gateway != nil && IsWaypoint(use.Gateway) {
			found[use.Gateway] = GatewayRelevance{All: max(found[use.Gateway].All, relevanceOf(port))}
		}
	}
	return found
}

// routesHTTP reports whether one of the listeners takes GRPCRoutes or HTTPRoutes; those of protocol TCP and TLS do not.
func routesHTTP(gateway *gatewayv1.Gateway) bool {
	return slices.ContainsFunc(gateway.Spec.Listeners, func(listener gatewayv1.Listener) bool { return SpeaksHTTP(&listener) })
}

// SpeaksHTTP reports whether a listener takes HTTP, be it with TLS.
func SpeaksHTTP(listener *gatewayv1.Listener) bool {
	return listener.Protocol == gatewayv1.HTTPProtocolType || listener.Protocol == gatewayv1.HTTPSProtocolType
}

// IsWaypoint reports whether a Gateway is for the traffic between workloads: its listeners speak HBONE.
func IsWaypoint(gateway *gatewayv1.Gateway) bool {
	for _, listener := range gateway.Spec.Listeners {
		if listener.Protocol != "HBONE" {
			return false
		}
	}
	return len(gateway.Spec.Listeners) > 0
}
