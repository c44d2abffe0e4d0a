package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Checked is what the API server says of one change without making it.
type Checked struct {
	Change plan.Change
	// Stored is the object as the server would store it, with all that admission adds; nil for a delete and with an error.
	Stored *unstructured.Unstructured
	// Notes are what the user should know: fields that are taken over, an owner that may set them back, the server's warnings.
	Notes []string
	// Err is why it would not work: *Conflict, *Forbidden, *Refused, *QuotaExceeded, *Invalid, *NotFound, *AlreadyExists,
	// *NotServed, *Modified; nil if it would.
	Err error
}

// CheckResult is what the API server says of a plan, change by change.
type CheckResult []Checked

// Err is every problem together, nil if there is none. Missing permissions are put together in one *Forbidden.
func (r CheckResult) Err() error {
	var problems []error
	missing := r.missingPermissions()
	if len(missing) > 0 {
		problems = append(problems, &Forbidden{Missing: missing})
	}
	for _, checked := range r {
		if _, forbidden := errors.AsType[*Forbidden](checked.Err); checked.Err != nil && !forbidden {
			problems = append(problems, checked.Err)
		}
	}
	return errors.Join(problems...)
}

// missingPermissions are what the user would need to be allowed, sorted and each once.
func (r CheckResult) missingPermissions() []Permission {
	var missing []Permission
	for _, checked := range r {
		if denied, forbidden := errors.AsType[*Forbidden](checked.Err); forbidden {
			missing = append(missing, denied.Missing...)
		}
	}
	slices.SortFunc(missing, comparePermissions)
	return slices.Compact(missing)
}

// Check has the API server try every change of a plan in parallel, as a dry run: admission webhooks, quotas, validation,
// permissions and field owners are asked, and nothing is stored. A change to an object that earlier ones of the plan change
// too is tried together with those. The error is for when nothing can be said at all.
func (c *Client) Check(ctx context.Context, p plan.Plan, options WriteOptions) (CheckResult, error) {
	result := make(CheckResult, len(p.Changes))
	err := inParallel(ctx, len(p.Changes), func(ctx context.Context, index int) error {
		together, err := upTo(p.Changes, index)
		if err != nil {
			return err
		}
		checked, err := c.check(ctx, together, options)
		checked.Change = p.Changes[index]
		result[index] = checked
		return err
	})
	return result, err
}

// upTo is a change with all earlier ones to the same object in it, notes and all.
func upTo(changes []plan.Change, index int) (plan.Change, error) {
	change := changes[index]
	if change.Action == plan.Create || change.Action == plan.Delete {
		return change, nil
	}
	var together []plan.Change // none or one
	for _, next := range changes[:index+1] {
		switch {
		case next.Action == plan.Delete || !plan.SameObject(next.Object, change.Object):
		case len(together) == 0:
			together = append(together, next)
		default:
			joined, err := join(together[0], next)
			if err != nil {
				return change, err
			}
			together[0] = joined
		}
	}
	return together[0], nil
}

// join is two changes to one object as one.
func join(first, second plan.Change) (plan.Change, error) {
	var err error
	if second.Object, err = first.After(); err != nil {
		return second, err
	}
	if first.Action == plan.Create {
		first.Object, err = second.After()
		return first, err
	}
	if first, err = first.WithNotes(); err != nil {
		return second, err
	}
	if second, err = second.WithNotes(); err != nil {
		return second, err
	}
	second.Object, second.Edits = first.Object, slices.Concat(first.Edits, second.Edits)
	return second, nil
}

// check tries one change. Only errors that would meet every change alike are given back as such.
func (c *Client) check(ctx context.Context, change plan.Change, options WriteOptions) (Checked, error) {
	w, err := c.writer(ctx, change, options, true)
	if err != nil {
		return split(ctx, err)
	}
	read := w.planned
	var result written
	err = retry(ctx, wait.Backoff{}, func() error {
		live, err := read(ctx)
		if err != nil {
			return err
		}
		read = w.read
		w.begin(live)
		result, err = w.write(ctx, live)
		if change.Action == plan.Create && live == nil && err == nil && !result.created {
			// It is there after all, and what to do depends on whose it is.
			return &AlreadyExists{Object: plan.Name(change.Object), raced: true}
		}
		return err
	})
	if err != nil {
		return split(ctx, err)
	}
	return Checked{Stored: result.stored, Notes: slices.Concat(result.notes, revertNotes(change))}, nil
}

// planned is the object that an update starts from. The plan's is as good as the server's if it came from there, and saves a
// request. A create takes the object not to be there.
func (w *writer) planned(ctx context.Context) (*unstructured.Unstructured, error) {
	switch {
	case w.change.Action == plan.Create:
		return nil, nil
	case len(w.change.Object.GetManagedFields()) > 0:
		return w.change.Object, nil
	default:
		return w.read(ctx)
	}
}

// revertNotes name the tool that deploys the object and may set it back. A restart needs no word: its work is done once the
// pods are new, and the annotation that was its means belongs to nobody, so that Flux does not clean it up.
func revertNotes(change plan.Change) []string {
	marked := plan.DeployerOf(change.Object)
	if marked.Name == "" || change.Action == plan.Create || change.Action == plan.Restart {
		return nil
	}
	return []string{fmt.Sprintf("%s is deployed by %s, which may set it back: make the same change there", plan.Name(change.Object), marked)}
}

// split tells an error of one change from one that ends the whole check.
func split(ctx context.Context, err error) (Checked, error) {
	_, unreachable := errors.AsType[*Unreachable](err)
	_, unauthorized := errors.AsType[*Unauthorized](err)
	if unreachable || unauthorized || ctx.Err() != nil {
		return Checked{}, err
	}
	return Checked{Err: err}, nil
}
