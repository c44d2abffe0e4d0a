package execution

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// rehearse has the API server check every change without storing it (permissions, conflicts, admission webhooks, quotas), and at the
// same time a pod of the rollout. Only if all of them would pass is anything written at all.
func (e *Execution) rehearse(ctx context.Context) (result cluster.CheckResult, err error) {
	var checked, probed error
	var both errgroup.Group // without a context: the user is told of both failures
	both.Go(func() error {
		result, checked = e.checkLeaving(ctx)
		return nil
	})
	both.Go(func() error {
		probed = e.probe(ctx)
		return nil
	})
	_ = both.Wait()
	return result, errors.Join(checked, probed)
}

// probe has the API server check a pod like those that the rollout will create: the injector must answer, and quotas and pod
// security must take the pod with its proxy. Else the rollout would hang half-way.
func (e *Execution) probe(ctx context.Context) error {
	if e.Probe == nil {
		return nil
	}
	if err := e.Client.ProbePod(ctx, e.Probe); err != nil {
		return fmt.Errorf("nothing was written, because a restart of %s would leave it without new pods: %w", e.Probed, err)
	}
	return nil
}

// checkLeaving checks the changes, and with LeaveRefused once more without those that a refused note asks for.
func (e *Execution) checkLeaving(ctx context.Context) (cluster.CheckResult, error) {
	result, err := e.check(ctx)
	if refused := refusedNotes(result); err != nil && e.LeaveRefused && len(refused) > 0 {
		e.leave(refused)
		return e.check(ctx)
	}
	return result, err
}

// check gives with an error which changes would not pass.
func (e *Execution) check(ctx context.Context) (cluster.CheckResult, error) {
	result, err := e.Client.Check(ctx, e.Plan, e.writeOptions())
	if err != nil {
		return nil, err
	}
	for _, checked := range result {
		e.tell(checked.Notes...)
	}
	if err := result.Err(); err != nil {
		return result, fmt.Errorf("nothing was written: %w", err)
	}
	return result, nil
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

// refusedNotes are the changes that restore what a note says, and that the API server or its webhooks find wrong. Whoever may write
// an object can make its note so.
func refusedNotes(result cluster.CheckResult) []refusal {
	return slices.DeleteFunc(firstRefused(result), func(r refusal) bool {
		_, invalid := errors.AsType[*cluster.Invalid](r.why)
		_, refused := errors.AsType[*cluster.Refused](r.why)
		return r.change.Undo != plan.Forget || !invalid && !refused
	})
}

// leave takes objects out of the plan whose notes would make them wrong, and says so: nobody's note keeps the rest from being undone.
func (e *Execution) leave(refused []refusal) {
	for _, r := range refused {
		e.Plan.Changes = slices.DeleteFunc(slices.Clone(e.Plan.Changes), func(change plan.Change) bool {
			return change.Undo == plan.Forget && plan.SameObject(change.Object, r.change.Object)
		})
		e.Rollouts = withoutRollout(e.Rollouts, r.change)
		note := fmt.Sprintf("%s is left as it is: what its annotation %s says to restore is not taken (%v); restore it by hand and remove the annotation",
			plan.Name(r.change.Object), plan.UndoAnnotation, r.why)
		e.Plan.Notes = append(e.Plan.Notes, note)
		e.tell(note)
	}
}
