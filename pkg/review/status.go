package review

import (
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Status is what status says of a workload, and create after it.
func Status(loaded *cluster.Loaded, workload *workload.Workload) report.Status {
	onPath, lookalikes := lint.OnPathOf(loaded.Snapshot, workload.Key), expose.Lookalikes(loaded.Snapshot, workload)
	lint := lint.Run(loaded.Snapshot, lint.Options{Only: func(object mesh.Object) bool {
		return onPath(object) && !lookalikes[mesh.KeyOf(object)]
	}})
	return report.Status{
		Workload: workload.Key, Roots: callpath.Trace(loaded.Snapshot, workload), Findings: lint.Findings,
		NotLookedAt: load.Reasons(loaded.Gaps), NotRead: load.NotRead(loaded),
	}
}

// Findings are those about a workload's path.
func Findings(snapshot *mesh.Snapshot, workload mesh.Key) []checks.Finding {
	return lint.Run(snapshot, lint.Options{Only: lint.OnPathOf(snapshot, workload)}).Findings
}

// IsReached reports whether a workload is exposed as status says it, and if not why.
func IsReached(loaded *cluster.Loaded, key mesh.Key) (reached bool, why string) {
	workload := workload.Get(loaded.Snapshot, key)
	if workload == nil {
		return false, "it is gone"
	}
	status := Status(loaded, workload)
	switch {
	case status.Exposed():
		return true, ""
	case status.Unknown():
		return false, "whether calls get there is not known: " + callpath.WhyUnknown(status.Roots)
	default:
		return false, firstBroken(status.Roots)
	}
}

// firstBroken is why no call succeeds, at the first place from outside where none does.
func firstBroken(hops []*callpath.Hop) string {
	for _, hop := range hops {
		if hop.Broken != "" {
			return mesh.KeyOf(hop.Object).String() + ": " + hop.Broken
		}
	}
	for _, hop := range hops {
		if why := firstBroken(hop.Next); why != "" {
			return why
		}
	}
	return "no gateway leads there"
}
