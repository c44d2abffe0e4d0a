package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEveryCheckHasCases holds that each check has at least three cases named after it, by its slug or ID: one with the fault,
// and one that looks like it and is none.
func TestEveryCheckHasCases(t *testing.T) {
	for _, check := range All() {
		var bad, good []string
		for _, c := range corpusCases(t) {
			if !strings.HasPrefix(c.name, check.Slug+"-") && !strings.HasPrefix(c.name, strings.ToLower(check.ID)+"-") {
				continue
			}
			ofCheck := func(line string) bool { return strings.HasPrefix(line, check.ID+" ") }
			if slices.ContainsFunc(c.expect, ofCheck) {
				bad = append(bad, c.name)
			} else {
				good = append(good, c.name)
			}
		}
		assert.GreaterOrEqual(t, len(bad)+len(good), 3, "%s %s: cases %v %v", check.ID, check.Slug, bad, good)
		assert.NotEmpty(t, bad, "%s %s has no case with the fault", check.ID, check.Slug)
		assert.NotEmpty(t, good, "%s %s has no case without the fault", check.ID, check.Slug)
	}
}
