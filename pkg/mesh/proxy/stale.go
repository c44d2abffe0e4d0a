package proxy

import (
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// IsMissing reports whether a pod has no proxy.
func IsMissing(pod *core.Pod) bool {
	_, has := ProxyOf(pod)
	return !has
}

// IsOutdated reports whether a pod has a proxy of another revision than a new one would have.
func (i Injection) IsOutdated(pod *core.Pod) bool {
	proxy, has := ProxyOf(pod)
	return has && proxy.Revision != "" && proxy.Revision != i.Revision
}

// HasAny reports whether a live pod of the workload has a proxy.
func HasAny(s *mesh.Snapshot, w *workload.Workload) bool {
	return slices.ContainsFunc(workload.LivePodsOf(s, w), func(pod *core.Pod) bool { return !IsMissing(pod) })
}
