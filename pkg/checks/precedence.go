package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// precedence is the table of checks that see the same fault: where one of explains has a finding on the same object, the
// finding of the key is not shown. Faults that show on several objects are told apart by the checks themselves.
var precedence = map[string][]string{
	"GX102": {"GX105", "GX113"},
	"GX104": {"GX101", "GX103"},
	"GX113": {"GX114"},
	"GX201": {"GX304"},
	"GX301": {"GX302", "GX309"},
	"GX403": {"GX404"},
	"GX505": {"GX513"},
	"GX701": {"GX702", "GX703"},
}

// oneFaultOneFinding leaves out the findings that another one on the same object explains.
func oneFaultOneFinding(findings []Finding) []Finding {
	type fault struct {
		id     string
		object mesh.Key
	}
	found := make(map[fault]bool, len(findings))
	for _, finding := range findings {
		found[fault{finding.ID, mesh.KeyOf(finding.Object)}] = true
	}
	return slices.DeleteFunc(findings, func(finding Finding) bool {
		return slices.ContainsFunc(precedence[finding.ID], func(id string) bool {
			return found[fault{id, mesh.KeyOf(finding.Object)}]
		})
	})
}
