package injection

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// newPodsWithoutProxy says that the new pods of the workloads get no proxy, as a clause, where some of those that run have one.
// Where none has, or none is known, it is otherwise.
func newPodsWithoutProxy(p *checks.Pass, otherwise string, workloads ...exposedWorkload) string {
	switch with, without := podsByProxy(p, workloads); {
	case with == 0:
		return otherwise
	case without == 0:
		return "new pods get no proxy; those that run keep theirs until they are made anew"
	default:
		return "new pods get no proxy; those that run with one keep it until they are made anew"
	}
}

// symptomOfNewPods is what clients see of workloads whose new pods get no proxy: nothing yet, where the pods that run still have
// theirs.
func symptomOfNewPods(p *checks.Pass, workloads ...exposedWorkload) string {
	switch with, without := podsByProxy(p, workloads); {
	case with == 0:
		return inMeshSymptom
	case without == 0:
		return "none while the pods that run keep their proxies; once they are made anew, " + inMeshSymptom
	default:
		return fmt.Sprintf("for %d of the %d pods that run, and for all once they are made anew: %s", without, with+without, inMeshSymptom)
	}
}

// podsByProxy counts the running pods of the workloads that have a proxy, and those that have none and that no injector has seen.
func podsByProxy(p *checks.Pass, workloads []exposedWorkload) (with, without int) {
	for _, w := range workloads {
		bare, _ := proxy.StalePods(p.Snapshot, w.Workload, proxy.Injection{})
		without += len(bare)
		for _, pod := range workload.LivePodsOf(p.Snapshot, w.Workload) {
			if _, has := proxy.OfWorkload(p.Snapshot, pod); has {
				with++
			}
		}
	}
	return with, without
}
