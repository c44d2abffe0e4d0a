package lint

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// planes are the kinds that show where the control planes and the gateways are.
var planes = []mesh.Kind{mesh.KindWebhook, mesh.KindNamespace, mesh.KindService, mesh.KindDeployment, mesh.KindDaemonSet, mesh.KindStatefulSet}

// Kinds are the kinds that the checks depend on, sorted: what they read, and what shows where to read it.
func Kinds(selected []*checks.Check) []mesh.Kind {
	kinds := slices.Clone(planes)
	for _, check := range selected {
		kinds = slices.Concat(kinds, check.Reads, check.Consults)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
