package execution

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Fix is what a finding wants changed. It is made whole or not at all.
type Fix struct {
	// ID is the check's, Object what the finding is about.
	ID, Object string
	Changes    []plan.Change
}

// NotFixed says why a fix is not made. Reasons that begin with the object's name need not say it twice.
func (f Fix) NotFixed(streams report.Streams, why string) {
	report.Printf(streams.Err, "not fixed: %s %s: %s\n", f.ID, f.Object, strings.TrimPrefix(why, f.Object+": "))
}

// ChangesOf are the changes of the fixes, in their order. Two fixes may want the same change.
func ChangesOf(fixes []Fix) []plan.Change {
	var changes []plan.Change
	seen := map[string][]plan.Change{}
	for _, fix := range fixes {
		for _, change := range fix.Changes {
			name := nameOf(change)
			if !isAmong(change, seen[name]) {
				seen[name] = append(seen[name], change)
				changes = append(changes, change)
			}
		}
	}
	return changes
}

func isAmong(change plan.Change, changes []plan.Change) bool {
	return slices.ContainsFunc(changes, func(other plan.Change) bool { return plan.SameChange(change, other) })
}

// nameOf is an object's identity among the changes of fixes.
func nameOf(change plan.Change) string {
	return change.Object.GetAPIVersion() + " " + plan.Name(change.Object)
}

// RunFixes makes the fixes in the cluster, those that the API server takes, and returns the changes that were made. One that cannot be
// made keeps no other from it. The plan of the execution is what is left of theirs.
func (e *Execution) RunFixes(ctx context.Context, fixes []Fix) (made []plan.Change, err error) {
	if e.Options.IsDryRun() {
		err := report.PlanText(e.Streams.Out, plan.Plan{Changes: ChangesOf(fixes)}, e.Streams.OutColour)
		if err == nil && e.Options.DryRun == DryRunServer {
			_, err = e.rehearseFixes(ctx, fixes)
		}
		return nil, err
	}
	possible, err := e.rehearseFixes(ctx, fixes)
	if err != nil || len(possible) == 0 {
		return nil, err
	}
	if err := e.ConfirmPlan(ctx, plan.Plan{Changes: ChangesOf(possible)}); err != nil {
		return nil, err
	}
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, e.Options.Timeout)
	defer cancel()
	if made, err = e.applyFixes(ctx, possible); err != nil {
		return nil, err
	}
	e.Plan, e.Rollouts = plan.Plan{Changes: made}, projection.Restarted(made)
	if err := e.await(ctx); err != nil {
		return nil, e.account(cluster.ApplyResult{Done: appliedOf(made)}, err)
	}
	return made, nil
}

// ConfirmPlan shows a plan and asks, with Interactive.
func (e *Execution) ConfirmPlan(ctx context.Context, p plan.Plan) error {
	if !e.Options.Interactive {
		return nil
	}
	if err := report.PlanText(e.Streams.Err, p, e.Streams.ErrColour); err != nil {
		return err
	}
	return Confirm(ctx, e.Streams)
}

// rehearseFixes returns the fixes that the API server would take, and says of the others why not. A change is tried together with
// the earlier ones of the same object: where one of those is to blame, the later are tried again without it.
func (e *Execution) rehearseFixes(ctx context.Context, fixes []Fix) ([]Fix, error) {
	apart := map[string]bool{} // objects whose changes are tried one by one, to find out which is to blame
	for len(fixes) > 0 {
		result, err := e.Client.Check(ctx, plan.Plan{Changes: perObject(ChangesOf(fixes), apart)}, e.writeOptions())
		if err != nil {
			return nil, err
		}
		refused := firstRefused(result)
		if len(refused) == 0 {
			for _, checked := range result {
				e.tell(checked.Notes...)
			}
			return fixes, nil
		}
		refused = slices.DeleteFunc(refused, func(refused refusal) bool {
			name := nameOf(refused.change)
			first := !apart[name]
			apart[name] = true
			return first
		})
		fixes = e.fewOf(e.withoutRefused(fixes, refused), apart)
	}
	return nil, nil
}

// mostApart is how many changes of one object are tried one by one: an object of somebody's with hundreds of faults costs no more
// than its share.
const mostApart = 10

// fewOf leaves the fixes of objects that are tried apart, beyond the first ones, to the next run.
func (e *Execution) fewOf(fixes []Fix, apart map[string]bool) []Fix {
	tried := map[string]int{}
	return slices.DeleteFunc(fixes, func(fix Fix) bool {
		tooMany := false
		for _, change := range fix.Changes {
			if name := nameOf(change); apart[name] {
				tried[name]++
				tooMany = tooMany || tried[name] > mostApart
			}
		}
		if tooMany {
			fix.NotFixed(e.Streams, "its object's fixes do not go together; run lint --fix again for this one")
		}
		return tooMany
	})
}

// withoutRefused are the fixes that need none of the changes; of the others it says why they are not made.
func (e *Execution) withoutRefused(fixes []Fix, refused []refusal) []Fix {
	return slices.DeleteFunc(slices.Clone(fixes), func(fix Fix) bool {
		at := slices.IndexFunc(refused, func(r refusal) bool { return isAmong(r.change, fix.Changes) })
		if at >= 0 {
			fix.NotFixed(e.Streams, refused[at].why.Error())
		}
		return at >= 0
	})
}

// applyFixes makes the changes of the fixes. One that fails after all, because the object has changed meanwhile, ends its own
// fix alone; whatever would meet every change alike ends all.
func (e *Execution) applyFixes(ctx context.Context, fixes []Fix) ([]plan.Change, error) {
	made := e.applyTogether(ctx, ChangesOf(fixes))
	for {
		left := slices.DeleteFunc(ChangesOf(fixes), func(change plan.Change) bool { return isAmong(change, made) })
		if len(left) == 0 {
			return made, nil
		}
		e.Plan = plan.Plan{Changes: slices.Concat(made, left)}
		result, err := e.Client.Apply(ctx, plan.Plan{Changes: left}, e.applyOptions())
		for _, applied := range result.Done {
			made = append(made, applied.Change)
		}
		switch {
		case err == nil:
			return made, nil
		case result.Failed == nil || result.Unknown || endsAll(ctx, err):
			result.Done = appliedOf(made)
			return nil, e.account(result, err)
		}
		failed := refusal{*result.Failed, err}
		e.tellHalf(fixes, failed, made)
		fixes = e.withoutRefused(fixes, []refusal{failed})
	}
}

// applyTogether makes the changes with one write for each object, and gives those that are made. What fails is left to be tried
// change by change, which says what is to blame.
func (e *Execution) applyTogether(ctx context.Context, changes []plan.Change) []plan.Change {
	joined := perObject(changes, nil)
	if len(joined) == len(changes) {
		return nil
	}
	var made []plan.Change
	result, _ := e.Client.Apply(ctx, plan.Plan{Changes: joined}, e.applyOptions())
	for _, applied := range result.Done {
		for _, change := range changes {
			if plan.SameObject(change.Object, applied.Change.Object) {
				made = append(made, change)
			}
		}
	}
	return made
}

// perObject are the changes with those of one object as one, at the place of the first, but for the objects that are to be kept
// apart. Their edits are of different fields.
func perObject(changes []plan.Change, apart map[string]bool) []plan.Change {
	var joined []plan.Change
	at := map[string]int{}
	for _, change := range changes {
		name := nameOf(change)
		first, there := at[name]
		if !there || apart[name] || change.Action == plan.Create || change.Action == plan.Delete {
			at[name] = len(joined)
			joined = append(joined, change)
			continue
		}
		one := &joined[first]
		one.Edits = slices.Concat(one.Edits, change.Edits)
		if change.Action == plan.Restart {
			one.Action = plan.Restart
		}
	}
	return joined
}

// tellHalf says what is done of fixes that a failure ends half-way.
func (e *Execution) tellHalf(fixes []Fix, failed refusal, made []plan.Change) {
	for _, fix := range fixes {
		if !isAmong(failed.change, fix.Changes) {
			continue
		}
		for _, change := range fix.Changes {
			if isAmong(change, made) {
				report.Printf(e.Streams.Err, "note: of the fix of %s %s this is done: %s: %s\n", fix.ID, fix.Object, plan.Name(change.Object), report.ChangeText(change))
			}
		}
	}
}

// endsAll reports whether an error would meet every change alike.
func endsAll(ctx context.Context, err error) bool {
	_, unreachable := errors.AsType[*cluster.Unreachable](err)
	_, unauthorized := errors.AsType[*cluster.Unauthorized](err)
	return unreachable || unauthorized || ctx.Err() != nil
}

func appliedOf(changes []plan.Change) []cluster.Applied {
	applied := make([]cluster.Applied, len(changes))
	for i, change := range changes {
		applied[i].Change = change
	}
	return applied
}
