package gateway

import (
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// GatewayRoute is one match of one http rule (delegates resolved) as one host of one listener of a gateway serves it. A rule
// with several matches is several routes, because Envoy tries them apart.
type GatewayRoute struct {
	// Server is the (first) server that serves it. Its Workload is nil where nobody knows the gateway's (see AllVirtualHosts).
	Server *Server
	// Host is what server and VirtualService have in common, in lower case.
	Host string
	// VirtualService is the root one that binds the Gateway; Holder has the rule (the same, or a delegate), at Rule.
	VirtualService *networking.VirtualService
	Holder         *networking.VirtualService
	Rule           int
	// Match is the place of the match in Spec, -1 where the rule has none and takes every call.
	Match int
	// Spec is the rule, merged with the root's where the holder is a delegate. Short names are those of the holder's namespace.
	Spec *networkingapi.HTTPRoute
	// Shadowed is the route ahead of it that takes all its gRPC calls, nil if it is reached.
	Shadowed *GatewayRoute

	rule  *host.HTTPRule
	match host.RouteMatch
	// number is that of the Gateway server for which istiod translated the VirtualService.
	number   uint32
	position int
}

// Name is the one that the proxy has it by, empty for a rule without name.
// Source: Istio's pilot/pkg/networking/core/route/route.go (translateRoute).
func (r *GatewayRoute) Name() string {
	name := r.Spec.GetName()
	if match := r.MatchSpec().GetName(); match != "" {
		name += "." + match
	}
	return name
}

// MatchSpec is the match itself, nil where the rule has none.
func (r *GatewayRoute) MatchSpec() *networkingapi.HTTPMatchRequest {
	if r.Match < 0 {
		return nil
	}
	return r.Spec.Match[r.Match]
}

// HTTPRule is the rule that the route is one match of.
func (r *GatewayRoute) HTTPRule() *host.HTTPRule { return r.rule }

// CatchesAll reports whether the route takes every call of its host that no other route takes: istiod tries it last.
func (r *GatewayRoute) CatchesAll() bool { return r.match.IsCatchAll() }

// TakesPrefix reports whether the route takes every gRPC call whose path begins so, as far as no route ahead of it does.
func (r *GatewayRoute) TakesPrefix(prefix string) bool {
	taken, ok := r.match.TakenPrefix()
	return ok && len(r.match.Narrowing()) == 0 && !r.match.Fold && strings.HasPrefix(prefix, taken)
}

// PortOf is the Service port number that a destination of the route leads to: its own, or that of the Gateway server.
func (r *GatewayRoute) PortOf(destination host.Destination) int32 {
	if destination.Port != 0 {
		return destination.Port
	}
	return int32(r.number)
}

// VirtualHost is what a gateway does with one host on one route table: its routes in the order in which Envoy tries them.
type VirtualHost struct {
	// Workload is the gateway's; nil where it is not known.
	Workload *proxy.GatewayWorkload
	// Servers share the route table: all plaintext HTTP ones of a listener, or one HTTPS server.
	Servers []*Server
	// Host is a name or wildcard in lower case. A call belongs to the most specific host of its table alone.
	Host string
	// RedirectsToHTTPS says that calls are not routed but sent to https, because a server with this host has httpsRedirect.
	RedirectsToHTTPS bool
	Routes           []*GatewayRoute
}

type routesToMemory struct{}

// RoutesTo are the gateway routes (shadowed ones too, and those of AllVirtualHosts without a workload) with a destination at
// that Service port, whether or not the gateway sees the Service.
func RoutesTo(s *mesh.Snapshot, service *core.Service, port int32) []*GatewayRoute {
	s.Read(mesh.KindVirtualService)
	s.Read(mesh.KindGateway)
	return mesh.Remember(s, routesToMemory{}, func() map[workload.ServicePort][]*GatewayRoute {
		routes := map[workload.ServicePort][]*GatewayRoute{}
		for _, host := range AllVirtualHosts(s) {
			for _, route := range host.Routes {
				addDestinations(s, routes, route)
			}
		}
		return routes
	})[workload.ServicePort{Service: mesh.KeyOf(service), Port: port}]
}

func addDestinations(s *mesh.Snapshot, routes map[workload.ServicePort][]*GatewayRoute, route *GatewayRoute) {
	for _, destination := range host.ServiceDestinations(s, route.Spec, route.Holder.Namespace) {
		key := workload.ServicePort{Service: mesh.KeyOf(destination.Service), Port: route.PortOf(destination)}
		if !slices.Contains(routes[key][max(0, len(routes[key])-1):], route) {
			routes[key] = append(routes[key], route)
		}
	}
}

type allVirtualHostsMemory struct{}

// AllVirtualHosts are those of every workload that some Gateway selects; and where the gateway workloads are not known, of
// the Gateways that select none, as far as they can be told (their Workload is nil then, and that of their servers).
func AllVirtualHosts(s *mesh.Snapshot) []*VirtualHost {
	s.Read(mesh.KindVirtualService)
	s.Read(mesh.KindGateway)
	return mesh.Remember(s, allVirtualHostsMemory{}, func() []*VirtualHost {
		var hosts []*VirtualHost
		for _, workload := range servingWorkloads(s) {
			hosts = append(hosts, VirtualHosts(s, workload)...)
		}
		return append(hosts, assumedVirtualHosts(s)...)
	})
}

type servingWorkloadsMemory struct{}

// servingWorkloads are all workloads that some Gateway selects, each once.
func servingWorkloads(s *mesh.Snapshot) []*proxy.GatewayWorkload {
	s.Read(mesh.KindGateway)
	return mesh.Remember(s, servingWorkloadsMemory{}, func() []*proxy.GatewayWorkload {
		var workloads []*proxy.GatewayWorkload
		seen := map[*proxy.GatewayWorkload]bool{}
		for _, gateway := range s.Gateways().All() {
			for _, workload := range proxy.GatewayWorkloadsSelected(s, gateway) {
				if !seen[workload] {
					seen[workload] = true
					workloads = append(workloads, workload)
				}
			}
		}
		return workloads
	})
}
