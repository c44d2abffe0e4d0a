package policy

import (
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// MeshRoute is one match of one http rule as sidecars have it.
type MeshRoute struct {
	Rule *host.HTTPRule
	// Match is the place of the match in the rule, -1 where it has none and takes every call.
	Match int
}

// MatchSpec is the match itself, nil where the rule has none.
func (r MeshRoute) MatchSpec() *networkingapi.HTTPMatchRequest {
	if r.Match < 0 {
		return nil
	}
	return r.Rule.Spec.Match[r.Match]
}

// MeshRouting is what sidecars do with the calls to one port of a Service.
type MeshRouting struct {
	// Known says that they have the host: the Service is exported to them, and the Sidecar resource imports it.
	Known bool
	// VirtualService has the routes, nil for the default one: straight to the Service.
	VirtualService *networking.VirtualService
	Routes         []MeshRoute
	// Dropped are the VirtualServices that have routes for the host as well, of which these sidecars take none, in istiod's order.
	Dropped []*networking.VirtualService
}

// MeshRoutingFor is what sidecars of the client do with calls to an HTTP or sniffed port of a Service. One VirtualService has the host,
// the first in istiod's order with a route for these callers; the routes of all others are dropped. One that has the host by a wildcard
// counts only if no other of those that are imported has the name, or a longer wildcard.
// Source: Istio's pilot/pkg/networking/core/httproute.go (BuildSidecarOutboundVirtualHosts) and route/route.go
// (BuildSidecarVirtualHostWrapper, separateVSHostsAndServices).
func MeshRoutingFor(s *mesh.Snapshot, client proxy.Client, service *core.Service, port int32) MeshRouting {
	sidecar := SidecarFor(s, client.Namespace, client.Labels)
	listener := egressListenerFor(sidecar, port)
	known := host.ServiceVisibleTo(s, service, client.Namespace) && (sidecar == nil || len(sidecar.Spec.GetEgress()) == 0 ||
		listener != nil && egressHostsInclude(listener.GetHosts(), client.Namespace, service.Namespace, host.ServiceHost(service), host.HostSubsetOf))
	if !known {
		return MeshRouting{}
	}
	routing := MeshRouting{Known: true}
	for _, vs := range virtualServicesWithHost(importedVirtualServices(s, client, listener), host.ServiceHost(service)) {
		routes := meshRoutes(s, client, vs, port)
		switch {
		case len(routes) == 0:
		case routing.VirtualService == nil:
			routing.VirtualService, routing.Routes = vs, routes
		default:
			routing.Dropped = append(routing.Dropped, vs)
		}
	}
	return routing
}

// virtualServicesWithHost are those with the name of a Service, in any case, and the one that stands for it by a wildcard. A name in
// another case leaves the wildcard alone.
// Source: Istio's pilot/pkg/model/sidecar.go (computeWildcardHostVirtualServiceIndex).
func virtualServicesWithHost(all []*networking.VirtualService, name string) []*networking.VirtualService {
	var owner *networking.VirtualService
	closest := ""
	named := map[*networking.VirtualService]bool{}
	for _, vs := range all {
		for _, of := range vs.Spec.GetHosts() {
			of = host.ResolveHost(of, vs.Namespace)
			named[vs] = named[vs] || strings.EqualFold(of, name)
			if host.HostSubsetOf(name, of) && (closest == "" || host.CompareHosts(of, closest) < 0) {
				owner, closest = vs, of
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(vs *networking.VirtualService) bool { return !named[vs] && vs != owner })
}

// importedVirtualServices are those that an egress listener leaves to the client, all where there is none.
// Source: Istio's pilot/pkg/model/virtualservice.go (SelectVirtualServices).
func importedVirtualServices(s *mesh.Snapshot, client proxy.Client, listener *networkingapi.IstioEgressListener) []*networking.VirtualService {
	visible := host.VirtualServicesForMesh(s, client.Namespace)
	if listener == nil {
		return visible
	}
	return slices.DeleteFunc(slices.Clone(visible), func(vs *networking.VirtualService) bool {
		return !slices.ContainsFunc(vs.Spec.GetHosts(), func(name string) bool {
			return egressHostsInclude(listener.GetHosts(), client.Namespace, vs.Namespace, host.ResolveHost(name, vs.Namespace), host.HostMatches)
		})
	})
}

// egressListenerFor is the one for calls to a port: its own, or the one for all others; nil where the resource lists none.
// Source: Istio's pilot/pkg/model/sidecar.go (GetEgressListenerForRDS).
func egressListenerFor(sidecar *networking.Sidecar, port int32) *networkingapi.IstioEgressListener {
	if sidecar == nil {
		return nil
	}
	var others *networkingapi.IstioEgressListener
	for _, listener := range sidecar.Spec.GetEgress() {
		switch number := listener.GetPort().GetNumber(); {
		case number == uint32(port):
			return listener
		case number == 0:
			others = listener
		}
	}
	return others
}

// meshRoutes are the routes of a VirtualService that callers like the client have for a port.
// Source: Istio's pilot/pkg/networking/core/route/route.go (BuildHTTPRoutesForVirtualService, sourceMatchHTTP).
func meshRoutes(s *mesh.Snapshot, client proxy.Client, vs *networking.VirtualService, port int32) []MeshRoute {
	var routes []MeshRoute
	for _, rule := range host.HTTPRules(s, vs) {
		if len(rule.Spec.GetMatch()) == 0 {
			return append(routes, MeshRoute{Rule: rule, Match: -1})
		}
		for i, match := range rule.Spec.GetMatch() {
			if !isForCallers(match, rule.Holder.Namespace, client, port) {
				continue
			}
			routes = append(routes, MeshRoute{Rule: rule, Match: i})
			if host.RouteMatchOf(match).IsCatchAll() {
				return routes
			}
		}
	}
	return routes
}

func isForCallers(match *networkingapi.HTTPMatchRequest, namespace string, client proxy.Client, port int32) bool {
	if match.GetPort() != 0 && match.GetPort() != uint32(port) {
		return false
	}
	if len(match.GetGateways()) > 0 {
		return slices.ContainsFunc(match.GetGateways(), func(name string) bool {
			return host.ResolveGatewayName(name, namespace) == host.MeshGateway
		})
	}
	return mesh.HasLabels(client.Labels, match.GetSourceLabels()) &&
		(match.GetSourceNamespace() == "" || match.GetSourceNamespace() == client.Namespace)
}
