package lintrun

import (
	"context"
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// meshToCheck is a mesh, and where it comes from.
type meshToCheck struct {
	snapshot *mesh.Snapshot
	// without is the cluster as it is, without the files; nil unless the two are compared.
	without *mesh.Snapshot
	// manifests are the files, client the cluster; nil for none.
	manifests *manifest.Manifests
	client    *cluster.Client
	context   string
	// target may be narrower than asked for: the namespaces that the files speak of.
	target lint.Target
}

// Run checks, or what else the options say.
func (o *Options) Run(ctx context.Context) error {
	if o.SettingsNote != "" { // they come with the files, which may be a stranger's
		report.Notes(o.Streams, []string{o.SettingsNote})
	}
	switch {
	case o.ListChecks:
		return o.printChecks()
	case o.PrintRBAC:
		return o.printRoles()
	case o.Watch:
		return o.runWatch(ctx)
	}
	meshes, err := o.load(ctx)
	if err != nil {
		return err
	}
	if o.WriteBaseline {
		return o.recordBaseline(ctx, meshes)
	}
	if o.Fix.Scope != lint.FixNone {
		return o.runFix(ctx, meshes)
	}
	return o.answer(meshes)
}

// answer prints the report, and says whether it is a bad one.
func (o *Options) answer(meshes []*meshToCheck) error {
	made, err := o.report(meshes)
	if err != nil {
		return err
	}
	silences := o.silences(meshes, made)
	made.Summary.NoPath = len(silences) == len(meshes)
	if err := o.Printer.Print(o.Streams.Out, made); err != nil {
		return err
	}
	report.Notes(o.Streams, silences)
	return o.verdict(made)
}

// silences say of each mesh without findings in which nothing shows gRPC why, and what would.
func (o *Options) silences(meshes []*meshToCheck, made *report.LintReport) []string {
	if len(made.Findings) > 0 || len(made.Suppressed) > 0 || len(made.Ran) == 0 {
		return nil
	}
	var silences []string
	for _, m := range meshes {
		silence := m.target.Silence(m.snapshot)
		if silence != "" && m.context != "" {
			silence = "context " + m.context + ": " + silence
		}
		if silence != "" {
			silences = append(silences, silence)
		}
	}
	return silences
}

// verdict is the report as an exit code. Where no check at all could be run there is no answer, neither good nor bad.
func (o *Options) verdict(made *report.LintReport) error {
	switch {
	case made.Failed():
		return exitcode.ErrBadAnswer
	case len(made.Ran) == 0 && len(made.Skipped) > 0:
		return fmt.Errorf("no check could be run: %s; %s lint --print-rbac has the rights to ask for", made.Skipped[0].Reason, program)
	default:
		return nil
	}
}

// report judges the meshes, one after the other, in one report.
func (o *Options) report(meshes []*meshToCheck) (*report.LintReport, error) {
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
			part.Notes = slices.Concat(load.UnreadNotes(m.manifests), m.manifests.Notes)
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
	whole.FailOn = o.FailOn
	o.noteStale(baseline, whole, meshes)
	return whole, nil
}

// ignoreProblems says, and gives, what is meant to silence findings and does not.
func (o *Options) ignoreProblems(m *meshToCheck) []string {
	only := m.target.OnlyKnown(m.snapshot)
	problems := lint.IgnoreProblems(m.snapshot, func(object mesh.Object) bool { return only == nil || only(object) })
	if m.context != "" {
		for i := range problems {
			problems[i] = "context " + m.context + ": " + problems[i]
		}
	}
	report.Notes(o.Streams, problems)
	return problems
}

// tooLarge says, and gives, which objects were left out because they are larger than any that people write.
func (o *Options) tooLarge(m *meshToCheck) []string {
	notes := m.snapshot.TooLarge()
	if m.context != "" {
		for i := range notes {
			notes[i] = "context " + m.context + ": " + notes[i]
		}
	}
	report.Notes(o.Streams, slices.Clone(notes))
	return notes
}

func (o *Options) judge(m *meshToCheck, snapshot *mesh.Snapshot, baseline knownFindings) (lint.Report, error) {
	return m.target.Run(snapshot, lint.Options{
		Checks: o.Checks, AllScopes: o.AllScopes, Every: o.WriteBaseline,
		Ignore: func(finding checks.Finding) (string, bool) {
			if reason, ignored := ignoredBy(o.Ignores, finding, snapshot.Source(finding.Object).File); ignored {
				return reason, true
			}
			return baseline.knows(finding, m.context)
		},
	})
}

// load reads the files, the clusters, or both.
func (o *Options) load(ctx context.Context) ([]*meshToCheck, error) {
	var manifests *manifest.Manifests
	if o.Files != nil {
		var err error
		if manifests, err = o.loadFiles(ctx); err != nil {
			return nil, err
		}
		if !o.WithCluster {
			return o.meshesOf(manifests)
		}
		if manifests, err = o.manifestsOver(manifests); err != nil {
			return nil, err
		}
	}
	meshes := make([]*meshToCheck, 0, len(o.Sources))
	for _, source := range o.Sources {
		loaded, err := o.loadCluster(ctx, source, manifests)
		if err != nil {
			if source.Context != "" {
				err = fmt.Errorf("context %s: %w", source.Context, err)
			}
			return nil, err
		}
		meshes = append(meshes, loaded)
	}
	return meshes, nil
}

// requireNamespace refuses a namespace of -n that the files do not speak of: no finding in it would be no good news.
func (o *Options) requireNamespace(manifests *manifest.Manifests) error {
	inTarget := func(sourced mesh.Sourced) bool { return o.Target.InNamespace(sourced.Object) }
	if !o.Target.All && o.Target.IsWhole() && len(manifests.Objects) > 0 && !slices.ContainsFunc(manifests.Objects, inTarget) {
		return fmt.Errorf("no object of the files is in namespace %s: name another one with -n, or leave it out to check all of them", o.Target.Namespace)
	}
	return nil
}

// loadCluster reads what the checks rest on, as far as the target needs it, and puts the files over it, if there are any.
func (o *Options) loadCluster(ctx context.Context, source Source, manifests *manifest.Manifests) (*meshToCheck, error) {
	client, err := source.Client()
	if err != nil {
		return nil, err
	}
	target := o.Target
	if manifests != nil && !target.All && len(target.Workloads) == 0 {
		target = namespaceOfFiles(target, manifests)
	}
	loaded, err := load.FromCluster(ctx, client, o.question(target, source.Context))
	if err != nil {
		return nil, err
	}
	m := &meshToCheck{snapshot: loaded.Snapshot, client: client, context: source.Context, target: target}
	if manifests != nil {
		m.without, m.manifests = loaded.Snapshot, manifests
		m.snapshot = load.Overlay(loaded.Snapshot, manifests)
	}
	return m, target.Problem(m.snapshot)
}

// namespaceOfFiles makes the one namespace of the files the target; where they speak of several, all namespaces are.
func namespaceOfFiles(target lint.Target, manifests *manifest.Manifests) lint.Target {
	var namespaces []string
	for _, sourced := range manifests.Objects {
		if namespace := sourced.Object.GetNamespace(); namespace != "" && !slices.Contains(namespaces, namespace) {
			namespaces = append(namespaces, namespace)
		}
	}
	switch len(namespaces) {
	case 0:
	case 1:
		target.Namespace = namespaces[0]
	default:
		target.All = true
	}
	return target
}

// question is what the findings of the selected checks about the target depend on.
func (o *Options) question(target lint.Target, context string) load.Question {
	question := load.Question{
		Kinds: lint.Kinds(o.Checks), Namespace: target.Namespace, Concerns: target.OnlyKnown, Entire: o.Fix.Scope != lint.FixNone, Context: context, GRPCPorts: o.GRPCPorts, Now: o.Now(),
	}
	if target.All {
		question.Namespace, question.Fallback = "", []string{target.Namespace}
	}
	return question
}
