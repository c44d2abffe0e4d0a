package verify

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Nowhere says why there is nowhere to call although the workload may be exposed, or is: what could not be read, or a route of
// the Gateway API, whose address is to be named. It is nil where no gateway leads there, as status has it.
func Nowhere(snapshot *mesh.Snapshot, workload *workload.Workload) error {
	status := report.Status{Workload: workload.Key, Roots: callpath.Trace(snapshot, workload)}
	switch {
	case status.Unknown():
		return fmt.Errorf("whether %s is exposed is not known: %s; --address HOST:PORT calls all the same", workload.Key, callpath.WhyUnknown(status.Roots))
	case status.Exposed():
		return fmt.Errorf("%s is exposed at %s: name its address with --address HOST:PORT", workload.Key, mesh.KeyOf(status.Roots[0].Object))
	default:
		return nil
	}
}
