package workload

import (
	"maps"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// SelectsWorkloadEntry reports whether the labels are those of a WorkloadEntry in the namespace: istiod takes it for an endpoint of a
// Service that selects it. An empty selector matches none, as that of a Service.
// Source: Istio's pilot/pkg/serviceregistry/kube/controller/controller.go (workloadInstanceHandler) and serviceentry/conversion.go
// (ConvertWorkloadEntry).
func SelectsWorkloadEntry(s *mesh.Snapshot, namespace string, selector map[string]string) bool {
	return len(selector) > 0 && slices.ContainsFunc(s.WorkloadEntries().In(namespace), func(entry *networking.WorkloadEntry) bool {
		merged := maps.Clone(entry.Spec.Labels)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, entry.Labels)
		return mesh.HasLabels(merged, selector)
	})
}
