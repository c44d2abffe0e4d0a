package checks

import (
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// PlacePath is where a part of a traffic policy stands.
func PlacePath(place policy.PolicyPlace, fields ...string) plan.Path {
	return plan.PathOf(place.Steps, fields)
}
