package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
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
	changed := false
	var restarted []mesh.Key
	for _, m := range meshes {
		found, err := o.judge(m, m.snapshot, baseline)
		if err != nil {
			return err
		}
		fixable, err := o.fixable(m, found.Findings)
		if err != nil {
			return err
		}
		fixes := plan.Plan{Changes: o.fix.changes(fixable)}
		if fixes.Empty() {
			continue
		}
		if m.manifests != nil {
			err = o.fixFiles(ctx, m.manifests, fixes)
		} else {
			err = o.fixCluster(ctx, m, fixes)
		}
		if err != nil {
			return err
		}
		changed = true
		restarted = append(restarted, restartsOf(fixes)...)
	}
	if !changed {
		fmt.Fprintln(o.streams.Err, "nothing to fix")
		return o.answer(meshes)
	}
	if o.fix.dryRun != dryRunNone {
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
		after[0].snapshot = after[0].snapshot.With(mesh.Change{Restarted: restarted})
	}
	return o.answer(after)
}

// fixable are the findings without those whose fixes cannot be made in the files, which is said: they do not keep the others from
// being fixed. It is an error if none can be.
func (o *lintOptions) fixable(m *lintMesh, findings []checks.Finding) ([]checks.Finding, error) {
	const manyFindings = 200 // each is tried alone
	if m.manifests == nil {
		return findings, nil
	}
	_, all := m.manifests.Edit(o.fix.changes(findings))
	if all == nil {
		return findings, nil
	}
	all = fmt.Errorf("nothing was changed: %w", all)
	if len(findings) > manyFindings {
		return nil, all
	}
	var faults []string
	left := slices.DeleteFunc(slices.Clone(findings), func(finding checks.Finding) bool {
		_, err := m.manifests.Edit(o.fix.changes([]checks.Finding{finding}))
		if err != nil && !slices.Contains(faults, err.Error()) {
			faults = append(faults, err.Error())
		}
		return err != nil
	})
	if len(o.fix.changes(left)) == 0 {
		return nil, all
	}
	for _, fault := range faults {
		fmt.Fprintln(o.streams.Err, "warning: not fixed: "+fault)
	}
	return left, nil
}

// changes are those of the fixes that are made, in the order of the findings. Two findings may want the same change, or one
// field to be different things: the first one counts, and the next run judges what is left.
func (f fixOptions) changes(findings []checks.Finding) []plan.Change {
	var made []plan.Change
	claimed := map[string]any{}
	for _, finding := range findings {
		if finding.Fix.Level != checks.Safe && (finding.Fix.Level != checks.Ask || f.scope != fixAll) {
			continue
		}
		if conflicts(claimed, finding.Fix.Changes) {
			continue
		}
		for _, change := range finding.Fix.Changes {
			if !slices.ContainsFunc(made, func(earlier plan.Change) bool { return isSameChange(earlier, change) }) {
				made = append(made, change)
			}
			claim(claimed, change)
		}
	}
	return made
}

func isSameChange(a, b plan.Change) bool {
	return a.Action == b.Action && plan.Name(a.Object) == plan.Name(b.Object) && a.Object.GroupVersionKind() == b.Object.GroupVersionKind() &&
		reflect.DeepEqual(a.Edits, b.Edits)
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

// fixFiles edits the files in place, or shows the edits.
func (o *lintOptions) fixFiles(ctx context.Context, manifests *manifest.Manifests, fixes plan.Plan) error {
	edits, err := manifests.Edit(fixes.Changes)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	for _, change := range fixes.Changes {
		if change.Action == plan.Restart {
			fmt.Fprintf(o.streams.Err, "note: %s has pods to be made anew, which files cannot do: kubectl rollout restart %s\n", plan.Name(change.Object), restartArgument(change))
		}
	}
	if o.fix.dryRun != dryRunNone {
		return o.showEdits(edits)
	}
	if err := o.ask(fixes); err != nil {
		return err
	}
	done, err := beginWriting(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := manifest.Write(edits); err != nil {
		return err
	}
	for _, edit := range edits {
		fmt.Fprintf(o.streams.Err, "fixed %s\n", edit.Path)
	}
	return nil
}

func restartArgument(change plan.Change) string {
	return strings.ToLower(change.Object.GetKind()) + "/" + change.Object.GetName() + " -n " + change.Object.GetNamespace()
}

func (o *lintOptions) showEdits(edits []manifest.FileChange) error {
	for _, edit := range edits {
		text := udiff.Unified(edit.Path, edit.Path, string(edit.Before), string(edit.After))
		if err := report.DiffText(o.streams.Out, text, o.streams.OutColour); err != nil {
			return err
		}
	}
	return nil
}

// ask shows the plan and asks, where the fixes are more than safe ones.
func (o *lintOptions) ask(fixes plan.Plan) error {
	if o.fix.scope != fixAll || o.fix.yes {
		return nil
	}
	if !o.fix.interactive {
		return usage("--fix=all asks first, and there is no terminal to ask on; look with --dry-run, then say --yes")
	}
	if err := report.PlanText(o.streams.Err, fixes, o.streams.ErrColour); err != nil {
		return err
	}
	fmt.Fprint(o.streams.Err, "Go ahead? [y/N] ")
	answer, _ := bufio.NewReader(o.streams.In).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errors.New("not confirmed: nothing was changed")
	}
	return nil
}

// fixCluster makes the changes in the cluster, the way create makes its own.
func (o *lintOptions) fixCluster(ctx context.Context, m *lintMesh, fixes plan.Plan) error {
	doing := &carryOut{
		streams: o.streams, client: m.client, plan: fixes, rollouts: restartsOf(fixes), goOn: o.fix.command,
		write: writeOptions{dryRun: o.fix.dryRun, wait: true, timeout: defaultTimeout, fieldManager: expose.Manager},
	}
	if o.fix.dryRun != dryRunNone {
		if err := report.PlanText(o.streams.Out, fixes, o.streams.OutColour); err != nil || o.fix.dryRun == dryRunClient {
			return err
		}
		_, err := doing.rehearse(ctx)
		return err
	}
	if err := o.ask(fixes); err != nil {
		return err
	}
	if _, err := doing.rehearse(ctx); err != nil {
		return err
	}
	return doing.apply(ctx)
}

// restartsOf are the workloads that get new pods: those that are restarted, and those whose template changes.
func restartsOf(fixes plan.Plan) []mesh.Key {
	var keys []mesh.Key
	for _, change := range fixes.Changes {
		kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
		key := mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
		template := slices.ContainsFunc(change.Edits, func(edit plan.Edit) bool {
			return len(edit.Path) > 1 && edit.Path[0] == "spec" && edit.Path[1] == "template"
		})
		if template && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}
