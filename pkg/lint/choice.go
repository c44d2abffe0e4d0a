package lint

import (
	"reflect"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// FixScope says which fixes are made.
type FixScope string

const (
	// FixNone makes none.
	FixNone FixScope = ""
	// FixSafe makes those that are safe.
	FixSafe FixScope = "safe"
	// FixAll makes also those that ask first.
	FixAll FixScope = "all"
)

// Chosen are the findings whose fixes are to be made, in their order. Two may want one field to be different things: the first one
// counts, and the next run judges what is left.
func (s FixScope) Chosen(findings []checks.Finding) []checks.Finding {
	var chosen []checks.Finding
	claimed := map[string]any{}
	for _, finding := range findings {
		if finding.Fix.Level != checks.Safe && (finding.Fix.Level != checks.Ask || s != FixAll) {
			continue
		}
		if conflicts(claimed, finding.Fix.Changes) {
			continue
		}
		for _, change := range finding.Fix.Changes {
			claim(claimed, change)
		}
		chosen = append(chosen, finding)
	}
	return chosen
}

// fieldOf names a field of an object. Restarts of one workload are the same, whenever they were thought of.
func fieldOf(change plan.Change, edit plan.Edit) string {
	return change.Object.GetAPIVersion() + " " + plan.Name(change.Object) + " " + edit.Path.String()
}

func claim(claimed map[string]any, change plan.Change) {
	for _, edit := range change.Edits {
		claimed[fieldOf(change, edit)] = edit.New
	}
}

func conflicts(claimed map[string]any, changes []plan.Change) bool {
	for _, change := range changes {
		for _, edit := range change.Edits {
			if value, taken := claimed[fieldOf(change, edit)]; taken && !reflect.DeepEqual(value, edit.New) {
				return true
			}
		}
	}
	return false
}
