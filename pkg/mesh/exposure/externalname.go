package exposure

import (
	"fmt"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

type externalNameRoutesMemory struct{}

// ExternalNameRoutes are the gateway routes with a destination that is an ExternalName Service, by that Service. Such a route
// leads to the cluster of the external name, which is there only if a Service or ServiceEntry has it as host.
// Source: Istio pilot/pkg/networking/core/route/route.go, GetDestinationCluster.
func ExternalNameRoutes(s *mesh.Snapshot) map[mesh.Key][]*gateway.GatewayRoute {
	return mesh.Remember(s, externalNameRoutesMemory{}, func() map[mesh.Key][]*gateway.GatewayRoute {
		byHost := map[string]mesh.Key{}
		for _, service := range s.Services().All() {
			if service.Spec.Type == core.ServiceTypeExternalName {
				byHost[host.ServiceHost(service)] = mesh.KeyOf(service)
			}
		}
		routes := map[mesh.Key][]*gateway.GatewayRoute{}
		if len(byHost) == 0 {
			return routes
		}
		eachDestination(s, func(route *gateway.GatewayRoute, destination host.Destination) {
			if key, found := byHost[destination.Host]; found {
				routes[key] = append(routes[key], route)
			}
		})
		return routes
	})
}

// RouteEvidence is why the route is meant for gRPC: its server's protocol, and what it matches.
func RouteEvidence(s *mesh.Snapshot, r *gateway.GatewayRoute) []Evidence {
	var evidence []Evidence
	if onGRPCServer(r) && !isPlainHTTP(r.MatchSpec()) {
		evidence = append(evidence, serverEvidence(r))
	}
	if path, ok := host.RuleMatchesMethod(s, r.Spec); ok {
		evidence = append(evidence, matchEvidence(r, path))
	}
	return evidence
}

func onGRPCServer(r *gateway.GatewayRoute) bool {
	return r.Server != nil && workload.ParseProtocol(r.Server.Spec.GetPort().GetProtocol()) == workload.ProtocolGRPC
}

func serverEvidence(r *gateway.GatewayRoute) Evidence {
	return Evidence{fmt.Sprintf("the server of %s that leads to it has protocol GRPC", mesh.KeyOf(r.Server.Gateway)), EvidenceRoute}
}

func matchEvidence(r *gateway.GatewayRoute, path string) Evidence {
	return Evidence{fmt.Sprintf("%s matches %s", mesh.KeyOf(r.VirtualService), path), EvidenceRoute}
}
