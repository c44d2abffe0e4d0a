package checks

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// PlacePath is where a part of a traffic policy stands, as findings name fields.
func PlacePath(place policy.PolicyPlace, fields ...string) string {
	return plan.Path(append(slices.Clone(place.Steps), fields...)).String()
}

// FieldPath is plan.Path's text for steps of which some are places in lists.
func FieldPath(steps ...any) string {
	texts := make(plan.Path, 0, len(steps))
	for _, step := range steps {
		if place, isPlace := step.(int); isPlace {
			texts = append(texts, strconv.Itoa(place))
		} else {
			texts = append(texts, fmt.Sprint(step))
		}
	}
	return texts.String()
}

// PathText is a plan's path as the path of a finding.
func PathText(steps []string) string { return plan.Path(steps).String() }
