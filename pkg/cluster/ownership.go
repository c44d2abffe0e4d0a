package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/fieldowner"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// ownersAfterRelease are the live object's owners once this write has given up what it came to own: fields that are ours in
// somebody else's object would keep their owner from removing what they are in, and those whom we displaced own their fields
// again. Entries that an interrupted run of this program has left go too, but for what they hold of an object of our own.
// after is the object as the write left it, nil where its answer was lost.
func (w *writer) ownersAfterRelease(after, live *unstructured.Unstructured) fieldowner.Owners {
	ours, now := w.options.manager(), fieldowner.Of(live)
	before := fieldowner.Of(w.start)
	if w.start.GetUID() != live.GetUID() {
		before = now // another object of that name
	} else {
		before.Drop(ours, "")
		maps.Copy(before, w.held)
	}
	var written fieldowner.Owners
	if after != nil {
		written = fieldowner.Of(after)
	} else {
		gained := now.FieldsOf(ours).Difference(before.FieldsOf(ours))
		written = before.Without(gained, ours)
		maps.Copy(written, now.By(ours))
	}
	released := now.Undone(before, written, ours)
	if live.GetLabels()[managedBy] != DefaultFieldManager {
		released.Drop(DefaultFieldManager, "status")
	}
	return released
}

// release gives up the ownership of fields, which a write cannot do itself: the API server notes its manager after the fact. A
// new object is ours and stays so. after is the object as the write left it, nil if that is not known; live is the object
// now. The change is made all the same where this fails; the next write that this program makes to the object tries again.
//
// A write may set managedFields, and comes to own nothing if it changes nothing else. Source: k8s.io/apimachinery,
// pkg/util/managedfields/internal (decodeLiveOrNew, managedFieldsUpdater.Update).
func (w *writer) release(ctx context.Context, after, live *unstructured.Unstructured) (stored *unstructured.Unstructured, notes []string) {
	if w.change.Action == plan.Create || w.change.Action == plan.Delete || w.start == nil || live == nil {
		return live, nil
	}
	stored = live
	err := retry(ctx, retryBackoff, func() (err error) {
		if live == nil {
			if live, err = w.read(ctx); err != nil || live == nil {
				return err // one that is gone has no owners
			}
		}
		stored = live
		released := w.ownersAfterRelease(after, live)
		if released.Same(fieldowner.Of(live)) {
			return nil
		}
		result, err := w.setOwners(ctx, live, released)
		if live = result.stored; err == nil {
			stored = live
		}
		return err
	})
	if _, gone := errors.AsType[*NotFound](err); err == nil || gone {
		return stored, nil
	}
	return stored, []string{fmt.Sprintf("%s is changed, but its managedFields still name %s as the owner of the changed fields (%v); the next change that this program makes to it removes that",
		plan.Name(w.change.Object), w.options.manager(), err)}
}

// setOwners replaces the managedFields of the live object, on condition that it is still that version.
func (w *writer) setOwners(ctx context.Context, live *unstructured.Unstructured, all fieldowner.Owners) (written, error) {
	w.version = live.GetResourceVersion()
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": w.version, "managedFields": all.Entries(),
	}})
	if err != nil {
		return written{}, err
	}
	result, err := w.finish(ctx, w.prepare(w.client.rest.Patch(types.MergePatchType)).Body(body))
	return result, w.client.failure(ctx, w.describe("patch"), err)
}
