package expose

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const (
	// ManagedByLabel on an object with the value Manager says that create made it.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// Manager is the field manager of every write, and the value of ManagedByLabel.
	Manager = "kubectl-grpcexpose"
	// ForAnnotation on an object of our own lists the workloads that use it, as Kind/namespace/name.
	ForAnnotation = "grpcexpose/for"
	// UndoAnnotation on somebody else's object says what create changed there, for whom, and what it was before.
	UndoAnnotation = "grpcexpose/undo"
)

// userOf is how annotations name a workload.
func userOf(w *mesh.Workload) string {
	return fmt.Sprintf("%s/%s/%s", w.Key.Kind, w.Key.Namespace, w.Key.Name)
}

// isOwn says that create made the object.
func isOwn(object mesh.Object) bool { return object.GetLabels()[ManagedByLabel] == Manager }

// usersOf are the workloads that an object of our own serves.
func usersOf(object mesh.Object) []string {
	return strings.FieldsFunc(object.GetAnnotations()[ForAnnotation], func(r rune) bool { return r == ',' || r == ' ' })
}

func isOwnFor(object mesh.Object, user string) bool {
	return isOwn(object) && slices.Contains(usersOf(object), user)
}

// undoEntry is one field of somebody else's object that create changed.
type undoEntry struct {
	Path []string `json:"path"`
	Old  any      `json:"old"`
	New  any      `json:"new"`
	For  []string `json:"for"`
}

// undoEntries reads the annotation. One that is not ours to read counts as none: it is then neither undone nor replaced.
func undoEntries(object *unstructured.Unstructured) ([]undoEntry, error) {
	text := object.GetAnnotations()[UndoAnnotation]
	if text == "" {
		return nil, nil
	}
	var entries []undoEntry
	if err := utiljson.Unmarshal([]byte(text), &entries); err != nil {
		return nil, fmt.Errorf("the annotation %s of %s cannot be read (%w); remove it and put right by hand what it meant",
			UndoAnnotation, plan.Name(object), err)
	}
	return entries, nil
}

// change is a plan.Change in the making.
type change plan.Change

// undoEntriesAfter are the notes on the object as the change leaves it so far.
func undoEntriesAfter(c *change) ([]undoEntry, error) {
	object, err := plan.Change(*c).After()
	if err != nil {
		return nil, err
	}
	return undoEntries(object)
}

// setUndo makes the entries the object's undo note; without entries it goes.
func (c *change) setUndo(entries []undoEntry) error {
	path := plan.Path{"metadata", "annotations", UndoAnnotation}
	var note any
	if len(entries) > 0 {
		text, err := json.Marshal(entries)
		if err != nil {
			return err
		}
		note = string(text)
	}
	c.Edits = slices.DeleteFunc(c.Edits, func(e plan.Edit) bool { return slices.Equal(e.Path, path) })
	c.Edits = append(c.Edits, plan.Set(c.Object, note, path...))
	return nil
}

// addUndo notes edits for a workload. A field that create changed before keeps the value it had before that.
func addUndo(entries []undoEntry, edits []plan.Edit, user string) []undoEntry {
	for _, edit := range edits {
		at := slices.IndexFunc(entries, func(e undoEntry) bool { return slices.Equal(e.Path, edit.Path) })
		if at < 0 {
			entries = append(entries, undoEntry{Path: edit.Path, Old: edit.Old, New: edit.New, For: []string{user}})
			continue
		}
		entries[at].New = edit.New
		if !slices.Contains(entries[at].For, user) {
			entries[at].For = append(entries[at].For, user)
		}
	}
	return entries
}

// share adds the user to the notes of the fields that an earlier create changed and this one rests on, so that the other's
// delete does not take them away. It says whether there was anything to add.
func share(entries []undoEntry, user string, paths ...plan.Path) (shared bool) {
	for i := range entries {
		rests := slices.ContainsFunc(paths, func(p plan.Path) bool { return slices.Equal(p, entries[i].Path) })
		if rests && !slices.Contains(entries[i].For, user) {
			entries[i].For = append(entries[i].For, user)
			shared = true
		}
	}
	return shared
}
