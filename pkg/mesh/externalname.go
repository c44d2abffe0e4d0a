package mesh

import (
	core "k8s.io/api/core/v1"
)

type externalNameRoutesMemory struct{}

// ExternalNameRoutes are the gateway routes with a destination that is an ExternalName Service, by that Service. Such a route
// leads to the cluster of the external name, which is there only if a Service or ServiceEntry has it as host.
// Source: Istio pilot/pkg/networking/core/route/route.go, GetDestinationCluster.
func (s *Snapshot) ExternalNameRoutes() map[Key][]*GatewayRoute {
	return remember(s, externalNameRoutesMemory{}, func() map[Key][]*GatewayRoute {
		byHost := map[string]Key{}
		for _, service := range s.Services().All() {
			if service.Spec.Type == core.ServiceTypeExternalName {
				byHost[ServiceHost(service)] = KeyOf(service)
			}
		}
		routes := map[Key][]*GatewayRoute{}
		if len(byHost) == 0 {
			return routes
		}
		s.eachDestination(func(route *GatewayRoute, destination Destination) {
			if key, found := byHost[destination.Host]; found {
				routes[key] = append(routes[key], route)
			}
		})
		return routes
	})
}

// CarriesGRPC says that the route is meant for gRPC, by its server's protocol or by what it matches.
func (r *GatewayRoute) CarriesGRPC() bool {
	if r.Server != nil && ParseProtocol(r.Server.Spec.GetPort().GetProtocol()) == ProtocolGRPC {
		return true
	}
	_, matches := matchesMethod(r.Spec.GetMatch())
	return matches
}
