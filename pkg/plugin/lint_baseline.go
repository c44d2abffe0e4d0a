package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// baselineKind is the kind of a baseline file.
const baselineKind = "LintBaseline"

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

// lintBaseline are the known findings, and where they are written down.
type lintBaseline struct {
	path  string
	known map[baselineFinding]bool
}

func (o *lintOptions) readBaseline() (lintBaseline, error) {
	baseline := lintBaseline{path: o.baseline, known: map[baselineFinding]bool{}}
	if o.baseline == "" || o.writeBaseline {
		return baseline, nil
	}
	text, err := os.ReadFile(o.baseline)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return baseline, fmt.Errorf("--baseline: there is no file %s; make it with --write-baseline", o.baseline)
	case err != nil:
		return baseline, fmt.Errorf("--baseline: %s cannot be read: %w", o.baseline, err)
	}
	var file baselineFile
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return baseline, fmt.Errorf("--baseline: %s: %s; make it anew with --write-baseline", o.baseline, settingsProblem(err))
	}
	if file.APIVersion != report.APIVersion || file.Kind != baselineKind {
		return baseline, fmt.Errorf("--baseline: %s is not a %s of %s; make one with --write-baseline", o.baseline, baselineKind, report.APIVersion)
	}
	for _, finding := range file.Findings {
		baseline.known[finding] = true
	}
	return baseline, nil
}

// knows says that a finding is in the baseline.
func (b lintBaseline) knows(finding checks.Finding, context string) (reason string, known bool) {
	return "known: in " + b.path, b.known[baselineFinding{
		ID: finding.ID, Context: context, Kind: mesh.GroupVersionKind(finding.Object).Kind,
		Namespace: finding.Object.GetNamespace(), Name: finding.Object.GetName(), Path: finding.Path,
	}]
}

// recordBaseline writes all findings down as known.
func (o *lintOptions) recordBaseline(meshes []*lintMesh) error {
	made, err := o.report(meshes)
	if err != nil {
		return err
	}
	file := baselineFile{APIVersion: report.APIVersion, Kind: baselineKind, Findings: []baselineFinding{}}
	for _, finding := range made.Findings {
		file.Findings = append(file.Findings, baselineFinding{
			ID: finding.ID, Context: finding.Context, Kind: finding.Object.Kind, Namespace: finding.Object.Namespace,
			Name: finding.Object.Name, Path: finding.Path,
		})
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(o.baseline)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--baseline: %s cannot be read: %w", o.baseline, err)
	}
	if err := manifest.Write([]manifest.FileChange{{Path: o.baseline, Before: before, After: text}}); err != nil {
		return err
	}
	fmt.Fprintf(o.streams.Err, "wrote %d findings to %s\n", len(file.Findings), o.baseline)
	return nil
}
