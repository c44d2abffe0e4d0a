package cluster

import (
	"context"
	"errors"
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
// version. Every other try begins with a look at the object: whether the try before has arrived after all shows there, and
// the same write is never made twice.
func (c *Client) applyOne(ctx context.Context, change plan.Change, options WriteOptions) (applied Applied, unknown bool, err error) {
	w, err := c.writer(ctx, change, options, false)
	if err != nil {
		return Applied{}, false, err
	}
	sent := false
	err = retry(ctx, func() (err error) {
		if !sent {
			applied, sent, err = w.trySeen(ctx)
			if sent || err != nil {
				return err
			}
		}
		applied, err = w.try(ctx, &sent)
		return err
	})
	if err == nil || !sent || ctx.Err() == nil && !broken(err) {
		return applied, false, err
	}
	return w.settle(ctx, err)
}

// trySeen makes an update of the object that the plan saw. sent is false, without an error, where this cannot be done or the
// object is of another version by now: nothing was stored then.
func (w *writer) trySeen(ctx context.Context) (applied Applied, sent bool, err error) {
	seen := w.change.Object
	if w.change.Action != plan.Update && w.change.Action != plan.Restart || seen.GetResourceVersion() == "" || len(seen.GetManagedFields()) == 0 {
		return Applied{}, false, nil
	}
	configuration, ok := w.configuration(seen)
	if !ok {
		return Applied{}, false, nil
	}
	configuration.SetResourceVersion(seen.GetResourceVersion())
	result, err := w.apply(ctx, configuration, seen)
	if modified, ok := errors.AsType[*Modified](err); ok && modified.raced {
		return Applied{}, false, nil
	}
	if err != nil {
		return Applied{}, true, err
	}
	unchanged := result.stored != nil && seen.GetResourceVersion() == result.stored.GetResourceVersion()
	return Applied{Change: w.change, Stored: result.stored, Unchanged: unchanged, Notes: result.notes}, true, nil
}

// try looks at the object and writes it if need be; sent is set once something was sent that may have been stored.
func (w *writer) try(ctx context.Context, sent *bool) (Applied, error) {
	live, err := w.read(ctx)
	if err != nil {
		return Applied{}, err
	}
	if w.isDone(live) && (*sent || w.change.Action != plan.Create) {
		return Applied{Change: w.change, Stored: live, Unchanged: !*sent}, nil
	}
	*sent = true
	result, err := w.write(ctx, live)
	if err != nil {
		return Applied{}, err
	}
	unchanged := live != nil && result.stored != nil && live.GetResourceVersion() == result.stored.GetResourceVersion()
	return Applied{Change: w.change, Stored: result.stored, Unchanged: unchanged, Notes: result.notes}, nil
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
		return Applied{Change: w.change, Stored: live}, false, nil
	default:
		return Applied{}, false, cause
	}
}

// isDone says that the live object, nil where there is none, is as the change would leave it.
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
		return contains(live.Object, wanted)
	default:
		return !slices.ContainsFunc(w.change.Edits, func(edit plan.Edit) bool {
			value, _ := edit.Path.Get(live.Object)
			return !sameJSON(value, edit.New)
		})
	}
}

// contains says that a value has all that another one says, beside what the server adds to it.
func contains(has, says any) bool {
	switch said := says.(type) {
	case map[string]any:
		fields, ok := has.(map[string]any)
		for name, value := range said {
			ok = ok && contains(fields[name], value)
		}
		return ok
	case []any:
		elements, ok := has.([]any)
		ok = ok && len(elements) == len(said)
		for i := range said {
			ok = ok && contains(elements[i], said[i])
		}
		return ok
	default:
		return sameJSON(has, says)
	}
}
