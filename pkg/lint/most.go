package lint

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// mostPerObject is how many findings of one check and level on one object are listed. More of the same kind tell nobody anything that
// the first do not, and one Service may have thousands of ports.
const mostPerObject = 100

// cut leaves out what is more than enough of one check, level and object, and puts one finding of the same check and level in its
// place, so that a level that fails the command still does. The findings are in order, and those that the user has silenced are not
// among them.
func cut(findings []checks.Finding) []checks.Finding {
	type group struct {
		id     string
		level  checks.Level
		object mesh.Key
	}
	groupOf := func(finding checks.Finding) group {
		return group{finding.ID, finding.Level, mesh.KeyOf(finding.Object)}
	}
	sizes := map[group]int{}
	for _, finding := range findings {
		sizes[groupOf(finding)]++
	}
	kept := findings[:0]
	listed := map[group]int{}
	for _, finding := range findings {
		of := groupOf(finding)
		listed[of]++
		switch {
		case listed[of] <= mostPerObject:
			kept = append(kept, finding)
		case listed[of] == sizes[of]:
			kept = append(kept, more(finding, sizes[of]))
		}
	}
	return kept
}

// more stands for the findings that are not listed; last is one of them.
func more(last checks.Finding, size int) checks.Finding {
	hidden := size - mostPerObject
	if hidden == 1 {
		return last
	}
	return checks.Finding{
		ID: last.ID, Slug: last.Slug, Level: last.Level, Object: last.Object,
		Message:  fmt.Sprintf("%d more findings of this check on %s are not listed: these are the first %d of %d.", hidden, mesh.KeyOf(last.Object), mostPerObject, size),
		Evidence: []string{"the last of them: " + last.Message},
		Symptom:  last.Symptom,
		Fix:      checks.Fix{Text: "Fix those that are listed, and run lint again.", Level: checks.Words},
	}
}
