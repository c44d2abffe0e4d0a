package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// policyReads are the kinds on which a check of policies of these kinds rests.
func policyReads(decisive ...mesh.Kind) []mesh.Kind { return slices.Concat(decisive, exposureReads) }

// policyConsults are the kinds that say besides whom a port is called by and what its pods are, given those that decide.
func policyConsults(decisive ...mesh.Kind) []mesh.Kind {
	consulted := slices.Concat(exposureConsults, []mesh.Kind{mesh.KindWebhook, mesh.KindDestinationRule, mesh.KindPeerAuthentication})
	return slices.DeleteFunc(consulted, func(kind mesh.Kind) bool { return slices.Contains(decisive, kind) })
}
