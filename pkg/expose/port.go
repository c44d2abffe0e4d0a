package expose

import (
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// findTargetPort takes --target-port, else the one container port that speaks gRPC by the evidence.
func (b *builder) findTargetPort() error {
	asked := b.intent.TargetPort
	if asked != (intstr.IntOrString{}) {
		number, _, ok := workload.TargetPort(&core.ServicePort{TargetPort: asked}, b.workload.Template)
		if !ok {
			return refuse("Give the number, or a name that a container declares under ports",
				"no container of %s has a port called %q", b.workload.Key, asked.StrVal)
		}
		b.result.TargetPort = number
		return nil
	}
	candidates := exposure.GRPCCandidates(b.snapshot, b.workload)
	switch len(candidates) {
	case 1:
		b.result.TargetPort = candidates[0].Number
		b.note("%s listens for gRPC on %d: %s", argumentOf(b.workload), candidates[0].Number, evidenceText(candidates[0].Evidence))
		return nil
	case 0:
		return refuse("Say on which port its gRPC server listens: --target-port 50051",
			"nothing in %s says which of its ports is gRPC", b.workload.Key)
	default:
		var choices []string
		for _, candidate := range candidates {
			choices = append(choices, fmt.Sprintf("--target-port %d   %s", candidate.Number, evidenceText(candidate.Evidence)))
		}
		return refuse("Say which one to expose", "%s has several ports that look like gRPC:", b.workload.Key).choices(choices)
	}
}

// evidenceText is the strongest evidence, which says enough.
func evidenceText(evidence []exposure.Evidence) string { return evidence[0].Text }
