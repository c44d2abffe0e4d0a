package workload

import (
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

type endpointSlicesMemory struct{}

// EndpointSlicesOf are the EndpointSlices of a Service.
func EndpointSlicesOf(s *mesh.Snapshot, service *core.Service) []*discovery.EndpointSlice {
	s.Read(mesh.KindEndpointSlice)
	byService := mesh.Remember(s, endpointSlicesMemory{}, func() map[mesh.Key][]*discovery.EndpointSlice {
		byService := map[mesh.Key][]*discovery.EndpointSlice{}
		for _, slice := range s.EndpointSlices().All() {
			key := mesh.Key{Kind: mesh.KindService, Namespace: slice.Namespace, Name: slice.Labels[discovery.LabelServiceName]}
			byService[key] = append(byService[key], slice)
		}
		return byService
	})
	return byService[mesh.KeyOf(service)]
}
