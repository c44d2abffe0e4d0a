package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// notesField is the annotation with our notes. Only runs of this program write it.
var notesField = fieldpath.MakePathOrDie("metadata", "annotations", plan.UndoAnnotation)

// owner is one entry of managedFields, without its time and its fields. The API server tells entries apart by the same.
// Source: k8s.io/apimachinery, pkg/util/managedfields/internal/managedfields.go (BuildManagerIdentifier).
type owner struct {
	manager, subresource string
	operation            metav1.ManagedFieldsOperationType
	// version is empty for appliers, who are the same in every version.
	version string
}

// owned are an owner's fields, and the entry that says so.
type owned struct {
	fields *fieldpath.Set
	entry  metav1.ManagedFieldsEntry
}

// owners are an object's managedFields.
type owners map[owner]owned

func ownersOf(object *unstructured.Unstructured) owners {
	all := owners{}
	for _, entry := range object.GetManagedFields() {
		key := owner{manager: entry.Manager, subresource: entry.Subresource, operation: entry.Operation}
		if entry.Operation != metav1.ManagedFieldsOperationApply {
			key.version = entry.APIVersion
		}
		fields := fieldpath.NewSet()
		if entry.FieldsV1 == nil || fields.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())) != nil {
			fields = fieldpath.NewSet()
		}
		all[key] = owned{fields, entry}
	}
	return all
}

// of are the entries of one manager.
func (o owners) of(manager string) owners {
	some := maps.Clone(o)
	maps.DeleteFunc(some, func(key owner, _ owned) bool { return key.manager != manager })
	return some
}

// fieldsOf are all fields of a manager's entries.
func (o owners) fieldsOf(manager string) *fieldpath.Set {
	all := fieldpath.NewSet()
	for _, own := range o.of(manager) {
		all = all.Union(own.fields)
	}
	return all
}

func (o owners) fields(key owner) *fieldpath.Set {
	if own, there := o[key]; there {
		return own.fields
	}
	return fieldpath.NewSet()
}

// without are the entries less some fields. Entries that have none left go.
func (o owners) without(fields *fieldpath.Set, except string) owners {
	rest := owners{}
	for key, own := range o {
		if key.manager == except {
			continue
		}
		if left := own.fields.Difference(fields); !left.Empty() {
			rest[key] = owned{left, own.entry}
		}
	}
	return rest
}

// undone are the entries of live as they would be if a write had taken nothing and given nothing: what it gave, from before to
// after, is subtracted, and what it took is added. Where nobody else has written the object since, that is before, to the
// byte. ours are the entries whose times are the write's.
func (o owners) undone(before, after owners, ours string) owners {
	undone := owners{}
	keys := maps.Clone(o)
	maps.Copy(keys, before)
	for key := range keys {
		gained := after.fields(key).Difference(before.fields(key))
		lost := before.fields(key).Difference(after.fields(key))
		if before.fields(key).Has(notesField) {
			lost = fieldpath.NewSet() // a run of this program that was under way under that name: it will have given up what it had
		}
		fields := o.fields(key).Difference(gained).Union(lost)
		known := []owners{o, before}
		if key.manager == ours {
			slices.Reverse(known)
		}
		if own, some := entryWith(fields, key, known); some {
			undone[key] = own
		}
	}
	return undone
}

// entryWith is the first entry of the key that has exactly these fields, or else one that is given them. some is false where
// there is nothing to own.
func entryWith(fields *fieldpath.Set, key owner, known []owners) (own owned, some bool) {
	for _, all := range known {
		if own, there := all[key]; there && own.fields.Equals(fields) {
			return own, true
		}
	}
	if fields.Empty() {
		return owned{}, false
	}
	for _, all := range known {
		if own, there := all[key]; there {
			text, err := fields.ToJSON()
			if err != nil {
				return own, true
			}
			own.fields, own.entry.FieldsV1 = fields, metav1.NewFieldsV1(string(text))
			return own, true
		}
	}
	return owned{}, false
}

func (o owners) same(other owners) bool {
	return maps.EqualFunc(o, other, func(a, b owned) bool { return a.fields.Equals(b.fields) && a.entry.Time.Equal(b.entry.Time) })
}

// entries are managedFields. One empty entry is how the API server is told that there are none: an empty list leaves them as
// they are where an object is not typed. Source: k8s.io/apimachinery, pkg/util/managedfields/internal/fieldmanager.go
// (decodeLiveOrNew, isResetManagedFields).
func (o owners) entries() []metav1.ManagedFieldsEntry {
	entries := make([]metav1.ManagedFieldsEntry, 0, len(o))
	for _, own := range o {
		entries = append(entries, own.entry)
	}
	if len(entries) == 0 {
		return make([]metav1.ManagedFieldsEntry, 1)
	}
	slices.SortFunc(entries, func(a, b metav1.ManagedFieldsEntry) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.APIVersion, b.APIVersion))
	})
	return entries
}

// ownersAfterRelease are the live object's owners once this write has given up what it came to own: fields that are ours in
// somebody else's object would keep their owner from removing what they are in, and those whom we displaced own their fields
// again. Entries that an interrupted run of this program has left go too, but for what they hold of an object of our own.
// after is the object as the write left it, nil where its answer was lost.
func (w *writer) ownersAfterRelease(after, live *unstructured.Unstructured) owners {
	ours, now := w.options.manager(), ownersOf(live)
	before := ownersOf(w.start)
	if w.start.GetUID() != live.GetUID() {
		before = now // another object of that name
	} else {
		maps.DeleteFunc(before, func(key owner, _ owned) bool { return key.manager == ours })
		maps.Copy(before, w.held)
	}
	var written owners
	if after != nil {
		written = ownersOf(after)
	} else {
		gained := now.fieldsOf(ours).Difference(before.fieldsOf(ours))
		written = before.without(gained, ours)
		maps.Copy(written, now.of(ours))
	}
	released := now.undone(before, written, ours)
	if live.GetLabels()[managedBy] != DefaultFieldManager {
		maps.DeleteFunc(released, func(key owner, _ owned) bool {
			return key.manager == DefaultFieldManager && key.subresource != "status"
		})
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
		if released.same(ownersOf(live)) {
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
func (w *writer) setOwners(ctx context.Context, live *unstructured.Unstructured, all owners) (written, error) {
	w.version = live.GetResourceVersion()
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": w.version, "managedFields": all.entries(),
	}})
	if err != nil {
		return written{}, err
	}
	result, err := w.finish(ctx, w.prepare(w.client.rest.Patch(types.MergePatchType)).Body(body))
	return result, w.client.failure(ctx, w.describe("patch"), err)
}
