package report

import (
	"encoding/json"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// APIVersion is that of everything that this program prints for machines. Fields are only ever added to it.
const APIVersion = "grpcexpose/v1"

// LintReport is what lint says, for people and machines alike: every printer prints this.
type LintReport struct {
	APIVersion string `json:"apiVersion"`
	// Kind is "LintReport".
	Kind string `json:"kind"`
	// Findings are in a fixed order: by context, namespace, object, check and field. Never null.
	Findings []LintFinding `json:"findings"`
	// Skipped are the checks that could not be run, or only in part. Never null.
	Skipped []LintSkip `json:"skipped"`
	// Suppressed are the findings that the user has silenced. Never null.
	Suppressed []LintSuppressed `json:"suppressed"`
	// Notes say what was passed over before any check ran: files that are no manifests, objects that are there twice.
	Notes   []string    `json:"notes,omitempty"`
	Summary LintSummary `json:"summary"`

	// Ran are the checks that were run, by ID.
	Ran []*checks.Check `json:"-"`
	// FailOn is the level from which a finding makes the command fail; empty for never.
	FailOn checks.Level `json:"-"`
}

// LintFinding is one fault of one object.
type LintFinding struct {
	// ID is the check's, as GX301, and Slug its name in words.
	ID   string `json:"id"`
	Slug string `json:"slug"`
	// Level is error, warning or info.
	Level checks.Level `json:"level"`
	// State is new, unchanged or fixed where files were compared with a cluster; else it is left out.
	State LintState `json:"state,omitempty"`
	// Context is the kubeconfig context, where several were asked for.
	Context string     `json:"context,omitempty"`
	Object  LintObject `json:"object"`
	// Path is the field, as .spec.ports[0].name; empty for the object as a whole.
	Path string `json:"path"`
	// File and Line, which counts from 1, are where the field stands; empty and 0 for an object of a cluster.
	File string `json:"file"`
	Line int    `json:"line"`
	// Message says in a sentence what is wrong.
	Message string `json:"message"`
	// Evidence is what the judgement rests on, a clause each. Never null.
	Evidence []string `json:"evidence"`
	// Symptom is what a gRPC client sees.
	Symptom string  `json:"symptom"`
	Fix     LintFix `json:"fix"`

	// workloads are those on whose path the object is, as people name them.
	workloads []string
}

// LintState is how a finding of files compares with the cluster as it is.
type LintState string

const (
	// New findings come with the files.
	New LintState = "new"
	// Unchanged findings are there with and without the files.
	Unchanged LintState = "unchanged"
	// Fixed findings go with the files.
	Fixed LintState = "fixed"
)

// LintObject names an object.
type LintObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Namespace is empty for objects that have none.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is the form in which people name an object.
func (o LintObject) String() string {
	return inert.Name(o.Kind, o.Namespace, o.Name)
}

// LintFix is what to do about a finding.
type LintFix struct {
	// Text says it in a sentence.
	Text string `json:"text"`
	// Level is safe (--fix does it), ask (--fix=all does it) or words (nobody but you can do it).
	Level checks.FixLevel `json:"level"`
	// Patch is the change itself, in order; empty where there is none. Never null.
	Patch []LintPatch `json:"patch"`
}

// LintPatch is a change of one object.
type LintPatch struct {
	// Action is create, update, restart or delete.
	Action plan.Action `json:"action"`
	Object LintObject  `json:"object"`
	// Operations are the change as RFC 6902, for update and restart.
	Operations json.RawMessage `json:"operations,omitempty"`
	// Manifest is the new object, for create.
	Manifest map[string]any `json:"manifest,omitempty"`
}

// LintSkip is a check, or a part of one, that could not be run.
type LintSkip struct {
	ID      string `json:"id"`
	Slug    string `json:"slug"`
	Context string `json:"context,omitempty"`
	Reason  string `json:"reason"`
}

// LintSuppressed is a finding that the user has silenced.
type LintSuppressed struct {
	ID      string     `json:"id"`
	Context string     `json:"context,omitempty"`
	Object  LintObject `json:"object"`
	Reason  string     `json:"reason"`
}

// LintSummary counts. Findings that the files fix are counted as Fixed alone.
type LintSummary struct {
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Infos      int `json:"infos"`
	Fixed      int `json:"fixed"`
	Suppressed int `json:"suppressed"`
	// Objects are those that were looked at, Checks the checks that were run, Skipped those of which something was not.
	Objects int `json:"objects"`
	Checks  int `json:"checks"`
	Skipped int `json:"skipped"`
	// NoPath says that nothing shows gRPC, so that no findings is no good news.
	NoPath bool `json:"-"`
}

// NewLintReport makes a report of what the checks say of a snapshot.
func NewLintReport(found lint.Report, snapshot *mesh.Snapshot) *LintReport {
	r := &LintReport{
		APIVersion: APIVersion, Kind: "LintReport", FailOn: checks.Warning, Ran: found.Ran,
		Findings: []LintFinding{}, Skipped: []LintSkip{}, Suppressed: []LintSuppressed{},
		Summary: LintSummary{Objects: snapshot.Len()},
	}
	for _, finding := range found.Findings {
		r.Findings = append(r.Findings, lintFinding(finding, snapshot.Source(finding.Object)))
	}
	for _, skip := range found.Skips {
		r.Skipped = append(r.Skipped, LintSkip{ID: skip.ID, Slug: skip.Slug, Reason: skip.Reason})
	}
	for _, silenced := range found.Suppressed {
		r.Suppressed = append(r.Suppressed, LintSuppressed{
			ID: silenced.ID, Context: snapshot.Source(silenced.Object).Context, Object: lintObject(silenced.Object), Reason: silenced.Reason,
		})
	}
	r.count()
	return r
}

func lintFinding(finding checks.Finding, source mesh.Source) LintFinding {
	line := source.Line
	if source.LineOf != nil {
		line = source.LineOf(finding.Path)
	}
	var workloads []string
	for _, workload := range finding.Workloads {
		workloads = append(workloads, workload.String())
	}
	return LintFinding{
		workloads: workloads,
		ID:        finding.ID, Slug: finding.Slug, Level: finding.Level, Context: source.Context, Object: lintObject(finding.Object),
		Path: finding.Path.String(), File: source.File, Line: line, Message: finding.Message,
		Evidence: append([]string{}, finding.Evidence...), Symptom: finding.Symptom, Fix: lintFix(finding.Fix),
	}
}

func lintObject(object mesh.Object) LintObject {
	gvk := mesh.GroupVersionKind(object)
	return LintObject{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

func lintFix(fix checks.Fix) LintFix {
	made := LintFix{Text: fix.Text, Level: fix.Level, Patch: []LintPatch{}}
	for _, change := range fix.Changes {
		patch := LintPatch{Action: change.Action, Object: LintObject{
			APIVersion: change.Object.GetAPIVersion(), Kind: change.Object.GetKind(),
			Namespace: change.Object.GetNamespace(), Name: change.Object.GetName(),
		}}
		switch change.Action {
		case plan.Create:
			patch.Manifest = change.Object.Object
		case plan.Update, plan.Restart:
			if operations, err := change.JSONPatch(); err == nil {
				patch.Operations = operations
			}
		}
		made.Patch = append(made.Patch, patch)
	}
	return made
}

// Add puts another report's findings behind this one's: that of another cluster, or of other files. What both say of one place in a
// file, as of a base that several overlays share, is told once.
func (r *LintReport) Add(other *LintReport) {
	type place struct {
		id, context, file, path string
		line                    int
	}
	placeOf := func(f LintFinding) place { return place{f.ID, f.Context, f.File, f.Path, f.Line} }
	told := map[place]bool{}
	for _, finding := range r.Findings {
		told[placeOf(finding)] = finding.File != ""
	}
	for _, finding := range other.Findings {
		if !told[placeOf(finding)] {
			r.Findings = append(r.Findings, finding)
		}
	}
	r.Skipped = withNew(r.Skipped, other.Skipped)
	r.Suppressed = withNew(r.Suppressed, other.Suppressed)
	r.Notes = withNew(r.Notes, other.Notes)
	r.Summary.Objects += other.Summary.Objects
	for _, check := range other.Ran {
		if !slices.Contains(r.Ran, check) {
			r.Ran = append(r.Ran, check)
		}
	}
	r.count()
}

// withNew are some, and those of others that are not among them.
func withNew[T comparable](some, others []T) []T {
	known := make(map[T]bool, len(some))
	for _, one := range some {
		known[one] = true
	}
	return append(some, slices.DeleteFunc(slices.Clone(others), func(other T) bool { return known[other] })...)
}

// count brings the summary up to date with the findings.
func (r *LintReport) count() {
	summary := LintSummary{Objects: r.Summary.Objects, Suppressed: len(r.Suppressed), Checks: len(r.Ran)}
	for _, finding := range r.Findings {
		switch {
		case finding.State == Fixed:
			summary.Fixed++
		case finding.Level == checks.Error:
			summary.Errors++
		case finding.Level == checks.Warning:
			summary.Warnings++
		default:
			summary.Infos++
		}
	}
	skipped := map[string]bool{}
	for _, skip := range r.Skipped {
		skipped[skip.ID] = true
	}
	summary.Skipped = len(skipped)
	r.Summary = summary
}

// fails says that a finding makes the command fail: it is as bad as FailOn, or worse, and where files were compared with a
// cluster it comes with the files.
func (r *LintReport) fails(finding LintFinding) bool {
	return r.FailOn != "" && finding.Level.AtLeast(r.FailOn) && (finding.State == "" || finding.State == New)
}

// Failed says that at least one finding makes the command fail.
func (r *LintReport) Failed() bool { return slices.ContainsFunc(r.Findings, r.fails) }
