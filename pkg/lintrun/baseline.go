package lintrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// baselineKind is the kind of a baseline file.
const baselineKind = "LintBaseline"

// maxBaseline bounds what is read of a baseline: some hundred thousand findings.
const maxBaseline = 64 << 20

// baselineFile is the findings that are known, as a file that people can read and review.
type baselineFile struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Findings   []baselineFinding `json:"findings"`
}

// baselineFinding says which finding is known. The message is not part of it: wording may get better.
type baselineFinding struct {
	ID        string `json:"id"`
	Context   string `json:"context,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Path      string `json:"path,omitempty"`
}

// knownFindings are the known findings, and where they are written down.
type knownFindings struct {
	path  string
	known map[baselineFinding]bool
	// seen are those that were found again; nil where nobody asks.
	seen map[baselineFinding]bool
}

func (o *Options) readBaseline() (knownFindings, error) {
	baseline := knownFindings{path: o.Baseline, known: map[baselineFinding]bool{}}
	if o.Baseline == "" || o.WriteBaseline {
		return baseline, nil
	}
	text, _, err := manifest.ReadRegular(o.Baseline, maxBaseline)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return baseline, fmt.Errorf("--baseline: there is no file %s; make it with --write-baseline", o.Baseline)
	case err != nil:
		return baseline, fmt.Errorf("--baseline: %s cannot be read: %w", o.Baseline, err)
	}
	var file baselineFile
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return baseline, fmt.Errorf("--baseline: %s: %s; remove it and write it again with --write-baseline", o.Baseline, decodeProblem(err))
	}
	if file.APIVersion != report.APIVersion || file.Kind != baselineKind {
		return baseline, fmt.Errorf("--baseline: %s is not a %s of %s; make one of another name with --write-baseline", o.Baseline, baselineKind, report.APIVersion)
	}
	for _, finding := range file.Findings {
		baseline.known[finding] = true
	}
	return baseline, nil
}

// knows says that a finding is in the baseline.
func (b knownFindings) knows(finding checks.Finding, context string) (reason string, known bool) {
	key := baselineFinding{
		ID: finding.ID, Context: context, Kind: mesh.GroupVersionKind(finding.Object).Kind,
		Namespace: finding.Object.GetNamespace(), Name: finding.Object.GetName(), Path: finding.Path.String(),
	}
	if b.seen != nil {
		b.seen[key] = true
	}
	return "known: in " + b.path, b.known[key]
}

// stale counts the known findings that are no longer found, of those that would have been: their check was run in full, and
// their object was judged.
func (b knownFindings) stale(made *report.LintReport, judged func(baselineFinding) bool) int {
	count := 0
	for finding := range b.known {
		ran := slices.ContainsFunc(made.Ran, func(check *checks.Check) bool { return check.ID == finding.ID })
		skipped := slices.ContainsFunc(made.Skipped, func(skip report.LintSkip) bool { return skip.ID == finding.ID })
		silenced := slices.ContainsFunc(made.Suppressed, func(suppressed report.LintSuppressed) bool {
			return suppressed.ID == finding.ID && suppressed.Object.Kind == finding.Kind &&
				suppressed.Object.Namespace == finding.Namespace && suppressed.Object.Name == finding.Name
		})
		if !b.seen[finding] && ran && !skipped && !silenced && judged(finding) {
			count++
		}
	}
	return count
}

// judgedIn says whether the report is about the object of a known finding: it is there, or in a whole cluster no longer.
func judgedIn(meshes []*meshToCheck) func(baselineFinding) bool {
	return func(finding baselineFinding) bool {
		for _, m := range meshes {
			if m.context != finding.Context || !m.target.IsWhole() {
				continue
			}
			inTarget := m.target.All || finding.Namespace == m.target.Namespace
			if inTarget && (m.manifests == nil || m.has(finding)) {
				return true
			}
		}
		return false
	}
}

func (m *meshToCheck) has(finding baselineFinding) bool {
	for _, kind := range mesh.Kinds() {
		if kind.Info().Kind == finding.Kind && m.snapshot.Find(mesh.Key{Kind: kind, Namespace: finding.Namespace, Name: finding.Name}) != nil {
			return true
		}
	}
	return false
}

// noteStale says that the baseline could be shorter.
func (o *Options) noteStale(baseline knownFindings, made *report.LintReport, meshes []*meshToCheck) {
	if stale := baseline.stale(made, judgedIn(meshes)); stale > 0 {
		report.Notes(o.Streams, []string{fmt.Sprintf("%d of the %d findings in %s are no longer found; write it anew with --write-baseline",
			stale, len(baseline.known), baseline.path)})
	}
}

// recordBaseline writes all findings down as known.
func (o *Options) recordBaseline(ctx context.Context, meshes []*meshToCheck) error {
	made, err := o.report(meshes)
	if err != nil {
		return err
	}
	file := baselineFile{APIVersion: report.APIVersion, Kind: baselineKind, Findings: []baselineFinding{}}
	for _, finding := range made.Findings {
		if finding.State == report.Fixed {
			continue // the files are what is to be known
		}
		file.Findings = append(file.Findings, baselineFinding{
			ID: finding.ID, Context: finding.Context, Kind: finding.Object.Kind, Namespace: finding.Object.Namespace,
			Name: finding.Object.Name, Path: finding.Path,
		})
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	before, err := o.formerBaseline()
	if err != nil {
		return err
	}
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := manifest.Write([]manifest.FileChange{{Path: o.Baseline, Before: before, After: text}}); err != nil {
		return err
	}
	report.Printf(o.Streams.Err, "wrote %d findings to %s\n", len(file.Findings), o.Baseline)
	return nil
}

// formerBaseline is the text that a new baseline replaces; nil for none. Nothing but a baseline is replaced.
func (o *Options) formerBaseline() ([]byte, error) {
	text, _, err := manifest.ReadRegular(o.Baseline, maxBaseline)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("--baseline: %s cannot be read: %w", o.Baseline, err)
	}
	var header struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(text, &header); err != nil || header.APIVersion != report.APIVersion || header.Kind != baselineKind {
		return nil, fmt.Errorf("--write-baseline: %s is there and is not a %s of %s, so it is not replaced; remove it, or give --baseline another name",
			o.Baseline, baselineKind, report.APIVersion)
	}
	return text, nil
}
