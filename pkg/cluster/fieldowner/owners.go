package fieldowner

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// NotesField is the annotation with our notes. Only runs of this program write it.
var NotesField = fieldpath.MakePathOrDie("metadata", "annotations", plan.UndoAnnotation)

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

// Owners are an object's managedFields.
type Owners map[owner]owned

// Of are the owners of an object.
func Of(object *unstructured.Unstructured) Owners {
	all := Owners{}
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

// By are the entries of one manager.
func (o Owners) By(manager string) Owners {
	some := maps.Clone(o)
	maps.DeleteFunc(some, func(key owner, _ owned) bool { return key.manager != manager })
	return some
}

// FieldsOf are all fields of a manager's entries.
func (o Owners) FieldsOf(manager string) *fieldpath.Set {
	all := fieldpath.NewSet()
	for _, own := range o.By(manager) {
		all = all.Union(own.fields)
	}
	return all
}

func (o Owners) fields(key owner) *fieldpath.Set {
	if own, there := o[key]; there {
		return own.fields
	}
	return fieldpath.NewSet()
}

// Without are the entries less some fields. Entries that have none left go.
func (o Owners) Without(fields *fieldpath.Set, except string) Owners {
	rest := Owners{}
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

// Undone are the entries of live as they would be if a write had taken nothing and given nothing: what it gave, from before to
// after, is subtracted, and what it took is added. Where nobody else has written the object since, that is before, to the
// byte. ours are the entries whose times are the write's.
func (o Owners) Undone(before, after Owners, ours string) Owners {
	undone := Owners{}
	keys := maps.Clone(o)
	maps.Copy(keys, before)
	for key := range keys {
		gained := after.fields(key).Difference(before.fields(key))
		lost := before.fields(key).Difference(after.fields(key))
		if before.fields(key).Has(NotesField) {
			lost = fieldpath.NewSet() // a run of this program that was under way under that name: it will have given up what it had
		}
		fields := o.fields(key).Difference(gained).Union(lost)
		known := []Owners{o, before}
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
func entryWith(fields *fieldpath.Set, key owner, known []Owners) (own owned, some bool) {
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

// Same reports whether both have the same fields since the same time.
func (o Owners) Same(other Owners) bool {
	return maps.EqualFunc(o, other, func(a, b owned) bool { return a.fields.Equals(b.fields) && a.entry.Time.Equal(b.entry.Time) })
}

// Entries are managedFields. One empty entry is how the API server is told that there are none: an empty list leaves them as
// they are where an object is not typed. Source: k8s.io/apimachinery, pkg/util/managedfields/internal/fieldmanager.go
// (decodeLiveOrNew, isResetManagedFields).
func (o Owners) Entries() []metav1.ManagedFieldsEntry {
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

// Drop removes the entries of a manager, but for those of a subresource; an empty one spares none.
func (o Owners) Drop(manager, spared string) {
	maps.DeleteFunc(o, func(key owner, _ owned) bool {
		return key.manager == manager && (spared == "" || key.subresource != spared)
	})
}
