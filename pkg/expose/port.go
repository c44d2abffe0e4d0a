package expose

import (
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// findTargetPort takes --target-port, else the one container port that speaks gRPC by the evidence.
func (d *draft) findTargetPort() (int32, error) {
	asked := d.intent.TargetPort
	if asked != (intstr.IntOrString{}) {
		number, _, ok := workload.TargetPort(&core.ServicePort{TargetPort: asked}, d.workload.Template)
		if !ok {
			return 0, refuse("Give the number, or a name that a container declares under ports",
				"no container of %s has a port called %q", d.workload.Key, asked.StrVal)
		}
		return number, nil
	}
	candidates := exposure.GRPCCandidates(d.snapshot, d.workload)
	switch len(candidates) {
	case 1:
		d.note("%s listens for gRPC on %d: %s", d.workload.Key.Argument(), candidates[0].Number, evidenceText(candidates[0].Evidence))
		return candidates[0].Number, nil
	case 0:
		return 0, refuse("Say on which port its gRPC server listens: --target-port 50051",
			"nothing in %s says which of its ports is gRPC", d.workload.Key)
	default:
		var choices []string
		for _, candidate := range candidates {
			choices = append(choices, fmt.Sprintf("--target-port %d   %s", candidate.Number, evidenceText(candidate.Evidence)))
		}
		return 0, refuse("Say which one to expose", "%s has several ports that look like gRPC:", d.workload.Key).choices(choices)
	}
}

// evidenceText is the strongest evidence, which says enough.
func evidenceText(evidence []exposure.Evidence) string { return evidence[0].Text }
