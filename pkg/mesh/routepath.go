package mesh

import (
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
)

// RoutePath is where the rules of a VirtualService lead, whether a gateway serves them or not: it says whether what is wrong
// on the way is a matter of gRPC.
type RoutePath struct {
	// Exposed are the exposed ports among the destinations, each once.
	Exposed []*ExposedPort
	// MatchesMethod says that a rule matches a path of the form /pkg.Service/.
	MatchesMethod bool
	// Elsewhere says that a destination is a Service port that is not exposed: plain HTTP, TCP or TLS.
	Elsewhere bool
	// Lost says that a destination, its port or a delegate is not there, so that nobody knows where it leads.
	Lost bool
}

// IsGRPC says that the path is one of gRPC calls, on more than weak evidence.
func (p *RoutePath) IsGRPC() bool {
	return p.MatchesMethod || slices.ContainsFunc(p.Exposed, func(port *ExposedPort) bool { return !port.Weak() })
}

// MayBeGRPC says that the path is one of gRPC calls, or that a fault hides where it leads while nothing says plain HTTP.
func (p *RoutePath) MayBeGRPC() bool { return p.IsGRPC() || p.Lost && !p.Elsewhere }

type routePathMemory Key

// PathOf is where the http, tcp and tls rules of a VirtualService lead, through delegates too.
func (s *Snapshot) PathOf(vs *networking.VirtualService) *RoutePath {
	return remember(s, routePathMemory(KeyOf(vs)), func() *RoutePath {
		path := &RoutePath{}
		for _, rule := range vs.Spec.Http {
			path.Lost = path.Lost || rule.GetDelegate() != nil && s.DelegateOf(vs, rule) == nil
		}
		for _, rule := range s.HTTPRules(vs) {
			_, matches := matchesMethod(rule.Spec.GetMatch())
			path.MatchesMethod = path.MatchesMethod || matches
			for _, destination := range s.Destinations(rule.Spec, rule.Holder.Namespace) {
				s.addDestination(path, destination)
			}
		}
		for _, rule := range vs.Spec.Tcp {
			s.addRouteDestinations(path, rule.GetRoute(), vs.Namespace)
		}
		for _, rule := range vs.Spec.Tls {
			s.addRouteDestinations(path, rule.GetRoute(), vs.Namespace)
		}
		return path
	})
}

func (s *Snapshot) addRouteDestinations(path *RoutePath, routes []*networkingapi.RouteDestination, namespace string) {
	for _, route := range routes {
		if route.GetDestination() != nil {
			s.addDestination(path, s.Destination(route.Destination, namespace))
		}
	}
}

// addDestination takes a destination without a port number for each exposed port of its Service: which one istiod takes
// depends on the gateway server.
func (s *Snapshot) addDestination(path *RoutePath, destination Destination) {
	if destination.Service == nil {
		if len(s.ServiceEntriesByHost(destination.Host)) > 0 {
			path.Elsewhere = true
		} else {
			path.Lost = true
		}
		return
	}
	if destination.Port != 0 && portNumbered(destination.Service, destination.Port) == nil {
		path.Lost = true
		return
	}
	found := false
	for _, exposed := range s.ExposedPortsOf(destination.Service) {
		if destination.Port != 0 && exposed.Port.Port != destination.Port {
			continue
		}
		found = true
		if !slices.Contains(path.Exposed, exposed) {
			path.Exposed = append(path.Exposed, exposed)
		}
	}
	path.Elsewhere = path.Elsewhere || !found
}
