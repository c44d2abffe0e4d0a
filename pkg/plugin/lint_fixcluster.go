package plugin

import (
	"context"
	"errors"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// changer is what fixes need of a cluster.
type changer interface {
	Check(ctx context.Context, p plan.Plan, options cluster.WriteOptions) (cluster.CheckResult, error)
	Apply(ctx context.Context, p plan.Plan, options cluster.ApplyOptions) (cluster.ApplyResult, error)
}

// fixCluster makes the findings' fixes in the cluster, those that the API server takes, and gives the changes that were made. A fix
// is made whole or not at all, and one that cannot be made keeps no other from it.
func (o *lintOptions) fixCluster(ctx context.Context, m *lintMesh, findings []checks.Finding) ([]plan.Change, error) {
	execution := &carryOut{
		streams: o.streams, client: m.client, goOn: o.fix.command, flagless: true,
		write: writeOptions{dryRun: o.fix.dryRun, wait: true, timeout: defaultTimeout, fieldManager: expose.Manager},
	}
	if o.fix.dryRun != dryRunNone {
		fixes := plan.Plan{Changes: changesOf(findings)}
		if err := report.PlanText(o.streams.Out, fixes, o.streams.OutColour); err != nil || o.fix.dryRun == dryRunClient {
			return nil, err
		}
		_, err := o.rehearse(ctx, m.client, execution, findings)
		return nil, err
	}
	if err := o.canAsk(); err != nil {
		return nil, err
	}
	possible, err := o.rehearse(ctx, m.client, execution, findings)
	if err != nil || len(possible) == 0 {
		return nil, err
	}
	if err := o.ask(ctx, plan.Plan{Changes: changesOf(possible)}); err != nil {
		return nil, err
	}
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, execution.write.timeout)
	defer cancel()
	made, err := o.apply(ctx, m.client, execution, possible)
	if err != nil {
		return nil, err
	}
	execution.plan, execution.rollouts = plan.Plan{Changes: made}, restartsOf(made)
	if err := execution.await(ctx); err != nil {
		return nil, execution.account(cluster.ApplyResult{Done: appliedOf(made)}, err)
	}
	return made, nil
}

// rehearse gives the findings whose fixes the API server would take, and says of the others why not. A change is tried together with
// the earlier ones of the same object: where one of those is to blame, the later are tried again without it.
func (o *lintOptions) rehearse(ctx context.Context, client changer, execution *carryOut, findings []checks.Finding) ([]checks.Finding, error) {
	apart := map[string]bool{} // objects whose changes are tried one by one, to find out which is to blame
	for len(findings) > 0 {
		result, err := client.Check(ctx, plan.Plan{Changes: perObject(changesOf(findings), apart)}, execution.writeOptions())
		if err != nil {
			return nil, err
		}
		refused := firstRefused(result)
		if len(refused) == 0 {
			for _, checked := range result {
				execution.tell(checked.Notes)
			}
			return findings, nil
		}
		refused = slices.DeleteFunc(refused, func(refused refusal) bool {
			name := nameOf(refused.change)
			first := !apart[name]
			apart[name] = true
			return first
		})
		findings = o.fewOf(o.withoutRefused(findings, refused), apart)
	}
	return nil, nil
}

// mostApart is how many changes of one object are tried one by one: an object of somebody's with hundreds of faults costs no more
// than its share.
const mostApart = 10

// fewOf leaves the fixes of objects that are tried apart, beyond the first ones, to the next run.
func (o *lintOptions) fewOf(findings []checks.Finding, apart map[string]bool) []checks.Finding {
	tried := map[string]int{}
	return slices.DeleteFunc(findings, func(finding checks.Finding) bool {
		tooMany := false
		for _, change := range finding.Fix.Changes {
			if name := nameOf(change); apart[name] {
				tried[name]++
				tooMany = tooMany || tried[name] > mostApart
			}
		}
		if tooMany {
			o.notFixed(finding, "its object's fixes do not go together; run lint --fix again for this one")
		}
		return tooMany
	})
}

// nameOf is an object's identity among the changes of fixes.
func nameOf(change plan.Change) string {
	return change.Object.GetAPIVersion() + " " + plan.Name(change.Object)
}

// refusal is a change that cannot be made.
type refusal struct {
	change plan.Change
	why    error
}

// firstRefused are the changes that would fail, of each object the first one.
func firstRefused(result cluster.CheckResult) []refusal {
	var refused []refusal
	for _, checked := range result {
		known := slices.ContainsFunc(refused, func(r refusal) bool { return plan.SameObject(r.change.Object, checked.Change.Object) })
		if checked.Err != nil && !known {
			refused = append(refused, refusal{checked.Change, checked.Err})
		}
	}
	return refused
}

// withoutRefused are the findings whose fixes need none of the changes; of the others it says why they are not fixed.
func (o *lintOptions) withoutRefused(findings []checks.Finding, refused []refusal) []checks.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(finding checks.Finding) bool {
		at := slices.IndexFunc(refused, func(r refusal) bool { return isAmong(r.change, finding.Fix.Changes) })
		if at >= 0 {
			o.notFixed(finding, refused[at].why.Error())
		}
		return at >= 0
	})
}

// apply makes the changes of the findings' fixes. One that fails after all, because the object has changed meanwhile, ends its own
// fix alone; whatever would meet every change alike ends all.
func (o *lintOptions) apply(ctx context.Context, client changer, execution *carryOut, findings []checks.Finding) ([]plan.Change, error) {
	made := o.applyTogether(ctx, client, execution, changesOf(findings))
	for {
		left := slices.DeleteFunc(changesOf(findings), func(change plan.Change) bool { return isAmong(change, made) })
		if len(left) == 0 {
			return made, nil
		}
		execution.plan = plan.Plan{Changes: slices.Concat(made, left)}
		result, err := client.Apply(ctx, plan.Plan{Changes: left}, cluster.ApplyOptions{WriteOptions: execution.writeOptions(), Progress: execution.progress})
		for _, applied := range result.Done {
			made = append(made, applied.Change)
		}
		switch {
		case err == nil:
			return made, nil
		case result.Failed == nil || result.Unknown || endsAll(ctx, err):
			result.Done = appliedOf(made)
			return nil, execution.account(result, err)
		}
		failed := refusal{*result.Failed, err}
		o.tellHalf(findings, failed, made)
		findings = o.withoutRefused(findings, []refusal{failed})
	}
}

// applyTogether makes the changes with one write for each object, and gives those that are made. What fails is left to be tried
// change by change, which says what is to blame.
func (o *lintOptions) applyTogether(ctx context.Context, client changer, execution *carryOut, changes []plan.Change) []plan.Change {
	joined := perObject(changes, nil)
	if len(joined) == len(changes) {
		return nil
	}
	var made []plan.Change
	result, _ := client.Apply(ctx, plan.Plan{Changes: joined}, cluster.ApplyOptions{WriteOptions: execution.writeOptions(), Progress: execution.progress})
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
func (o *lintOptions) tellHalf(findings []checks.Finding, failed refusal, made []plan.Change) {
	for _, finding := range findings {
		if !isAmong(failed.change, finding.Fix.Changes) {
			continue
		}
		for _, change := range finding.Fix.Changes {
			if isAmong(change, made) {
				report.Printf(o.streams.Err, "note: of the fix of %s %s this is done: %s: %s\n", finding.ID, mesh.KeyOf(finding.Object), plan.Name(change.Object), report.ChangeText(change))
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
