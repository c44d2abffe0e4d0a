package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
)

// Select gives the checks that a list of patterns means: IDs (GX301), their beginnings (GX3) and slugs (port-not-grpc), with a
// dash in front those to leave out. The patterns count in their order; a list that begins with one to leave out begins with
// all. No patterns mean all checks. The error names a pattern that no check matches.
func Select(patterns []string) ([]*checks.Check, error) {
	all := All()
	if len(patterns) == 0 {
		return all, nil
	}
	selected := map[*checks.Check]bool{}
	if strings.HasPrefix(strings.TrimSpace(patterns[0]), "-") {
		for _, check := range all {
			selected[check] = true
		}
	}
	for _, pattern := range patterns {
		wanted, excluded := strings.CutPrefix(strings.TrimSpace(pattern), "-")
		matched := false
		for _, check := range all {
			if check.Matches(wanted) {
				matched, selected[check] = true, !excluded
			}
		}
		if !matched {
			return nil, fmt.Errorf("no check is called %q: give an ID as GX301, the beginning of one as GX3, or a name as port-not-grpc", wanted)
		}
	}
	return slices.DeleteFunc(all, func(check *checks.Check) bool { return !selected[check] }), nil
}

// Find is the check of that ID or slug; ok is false where there is none.
func Find(name string) (check *checks.Check, ok bool) {
	for _, check := range All() {
		if check.ID == strings.ToUpper(name) || check.Slug == name {
			return check, true
		}
	}
	return nil, false
}
