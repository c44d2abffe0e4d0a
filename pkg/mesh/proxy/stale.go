package proxy

import (
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// StalePods are the live pods of a workload that are not as injection would make new ones: those without a proxy that no injector
// has seen, and those whose proxy is of another revision. A pod without a proxy that has passed an injector (proxyless gRPC) would
// come back as it is.
func StalePods(s *mesh.Snapshot, w *workload.Workload, injection Injection) (without, outdated []*core.Pod) {
	for _, pod := range workload.LivePodsOf(s, w) {
		proxy, has := OfWorkload(s, pod)
		switch {
		case !has && !PassedInjector(pod):
			without = append(without, pod)
		case has && proxy.Revision != "" && proxy.Revision != injection.Revision:
			outdated = append(outdated, pod)
		}
	}
	return without, outdated
}

// HasAny reports whether a live pod of the workload has a proxy.
func HasAny(s *mesh.Snapshot, w *workload.Workload) bool {
	return slices.ContainsFunc(workload.LivePodsOf(s, w), func(pod *core.Pod) bool {
		_, has := OfWorkload(s, pod)
		return has
	})
}
