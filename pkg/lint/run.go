package lint

import (
	"cmp"
	"slices"
	"sync"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Options say what Run judges.
type Options struct {
	// Checks are those to run; nil means all.
	Checks []*checks.Check
	// AllScopes judges every route, Gateway and policy, not only those of gRPC.
	AllScopes bool
	// Only, if set, keeps the findings whose object it accepts; see OnPathOf. What it refuses is in no part of the Report.
	Only func(mesh.Object) bool
	// Paths, if set, say which workloads each finding matters to.
	Paths *Paths
	// Every lists each finding, however many there are of one check on one object.
	Every bool
	// Ignore, if set, says why a finding is not to be shown, whatever its fix; annotations on objects are heeded without it.
	Ignore func(checks.Finding) (reason string, ignored bool)
}

// Report is what the checks say of a snapshot.
type Report struct {
	// Findings are those to show, in a fixed order: by object, field and check.
	Findings []checks.Finding
	// Suppressed are those that the user has silenced.
	Suppressed []Suppressed
	// Skips are the checks that could not be run, or only in part, by ID and reason.
	Skips []checks.Skip
	// Ran are the checks that were run, also in part.
	Ran []*checks.Check
}

// Suppressed is a finding that the user does not want to see, and what silences it. Its fix is as the check has it: nobody makes it.
type Suppressed struct {
	checks.Finding
	Reason string
}

// Worst is the level of the worst finding, empty where there is none.
func (r Report) Worst() checks.Level {
	var worst checks.Level
	for _, finding := range r.Findings {
		if !worst.AtLeast(finding.Level) {
			worst = finding.Level
		}
	}
	return worst
}

// Run judges a snapshot. It does not fail: a check that cannot be run, whatever the cause, is reported as skipped.
func Run(snapshot *mesh.Snapshot, options Options) Report {
	selected := options.Checks
	if selected == nil {
		selected = All()
	}
	var report Report
	var findings []checks.Finding
	for i, result := range resultsOf(snapshot, selected, options) {
		findings = append(findings, result.findings...)
		report.Skips = append(report.Skips, result.skips...)
		if result.ran {
			report.Ran = append(report.Ran, selected[i])
		}
	}
	findings = oneFaultOneFinding(snapshot, distinct(findings))
	slices.SortStableFunc(findings, compareFindings)
	for _, finding := range findings {
		report.add(finding, options)
	}
	if !options.Every {
		report.Findings = cut(report.Findings)
	}
	// Those that are left out cost no more: an object may have thousands.
	trust := newTrust(snapshot, options)
	for i := range report.Findings {
		report.Findings[i] = trust.settle(report.Findings[i])
	}
	slices.SortFunc(report.Skips, func(a, b checks.Skip) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason))
	})
	report.Skips = slices.Compact(report.Skips)
	return report
}

func (r *Report) add(finding checks.Finding, options Options) {
	if options.Only != nil && !options.Only(finding.Object) {
		return
	}
	reason, silenced := silencedByAnnotation(finding)
	if !silenced && options.Ignore != nil {
		reason, silenced = options.Ignore(finding)
	}
	if silenced {
		r.Suppressed = append(r.Suppressed, Suppressed{Finding: finding, Reason: reason})
		return
	}
	if options.Paths != nil {
		finding.Workloads = options.Paths.Of(finding.Object)
	}
	r.Findings = append(r.Findings, finding)
}

// result is what one check gave; ran is false where nothing of it could be run.
type result struct {
	findings []checks.Finding
	skips    []checks.Skip
	ran      bool
}

// resultsOf runs the checks, all at once, and beside them looks for the paths: what several of them ask about is worked out by the
// first that asks.
func resultsOf(snapshot *mesh.Snapshot, selected []*checks.Check, options Options) []result {
	results := make([]result, len(selected))
	var running sync.WaitGroup
	for i, check := range selected {
		if reason, unreadable := check.Unreadable(snapshot); unreadable {
			results[i].skips = []checks.Skip{{ID: check.ID, Slug: check.Slug, Reason: reason}}
			continue
		}
		running.Go(func() {
			results[i].findings, results[i].skips = check.Apply(snapshot, options.scope())
			results[i].ran = true
		})
	}
	if options.Paths != nil {
		running.Go(func() { options.Paths.index() })
	}
	running.Wait()
	return results
}

func (o Options) scope() checks.Scope { return checks.Scope{All: o.AllScopes, Only: o.Only} }

// findingKey is what makes two findings the same one.
type findingKey struct {
	id     string
	object mesh.Key
	path   string
	text   string
}

func distinct(findings []checks.Finding) []checks.Finding {
	seen := make(map[findingKey]bool, len(findings))
	return slices.DeleteFunc(findings, func(finding checks.Finding) bool {
		key := findingKey{finding.ID, mesh.KeyOf(finding.Object), finding.Path.String(), finding.Message}
		again := seen[key]
		seen[key] = true
		return again
	})
}

func compareFindings(a, b checks.Finding) int {
	left, right := mesh.KeyOf(a.Object), mesh.KeyOf(b.Object)
	return cmp.Or(
		cmp.Compare(left.Namespace, right.Namespace), cmp.Compare(left.Kind, right.Kind), cmp.Compare(left.Name, right.Name),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Path.String(), b.Path.String()), cmp.Compare(a.Message, b.Message),
	)
}
