package report

import (
	"cmp"
	"slices"
)

// Compare says of each finding whether it is there without the files too, and adds those that the files fix. before is the
// report of the cluster as it is.
func (r *LintReport) Compare(before *LintReport) {
	known := map[string]bool{}
	for _, finding := range before.Findings {
		known[finding.fingerprint()] = true
	}
	now := map[string]bool{}
	for i := range r.Findings {
		fingerprint := r.Findings[i].fingerprint()
		now[fingerprint] = true
		r.Findings[i].State = New
		if known[fingerprint] {
			r.Findings[i].State = Unchanged
		}
	}
	for _, finding := range before.Findings {
		if !now[finding.fingerprint()] {
			finding.State = Fixed
			r.Findings = append(r.Findings, finding)
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b LintFinding) int {
		return cmp.Or(
			cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(a.Object.Kind, b.Object.Kind),
			cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Path, b.Path),
		)
	})
	r.count()
}

// InContext says of everything in the report which cluster it is about; an empty context changes nothing.
func (r *LintReport) InContext(context string) {
	if context == "" {
		return
	}
	for i := range r.Findings {
		r.Findings[i].Context = context
	}
	for i := range r.Skipped {
		r.Skipped[i].Context = context
	}
	for i := range r.Suppressed {
		r.Suppressed[i].Context = context
	}
}
