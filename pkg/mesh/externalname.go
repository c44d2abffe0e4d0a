package mesh

import (
	"fmt"

	core "k8s.io/api/core/v1"
)

type externalNameRoutesMemory struct{}

// ExternalNameRoutes are the gateway routes with a destination that is an ExternalName Service, by that Service. Such a route
// leads to the cluster of the external name, which is there only if a Service or ServiceEntry has it as host.
// Source: Istio pilot/pkg/networking/core/route/route.go, GetDestinationCluster.
func (s *Snapshot) ExternalNameRoutes() map[Key][]*GatewayRoute {
	return Remember(s, externalNameRoutesMemory{}, func() map[Key][]*GatewayRoute {
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

// RouteEvidence is why the route is meant for gRPC: its server's protocol, and what it matches.
func (s *Snapshot) RouteEvidence(r *GatewayRoute) []Evidence {
	var evidence []Evidence
	if r.onGRPCServer() && !isPlainHTTP(r.MatchSpec()) {
		evidence = append(evidence, r.serverEvidence())
	}
	if path, ok := s.ruleMatchesMethod(r.Spec); ok {
		evidence = append(evidence, r.matchEvidence(path))
	}
	return evidence
}

func (r *GatewayRoute) onGRPCServer() bool {
	return r.Server != nil && ParseProtocol(r.Server.Spec.GetPort().GetProtocol()) == ProtocolGRPC
}

func (r *GatewayRoute) serverEvidence() Evidence {
	return Evidence{fmt.Sprintf("the server of %s that leads to it has protocol GRPC", KeyOf(r.Server.Gateway)), EvidenceRoute}
}

func (r *GatewayRoute) matchEvidence(path string) Evidence {
	return Evidence{fmt.Sprintf("%s matches %s", KeyOf(r.VirtualService), path), EvidenceRoute}
}
