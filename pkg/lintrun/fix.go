package lintrun

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// FixOptions say what --fix does.
type FixOptions struct {
	Scope  lint.FixScope
	DryRun string
	// Yes means that nobody is asked; Interactive that somebody is there.
	Yes, Interactive bool
	// Command is what the user typed, to be typed again.
	Command string
}

// runFix makes the fixes of each mesh, and reports what is left.
func (o *Options) runFix(ctx context.Context, meshes []*meshToCheck) error {
	baseline, err := o.readBaseline()
	if err != nil {
		return err
	}
	tried := false
	var restarted []mesh.Key
	for _, m := range meshes {
		found, err := o.judge(m, m.snapshot, baseline)
		if err != nil {
			return err
		}
		inTarget, err := o.inTarget(m, o.Fix.Scope.Chosen(found.Findings))
		if err != nil {
			return err
		}
		if m.manifests != nil && m.manifests.Folder != "" {
			o.notInPlace(m, inTarget)
			continue
		}
		fixable, err := o.fixable(m, inTarget)
		if err != nil {
			return err
		}
		if len(fixable) == 0 {
			continue
		}
		made := changesOf(fixable)
		if m.manifests != nil {
			err = o.fixFiles(ctx, m.manifests, plan.Plan{Changes: made})
		} else {
			made, err = o.fixCluster(ctx, m, fixable)
		}
		if err != nil {
			return err
		}
		tried = true
		restarted = append(restarted, projection.Restarted(made)...)
	}
	if !tried {
		report.Printf(o.Streams.Err, "nothing to fix\n")
		return o.answer(meshes)
	}
	if o.Fix.DryRun != execution.DryRunNone {
		left, err := o.report(meshes)
		if err != nil {
			return err
		}
		return o.verdict(left)
	}
	after, err := o.load(ctx)
	if err != nil {
		return fmt.Errorf("the fixes were made, but what is left could not be judged: %w", err)
	}
	if o.Files != nil {
		// Pods that stand in files are those from before the fixes: what is left is what their successors have.
		after[0].snapshot = proxy.Restart(after[0].snapshot, restarted)
	}
	return o.answer(after)
}

// inTarget are the findings whose fixes stay in the namespaces that the user named; the others are listed with what makes them.
func (o *Options) inTarget(m *meshToCheck, findings []checks.Finding) ([]checks.Finding, error) {
	namespaces, err := m.target.Writable(m.snapshot)
	if err != nil || namespaces == nil {
		return findings, err
	}
	var inside []checks.Finding
	for _, finding := range findings {
		outside := ""
		for _, change := range finding.Fix.Changes {
			if of := checks.NamespaceOf(change); !slices.Contains(namespaces, of) {
				outside = cmp.Or(outside, plan.Name(change.Object))
			}
		}
		if outside == "" {
			inside = append(inside, finding)
			continue
		}
		with := "run it with -A"
		if o.Files != nil {
			with = "run it without -n"
		}
		if !m.target.IsWhole() {
			with += " and for no workload alone"
		}
		fixOf(finding).NotFixed(o.Streams, fmt.Sprintf("it changes %s, which is not in namespace %s; %s to make the change", outside, strings.Join(namespaces, " or "), with))
	}
	return inside, nil
}

// notInPlace says where to fix by hand what a kustomization has built.
func (o *Options) notInPlace(m *meshToCheck, findings []checks.Finding) {
	for _, finding := range findings {
		source := m.snapshot.Source(finding.Object)
		fixOf(finding).NotFixed(o.Streams, fmt.Sprintf("the kustomization %s builds it; change %s:%d by hand: %s", m.manifests.Folder, source.File, source.Line, finding.Fix.Text))
	}
}

// fixOf is what carries the fix of a finding out.
func fixOf(finding checks.Finding) execution.Fix {
	return execution.Fix{ID: finding.ID, Object: mesh.KeyOf(finding.Object).String(), Changes: finding.Fix.Changes}
}

func fixesOf(findings []checks.Finding) []execution.Fix {
	fixes := make([]execution.Fix, len(findings))
	for i, finding := range findings {
		fixes[i] = fixOf(finding)
	}
	return fixes
}

// fixable are the findings without those whose fixes cannot be made in the files, which is said: they do not keep the others from
// being fixed. It is an error if none can be.
func (o *Options) fixable(m *meshToCheck, findings []checks.Finding) ([]checks.Finding, error) {
	const manyFindings = 200 // each is tried alone
	if m.manifests == nil {
		return findings, nil
	}
	_, all := m.manifests.Edit(changesOf(findings))
	if all == nil {
		return findings, nil
	}
	all = fmt.Errorf("nothing was changed: %w", all)
	if len(findings) > manyFindings {
		return nil, all
	}
	var faults []string
	left := slices.DeleteFunc(slices.Clone(findings), func(finding checks.Finding) bool {
		_, err := m.manifests.Edit(finding.Fix.Changes)
		if err != nil && !slices.Contains(faults, err.Error()) {
			faults = append(faults, err.Error())
		}
		return err != nil
	})
	if len(left) == 0 {
		return nil, all
	}
	for _, fault := range faults {
		report.Printf(o.Streams.Err, "warning: not fixed: %s\n", fault)
	}
	return left, nil
}

// changesOf are the changes of the findings' fixes, in their order.
func changesOf(findings []checks.Finding) []plan.Change {
	return execution.ChangesOf(fixesOf(findings))
}

// fixCluster makes the findings' fixes in the cluster, and returns the changes that were made.
func (o *Options) fixCluster(ctx context.Context, m *meshToCheck, findings []checks.Finding) ([]plan.Change, error) {
	if o.Fix.DryRun == execution.DryRunNone {
		if err := o.canAsk(); err != nil {
			return nil, err
		}
	}
	return o.execution(m.client).RunFixes(ctx, fixesOf(findings))
}

func (o *Options) execution(client execution.Client) *execution.Execution {
	return &execution.Execution{
		Streams: o.Streams, Client: client, GoOn: o.Fix.Command, Flagless: true,
		Options: execution.Options{
			DryRun: o.Fix.DryRun, Interactive: o.Fix.Scope == lint.FixAll && !o.Fix.Yes, Wait: true, Timeout: execution.DefaultTimeout, FieldManager: plan.Manager,
		},
	}
}

// fixFiles edits the files in place, or shows the edits.
func (o *Options) fixFiles(ctx context.Context, manifests *manifest.Manifests, fixes plan.Plan) error {
	edits, err := manifests.Edit(fixes.Changes)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	for _, change := range fixes.Changes {
		if change.Action == plan.Restart {
			report.Printf(o.Streams.Err, "note: %s has pods to be made anew, which files cannot do: kubectl rollout restart %s\n", plan.Name(change.Object), restartArgument(change))
		}
	}
	if o.Fix.DryRun != execution.DryRunNone {
		return o.showEdits(edits)
	}
	if err := o.canAsk(); err != nil {
		return err
	}
	if err := o.execution(nil).ConfirmPlan(ctx, fixes); err != nil {
		return err
	}
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := manifest.Write(edits); err != nil {
		return err
	}
	for _, edit := range edits {
		report.Printf(o.Streams.Err, "fixed %s\n", edit.Path)
	}
	return nil
}

func restartArgument(change plan.Change) string {
	return inert.Command(strings.ToLower(change.Object.GetKind())+"/"+change.Object.GetName(), "-n", change.Object.GetNamespace())
}

func (o *Options) showEdits(edits []manifest.FileChange) error {
	for _, edit := range edits {
		text := udiff.Unified(inert.Line(edit.Path), inert.Line(edit.Path), string(edit.Before), string(edit.After))
		if err := report.DiffText(o.Streams.Out, text, o.Streams.OutColour); err != nil {
			return err
		}
	}
	return nil
}

// canAsk is the error of a question that nobody could answer.
func (o *Options) canAsk() error {
	if o.Fix.Scope == lint.FixAll && !o.Fix.Yes && !o.Fix.Interactive {
		return exitcode.Usage("--fix=all asks first, and there is no terminal to ask on; look with --dry-run, then say --yes")
	}
	return nil
}
