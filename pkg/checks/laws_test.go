package checks

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// TestFixesFix holds the second law: after a fix the finding is gone, and no warning or error is new. Every fix is tried by
// itself, and the safe ones together, as --fix applies them.
func TestFixesFix(t *testing.T) {
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			snapshot := c.snapshot(t, nil)
			before := Run(snapshot, Options{}).Findings
			var safe []plan.Change
			var fixed []Finding
			for _, finding := range before {
				if len(finding.Fix.Changes) == 0 {
					continue
				}
				requireFixed(t, snapshot, before, finding.Fix.Changes, finding)
				if finding.Fix.Level == Safe {
					safe, fixed = append(safe, finding.Fix.Changes...), append(fixed, finding)
				}
			}
			if len(fixed) > 1 {
				requireFixed(t, snapshot, before, safe, fixed...)
			}
		})
	}
}

func requireFixed(t *testing.T, snapshot *mesh.Snapshot, before []Finding, changes []plan.Change, fixed ...Finding) {
	t.Helper()
	projected, err := projection.Of(snapshot, changes)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, finding := range before {
		known[expectation(finding)] = true
	}
	gone := map[string]bool{}
	for _, finding := range fixed {
		gone[expectation(finding)+finding.Path] = true
	}
	for _, finding := range Run(projected, Options{}).Findings {
		assert.Falsef(t, gone[expectation(finding)+finding.Path], "still there after its fix: %s: %s\nfix: %s",
			expectation(finding), finding.Message, fixed[0].Fix.Text)
		if finding.Level.AtLeast(Warning) {
			assert.Truef(t, known[expectation(finding)], "new after the fix of %s: %s: %s\nfix: %s",
				fixed[0].ID, expectation(finding), finding.Message, fixed[0].Fix.Text)
		}
	}
}
