package exposure

import (
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// isMeantAsTCP reports whether a port of a headless Service is declared to be TCP on purpose: a Service with an address of its own and
// a gRPC port stands beside it, for the same pods or for others of the same application. Charts do so for the peers, which dial pods.
func isMeantAsTCP(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) bool {
	if !workload.IsHeadless(service) || workload.ServicePortProtocol(port) != workload.ProtocolTCP {
		return false
	}
	labels := labelsBesideGRPC(s)
	for key, value := range service.Spec.Selector {
		if labels[namespacedLabel{service.Namespace, key, value}] {
			return true
		}
	}
	return false
}

type namespacedLabel struct{ namespace, key, value string }

type labelsBesideGRPCMemory struct{}

// labelsBesideGRPC are the labels by which Services with an address of their own and a gRPC port select pods.
func labelsBesideGRPC(s *mesh.Snapshot) map[namespacedLabel]bool {
	return mesh.Remember(s, labelsBesideGRPCMemory{}, func() map[namespacedLabel]bool {
		labels := map[namespacedLabel]bool{}
		for _, service := range s.Services().All() {
			isGRPC := func(port core.ServicePort) bool { return workload.ServicePortProtocol(&port).IsGRPC() }
			if workload.IsHeadless(service) || !slices.ContainsFunc(service.Spec.Ports, isGRPC) {
				continue
			}
			for key, value := range service.Spec.Selector {
				labels[namespacedLabel{service.Namespace, key, value}] = true
			}
		}
		return labels
	})
}
