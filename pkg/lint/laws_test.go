package lint

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// TestFixesFix holds the second law: after a fix the finding is gone, and no warning or error is new. Every fix is tried by
// itself, and the safe ones together, as --fix applies them.
func TestFixesFix(t *testing.T) {
	for _, c := range casetest.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			snapshot := c.Snapshot(t, nil)
			before := Run(snapshot, Options{}).Findings
			var safe []plan.Change
			var fixed []checks.Finding
			for _, finding := range before {
				if len(finding.Fix.Changes) == 0 {
					continue
				}
				requireFixed(t, snapshot, before, finding.Fix.Changes, finding)
				if finding.Fix.Level == checks.Safe {
					safe, fixed = append(safe, finding.Fix.Changes...), append(fixed, finding)
				}
			}
			if len(fixed) > 1 {
				requireFixed(t, snapshot, before, safe, fixed...)
			}
		})
	}
}

func requireFixed(t *testing.T, snapshot *mesh.Snapshot, before []checks.Finding, changes []plan.Change, fixed ...checks.Finding) {
	t.Helper()
	projected, err := projection.Of(snapshot, changes)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, finding := range before {
		known[casetest.Expectation(finding)] = true
	}
	gone := map[string]bool{}
	for _, finding := range fixed {
		gone[casetest.Expectation(finding)+finding.Path.String()] = true
	}
	for _, finding := range Run(projected, Options{}).Findings {
		assert.Falsef(t, gone[casetest.Expectation(finding)+finding.Path.String()], "still there after its fix: %s: %s\nfix: %s",
			casetest.Expectation(finding), finding.Message, fixed[0].Fix.Text)
		if finding.Level.AtLeast(checks.Warning) {
			assert.Truef(t, known[casetest.Expectation(finding)], "new after the fix of %s: %s: %s\nfix: %s",
				fixed[0].ID, casetest.Expectation(finding), finding.Message, fixed[0].Fix.Text)
		}
	}
}
