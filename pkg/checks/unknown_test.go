package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestUnknownIsNotMissing judges the objects of every case without the mesh that they stand in, as the files of an application
// are judged: whatever is found then is found in the whole mesh too.
func TestUnknownIsNotMissing(t *testing.T) {
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			whole := slices.Concat(c.expect, c.allow)
			for _, finding := range Run(c.snapshot(t, nil), Options{}).Findings {
				whole = append(whole, expectation(finding))
			}
			files := mesh.New(c.objects, mesh.Options{Now: corpusNow, Gaps: []mesh.Gap{{Reason: "it is not in the files"}}})
			for _, finding := range Run(files, Options{}).Findings {
				assert.True(t, slices.ContainsFunc(whole, func(line string) bool { return accountsFor(line, finding) }),
					"%s: %s", expectation(finding), finding.Message)
			}
		})
	}
}

// accountsFor says that a line is that of the finding, or of one by which the fault is known when more of the mesh is.
func accountsFor(line string, finding Finding) bool {
	id, _, _ := strings.Cut(line, " ")
	return line == expectation(finding) || slices.ContainsFunc(explanations, func(e explanation) bool {
		return e.explained == finding.ID && slices.Contains(e.by, id)
	})
}
