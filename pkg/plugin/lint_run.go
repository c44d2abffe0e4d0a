package plugin

import (
	"context"
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// lintMesh is a mesh to judge, and where it comes from.
type lintMesh struct {
	snapshot *mesh.Snapshot
	// without is the cluster as it is, without the files; nil unless the two are compared.
	without *mesh.Snapshot
	// manifests are the files, client the cluster; nil for none.
	manifests *manifest.Manifests
	client    *cluster.Client
	context   string
	// target may be narrower than asked for: the namespaces that the files speak of.
	target lintTarget
}

func (o *lintOptions) run(ctx context.Context) error {
	if o.settingsNote != "" { // they come with the files, which may be a stranger's
		report.Notes(o.streams, []string{o.settingsNote})
	}
	switch {
	case o.listChecks:
		return o.printChecks()
	case o.printRBAC:
		return o.printRoles()
	case o.watch:
		return o.runWatch(ctx)
	}
	meshes, err := o.load(ctx)
	if err != nil {
		return err
	}
	if o.writeBaseline {
		return o.recordBaseline(ctx, meshes)
	}
	if o.fix.scope != fixNone {
		return o.runFix(ctx, meshes)
	}
	return o.answer(meshes)
}

// answer prints the report, and says whether it is a bad one.
func (o *lintOptions) answer(meshes []*lintMesh) error {
	made, err := o.report(meshes)
	if err != nil {
		return err
	}
	if err := o.printer.Print(o.streams.Out, made); err != nil {
		return err
	}
	o.explainSilence(meshes, made)
	return o.verdict(made)
}

// explainSilence says where there are no findings because there was nothing to find any about. Files are often a part of what
// there is, so that nothing is said about them.
func (o *lintOptions) explainSilence(meshes []*lintMesh, made *report.LintReport) {
	if len(made.Findings) > 0 || len(made.Ran) == 0 {
		return
	}
	for _, m := range meshes {
		if m.manifests != nil {
			continue
		}
		if silence := m.target.silence(m.snapshot); silence != "" {
			if m.context != "" {
				silence = "context " + m.context + ": " + silence
			}
			report.Notes(o.streams, []string{silence})
		}
	}
}

// verdict is the report as an exit code. Where no check at all could be run there is no answer, neither good nor bad.
func (o *lintOptions) verdict(made *report.LintReport) error {
	switch {
	case made.Failed():
		return errBadAnswer
	case len(made.Ran) == 0 && len(made.Skipped) > 0:
		return fmt.Errorf("no check could be run: %s; %s lint --print-rbac has the rights to ask for", made.Skipped[0].Reason, name)
	default:
		return nil
	}
}

// report judges the meshes, one after the other, in one report.
func (o *lintOptions) report(meshes []*lintMesh) (*report.LintReport, error) {
	baseline, err := o.readBaseline()
	if err != nil {
		return nil, err
	}
	baseline.seen = map[baselineFinding]bool{}
	var whole *report.LintReport
	for _, m := range meshes {
		found, err := o.judge(m, m.snapshot, baseline)
		if err != nil {
			return nil, err
		}
		part := report.NewLintReport(found, m.snapshot)
		if m.without != nil {
			before, err := o.judge(m, m.without, baseline)
			if err != nil {
				return nil, err
			}
			part.Compare(report.NewLintReport(before, m.without))
		}
		if m.manifests != nil {
			part.Notes = slices.Concat(unreadNotes(m.manifests), m.manifests.Notes)
		}
		part.Notes = append(part.Notes, o.ignoreProblems(m)...)
		part.Notes = append(part.Notes, o.tooLarge(m)...)
		part.InContext(m.context)
		if whole == nil {
			whole = part
		} else {
			whole.Add(part)
		}
	}
	whole.FailOn = o.failOn
	o.noteStale(baseline, whole, meshes)
	return whole, nil
}

// ignoreProblems says, and gives, what is meant to silence findings and does not.
func (o *lintOptions) ignoreProblems(m *lintMesh) []string {
	only := m.target.onlyKnown(m.snapshot)
	problems := lint.IgnoreProblems(m.snapshot, func(object mesh.Object) bool { return only == nil || only(object) })
	if m.context != "" {
		for i := range problems {
			problems[i] = "context " + m.context + ": " + problems[i]
		}
	}
	report.Notes(o.streams, problems)
	return problems
}

// tooLarge says, and gives, which objects were left out because they are larger than any that people write.
func (o *lintOptions) tooLarge(m *lintMesh) []string {
	notes := m.snapshot.TooLarge()
	if m.context != "" {
		for i := range notes {
			notes[i] = "context " + m.context + ": " + notes[i]
		}
	}
	report.Notes(o.streams, slices.Clone(notes))
	return notes
}

func (o *lintOptions) judge(m *lintMesh, snapshot *mesh.Snapshot, baseline lintBaseline) (lint.Report, error) {
	paths, err := m.target.paths(snapshot)
	if err != nil {
		return lint.Report{}, err
	}
	return lint.Run(snapshot, lint.Options{
		Checks: o.checks, AllScopes: o.allScopes, Only: m.target.only(paths), Paths: paths, Every: o.writeBaseline,
		Ignore: func(finding checks.Finding) (string, bool) {
			if reason, ignored := ignoredBy(o.ignores, finding, snapshot.Source(finding.Object).File); ignored {
				return reason, true
			}
			return baseline.knows(finding, m.context)
		},
	}), nil
}

// load reads the files, the clusters, or both.
func (o *lintOptions) load(ctx context.Context) ([]*lintMesh, error) {
	var manifests *manifest.Manifests
	if o.files != nil {
		var err error
		if manifests, err = o.loadFiles(ctx); err != nil {
			return nil, err
		}
		if !o.withCluster {
			return o.meshesOf(manifests)
		}
		if manifests, err = o.manifestsOver(manifests); err != nil {
			return nil, err
		}
	}
	meshes := make([]*lintMesh, 0, len(o.sources))
	for _, source := range o.sources {
		loaded, err := o.loadCluster(ctx, source, manifests)
		if err != nil {
			if source.context != "" {
				err = fmt.Errorf("context %s: %w", source.context, err)
			}
			return nil, err
		}
		meshes = append(meshes, loaded)
	}
	return meshes, nil
}

// requireNamespace refuses a namespace of -n that the files do not speak of: no finding in it would be no good news.
func (o *lintOptions) requireNamespace(manifests *manifest.Manifests) error {
	inTarget := func(sourced mesh.Sourced) bool { return o.target.inNamespace(sourced.Object) }
	if !o.target.all && o.target.isWhole() && len(manifests.Objects) > 0 && !slices.ContainsFunc(manifests.Objects, inTarget) {
		return fmt.Errorf("no object of the files is in namespace %s: name another one with -n, or leave it out to check all of them", o.target.namespace)
	}
	return nil
}

// loadCluster reads what the checks rest on, as far as the target needs it, and puts the files over it, if there are any.
func (o *lintOptions) loadCluster(ctx context.Context, source lintSource, manifests *manifest.Manifests) (*lintMesh, error) {
	client, err := source.clients.client()
	if err != nil {
		return nil, err
	}
	target := o.target
	if manifests != nil && !target.all && len(target.workloads) == 0 {
		target = namespaceOfFiles(target, manifests)
	}
	loaded, err := load.FromCluster(ctx, client, o.question(target, source.context))
	if err != nil {
		return nil, err
	}
	m := &lintMesh{snapshot: loaded.Snapshot, client: client, context: source.context, target: target}
	if manifests != nil {
		m.without, m.manifests = loaded.Snapshot, manifests
		m.snapshot = load.Overlay(loaded.Snapshot, manifests)
	}
	return m, target.problem(m.snapshot)
}

// namespaceOfFiles makes the one namespace of the files the target; where they speak of several, all namespaces are.
func namespaceOfFiles(target lintTarget, manifests *manifest.Manifests) lintTarget {
	var namespaces []string
	for _, sourced := range manifests.Objects {
		if namespace := sourced.Object.GetNamespace(); namespace != "" && !slices.Contains(namespaces, namespace) {
			namespaces = append(namespaces, namespace)
		}
	}
	switch len(namespaces) {
	case 0:
	case 1:
		target.namespace = namespaces[0]
	default:
		target.all = true
	}
	return target
}

// question is what the findings of the selected checks about the target depend on.
func (o *lintOptions) question(target lintTarget, context string) load.Question {
	question := load.Question{
		Kinds: lint.Kinds(o.checks), Namespace: target.namespace, Concerns: target.onlyKnown, Entire: o.fix.scope != fixNone, Context: context, Now: o.now(),
	}
	if target.all {
		question.Namespace, question.Fallback = "", []string{target.namespace}
	}
	return question
}
