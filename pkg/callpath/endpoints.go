package callpath

import (
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Endpoint is a pod behind a Service.
type Endpoint struct {
	Pod   string
	Ready bool
}

// EndpointsOf are the pods behind a Service by their addresses, as its EndpointSlices have them.
func EndpointsOf(snapshot *mesh.Snapshot, service *core.Service) map[string]Endpoint {
	endpoints := map[string]Endpoint{}
	for _, slice := range snapshot.EndpointSlices().In(service.Namespace) {
		if slice.Labels[discovery.LabelServiceName] != service.Name {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if endpoint.TargetRef == nil || endpoint.TargetRef.Kind != "Pod" {
				continue
			}
			for _, address := range endpoint.Addresses {
				endpoints[address] = Endpoint{Pod: endpoint.TargetRef.Name, Ready: endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready}
			}
		}
	}
	return endpoints
}
