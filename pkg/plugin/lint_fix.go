package plugin

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// fixScope says which fixes are made.
type fixScope string

const (
	fixNone fixScope = ""
	fixSafe fixScope = "safe"
	fixAll  fixScope = "all"
)

// fixOptions say what --fix does.
type fixOptions struct {
	scope  fixScope
	dryRun string
	// yes means that nobody is asked; interactive that somebody is there.
	yes, interactive bool
	// command is what the user typed, to be typed again.
	command string
}

// runFix makes the fixes of each mesh, and reports what is left.
func (o *lintOptions) runFix(ctx context.Context, meshes []*lintMesh) error {
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
		inTarget, err := o.inTarget(m, o.fix.chosen(found.Findings))
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
		report.Printf(o.streams.Err, "nothing to fix\n")
		return o.answer(meshes)
	}
	if o.fix.dryRun != execution.DryRunNone {
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
	if o.files != nil {
		// Pods that stand in files are those from before the fixes: what is left is what their successors have.
		after[0].snapshot = proxy.Restart(after[0].snapshot, restarted)
	}
	return o.answer(after)
}

// inTarget are the findings whose fixes stay in the namespaces that the user named; the others are listed with what makes them.
func (o *lintOptions) inTarget(m *lintMesh, findings []checks.Finding) ([]checks.Finding, error) {
	namespaces, err := m.target.writable(m.snapshot)
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
		if o.files != nil {
			with = "run it without -n"
		}
		if !m.target.isWhole() {
			with += " and for no workload alone"
		}
		fixOf(finding).NotFixed(o.streams, fmt.Sprintf("it changes %s, which is not in namespace %s; %s to make the change", outside, strings.Join(namespaces, " or "), with))
	}
	return inside, nil
}

// notInPlace says where to fix by hand what a kustomization has built.
func (o *lintOptions) notInPlace(m *lintMesh, findings []checks.Finding) {
	for _, finding := range findings {
		source := m.snapshot.Source(finding.Object)
		fixOf(finding).NotFixed(o.streams, fmt.Sprintf("the kustomization %s builds it; change %s:%d by hand: %s", m.manifests.Folder, source.File, source.Line, finding.Fix.Text))
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
func (o *lintOptions) fixable(m *lintMesh, findings []checks.Finding) ([]checks.Finding, error) {
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
		report.Printf(o.streams.Err, "warning: not fixed: %s\n", fault)
	}
	return left, nil
}

// chosen are the findings whose fixes are to be made, in their order. Two may want one field to be different things: the first one
// counts, and the next run judges what is left.
func (f fixOptions) chosen(findings []checks.Finding) []checks.Finding {
	var chosen []checks.Finding
	claimed := map[string]any{}
	for _, finding := range findings {
		if finding.Fix.Level != checks.Safe && (finding.Fix.Level != checks.Ask || f.scope != fixAll) {
			continue
		}
		if conflicts(claimed, finding.Fix.Changes) {
			continue
		}
		for _, change := range finding.Fix.Changes {
			claim(claimed, change)
		}
		chosen = append(chosen, finding)
	}
	return chosen
}

// changesOf are the changes of the findings' fixes, in their order.
func changesOf(findings []checks.Finding) []plan.Change {
	return execution.ChangesOf(fixesOf(findings))
}

// fieldOf names a field of an object. Restarts of one workload are the same, whenever they were thought of.
func fieldOf(change plan.Change, edit plan.Edit) string {
	return change.Object.GetAPIVersion() + " " + plan.Name(change.Object) + " " + edit.Path.String()
}

func claim(claimed map[string]any, change plan.Change) {
	for _, edit := range change.Edits {
		claimed[fieldOf(change, edit)] = edit.New
	}
}

func conflicts(claimed map[string]any, changes []plan.Change) bool {
	for _, change := range changes {
		for _, edit := range change.Edits {
			if value, taken := claimed[fieldOf(change, edit)]; taken && !reflect.DeepEqual(value, edit.New) {
				return true
			}
		}
	}
	return false
}

// fixCluster makes the findings' fixes in the cluster, and returns the changes that were made.
func (o *lintOptions) fixCluster(ctx context.Context, m *lintMesh, findings []checks.Finding) ([]plan.Change, error) {
	if o.fix.dryRun == execution.DryRunNone {
		if err := o.canAsk(); err != nil {
			return nil, err
		}
	}
	return o.execution(m.client).RunFixes(ctx, fixesOf(findings))
}

func (o *lintOptions) execution(client execution.Client) *execution.Execution {
	return &execution.Execution{
		Streams: o.streams, Client: client, GoOn: o.fix.command, Flagless: true,
		Options: execution.Options{
			DryRun: o.fix.dryRun, Interactive: o.fix.scope == fixAll && !o.fix.yes, Wait: true, Timeout: execution.DefaultTimeout, FieldManager: plan.Manager,
		},
	}
}

// fixFiles edits the files in place, or shows the edits.
func (o *lintOptions) fixFiles(ctx context.Context, manifests *manifest.Manifests, fixes plan.Plan) error {
	edits, err := manifests.Edit(fixes.Changes)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	for _, change := range fixes.Changes {
		if change.Action == plan.Restart {
			report.Printf(o.streams.Err, "note: %s has pods to be made anew, which files cannot do: kubectl rollout restart %s\n", plan.Name(change.Object), restartArgument(change))
		}
	}
	if o.fix.dryRun != execution.DryRunNone {
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
		report.Printf(o.streams.Err, "fixed %s\n", edit.Path)
	}
	return nil
}

func restartArgument(change plan.Change) string {
	return inert.Command(strings.ToLower(change.Object.GetKind())+"/"+change.Object.GetName(), "-n", change.Object.GetNamespace())
}

func (o *lintOptions) showEdits(edits []manifest.FileChange) error {
	for _, edit := range edits {
		text := udiff.Unified(inert.Line(edit.Path), inert.Line(edit.Path), string(edit.Before), string(edit.After))
		if err := report.DiffText(o.streams.Out, text, o.streams.OutColour); err != nil {
			return err
		}
	}
	return nil
}

// canAsk is the error of a question that nobody could answer.
func (o *lintOptions) canAsk() error {
	if o.fix.scope == fixAll && !o.fix.yes && !o.fix.interactive {
		return usage("--fix=all asks first, and there is no terminal to ask on; look with --dry-run, then say --yes")
	}
	return nil
}
