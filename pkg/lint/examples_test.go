package lint

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// comesWith are the checks whose fault shows in another check's finding too, which does not explain it.
var comesWith = map[string]string{"GX703": "GX301"}

// TestExamples executes the documentation of the checks: Bad has the fault and no other, Good has not.
func TestExamples(t *testing.T) {
	for _, check := range All() {
		t.Run(check.ID, func(t *testing.T) {
			found := 0
			for _, finding := range exampleFindings(t, check, check.Bad) {
				switch {
				case finding.ID == check.ID:
					found++
					assert.Contains(t, check.Levels, finding.Level)
				case finding.ID == comesWith[check.ID]:
				case finding.Level.AtLeast(checks.Warning):
					t.Errorf("Bad has another fault: %s: %s", casetest.Expectation(finding), finding.Message)
				}
			}
			assert.Positive(t, found, "Bad does not have the fault")
			for _, finding := range exampleFindings(t, check, check.Good) {
				if finding.ID == check.ID || finding.Level.AtLeast(checks.Warning) {
					t.Errorf("Good has a fault: %s: %s", casetest.Expectation(finding), finding.Message)
				}
			}
		})
	}
}

func exampleFindings(t *testing.T, check *checks.Check, example string) []checks.Finding {
	t.Helper()
	objects := slices.Concat(casetest.Base(t, cmp.Or(check.Base, "default")), casetest.Decode(t, check.ID, []byte(example)))
	report := Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{})
	assert.Empty(t, report.Skips)
	return report.Findings
}
