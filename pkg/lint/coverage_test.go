package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
)

// TestEveryCheckHasCases holds that each check has at least three cases named after it, by its slug or ID: one with the fault,
// and one that looks like it and is none.
func TestEveryCheckHasCases(t *testing.T) {
	for _, check := range All() {
		var bad, good []string
		for _, c := range casetest.All(t) {
			if !strings.HasPrefix(c.Name, check.Slug+"-") && !strings.HasPrefix(c.Name, strings.ToLower(check.ID)+"-") {
				continue
			}
			ofCheck := func(line string) bool { return strings.HasPrefix(line, check.ID+" ") }
			if slices.ContainsFunc(c.Expect, ofCheck) {
				bad = append(bad, c.Name)
			} else {
				good = append(good, c.Name)
			}
		}
		assert.GreaterOrEqual(t, len(bad)+len(good), 3, "%s %s: cases %v %v", check.ID, check.Slug, bad, good)
		assert.NotEmpty(t, bad, "%s %s has no case with the fault", check.ID, check.Slug)
		assert.NotEmpty(t, good, "%s %s has no case without the fault", check.ID, check.Slug)
	}
}
