package cluster

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// ApplyOptions say how a plan is applied.
type ApplyOptions struct {
	WriteOptions
	// Progress, if set, is called before and after each change.
	Progress func(Event)
}

// State is how far a change is.
type State string

// The states of a change.
const (
	// Started changes have been begun.
	Started State = "started"
	// Done changes are stored in the cluster.
	Done State = "done"
	// Unchanged ones were there already.
	Unchanged State = "unchanged"
	// Failed ones were not made, or nobody knows.
	Failed State = "failed"
)

// Event is a step of applying a plan.
type Event struct {
	// Index is the change's place in the plan, from 0; Total the number of changes.
	Index, Total int
	Change       plan.Change
	State        State
	// Notes come with Done: fields that were taken over, the server's warnings.
	Notes []string
	// Err comes with Failed.
	Err error
}

// Applied is a change that is in the cluster.
type Applied struct {
	Change plan.Change
	// Stored is the object as the server has it now; nil for a delete, and where it was not read back.
	Stored *unstructured.Unstructured
	// Unchanged is true where the cluster had it already.
	Unchanged bool
	Notes     []string
}

// ApplyResult is the account of what was done.
type ApplyResult struct {
	Done []Applied
	// Failed is the change at which it ended, nil if all are done or it ended between two.
	Failed *plan.Change
	// Unknown is true where the failed change may have been made all the same: the connection broke and the object cannot be
	// read.
	Unknown bool
	// NotBegun are the changes after that.
	NotBegun []plan.Change
}

// settleTimeout is how long an object is asked for after the user, or the time limit, has ended everything else.
const settleTimeout = 5 * time.Second

// Apply makes a plan's changes in order, and ends at the first that fails or with the context. What is in the cluster
// already is left as it is, so that the same plan can be applied again after it ended half-way. The error says why it ended.
func (c *Client) Apply(ctx context.Context, p plan.Plan, options ApplyOptions) (ApplyResult, error) {
	var result ApplyResult
	report := options.Progress
	if report == nil {
		report = func(Event) {}
	}
	for i, change := range p.Changes {
		if err := ctx.Err(); err != nil {
			result.NotBegun = p.Changes[i:]
			return result, err
		}
		event := Event{Index: i, Total: len(p.Changes), Change: change, State: Started}
		report(event)
		applied, unknown, err := c.applyOne(ctx, change, options.WriteOptions)
		if err != nil {
			event.State, event.Err = Failed, err
			report(event)
			result.Failed, result.Unknown, result.NotBegun = &p.Changes[i], unknown, p.Changes[i+1:]
			return result, err
		}
		event.State, event.Notes = Done, applied.Notes
		if applied.Unchanged {
			event.State = Unchanged
		}
		report(event)
		result.Done = append(result.Done, applied)
	}
	return result, nil
}

// applyOne makes one change. An update is first tried on the object as the plan saw it, on condition that it is still that
// version. Every other try reads the object first: it shows whether the try before was stored after all, and the same write is
// never made twice.
func (c *Client) applyOne(ctx context.Context, change plan.Change, options WriteOptions) (applied Applied, unknown bool, err error) {
	w, err := c.writer(ctx, change, options, false)
	if err != nil {
		return Applied{}, false, err
	}
	try := w.try
	if w.canStartFromPlan() {
		try = w.trySeen
	}
	err = retry(ctx, retryBackoff, func() (err error) {
		applied, err = try(ctx)
		try = w.try
		return err
	})
	if err == nil || !w.sent || ctx.Err() == nil && !broken(err) {
		return applied, false, err
	}
	return w.settle(ctx, err)
}

// canStartFromPlan reports whether the object in the plan has all that a write on condition of its version needs, and does not
// look as if there were nothing to write.
func (w *writer) canStartFromPlan() bool {
	seen := w.change.Object
	return (w.change.Action == plan.Update || w.change.Action == plan.Restart) &&
		seen.GetResourceVersion() != "" && len(seen.GetManagedFields()) > 0 && !w.isDone(seen)
}

// trySeen makes an update of the object that the plan saw. A field that has another value by now shows as a lost race.
func (w *writer) trySeen(ctx context.Context) (Applied, error) { return w.make(ctx, w.change.Object) }

// try reads the object and writes it if need be.
func (w *writer) try(ctx context.Context) (Applied, error) {
	live, err := w.read(ctx)
	if err != nil {
		return Applied{}, err
	}
	if w.isDone(live) && (w.sent || w.change.Action != plan.Create) {
		return w.done(ctx, live), nil
	}
	return w.make(ctx, live)
}

// make writes the change to the live object, nil where there is none.
func (w *writer) make(ctx context.Context, live *unstructured.Unstructured) (Applied, error) {
	w.begin(live)
	sent := w.sent
	w.sent = true
	result, err := w.write(ctx, live)
	if err != nil {
		if raced(err) {
			w.sent = sent // this try was not stored
		}
		return Applied{}, err
	}
	unchanged := live != nil && result.stored != nil && live.GetResourceVersion() == result.stored.GetResourceVersion()
	stored, notes := w.release(ctx, result.stored, result.stored)
	return Applied{Change: w.change, Stored: stored, Unchanged: unchanged, Notes: append(result.notes, notes...)}, nil
}

// done is the account of a change that the live object shows already.
func (w *writer) done(ctx context.Context, live *unstructured.Unstructured) Applied {
	if live == nil || w.change.Action == plan.Delete {
		return Applied{Change: w.change, Unchanged: !w.sent}
	}
	if !w.sent {
		w.begin(live)
	}
	stored, notes := w.release(ctx, nil, live)
	return Applied{Change: w.change, Stored: stored, Unchanged: !w.sent, Notes: notes}
}

// settle finds out whether a change whose request was cut off has been made; the context may have ended.
func (w *writer) settle(ctx context.Context, cause error) (applied Applied, unknown bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	live, err := w.read(ctx)
	switch {
	case err != nil:
		return Applied{}, true, cause
	case w.isDone(live):
		return w.done(ctx, live), false, nil
	default:
		return Applied{}, false, cause
	}
}

// isDone reports whether the live object, nil where there is none, is as the change would leave it, with its notes.
func (w *writer) isDone(live *unstructured.Unstructured) bool {
	switch {
	case w.change.Action == plan.Delete:
		uid := w.change.Object.GetUID()
		return live == nil || live.GetDeletionTimestamp() != nil || uid != "" && live.GetUID() != uid
	case live == nil:
		return false
	case w.change.Action == plan.Create:
		wanted := maps.Clone(w.change.Object.Object)
		delete(wanted, "apiVersion") // the server may have it in another one
		return plan.Fulfilled(live.Object, wanted)
	default:
		noted, err := w.changeOf(live)
		return err == nil && !slices.ContainsFunc(noted.Edits, func(edit plan.Edit) bool {
			value, _ := edit.Path.Get(live.Object)
			return !plan.Fulfilled(value, edit.New)
		})
	}
}
