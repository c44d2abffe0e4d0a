package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// UndoAnnotation on somebody else's object holds the former values of the fields that create changed there. Who still needs
// the changes is not noted: it is derived from what refers to them.
const UndoAnnotation = "grpcexpose/undo"

// Undo is what a Change does to the notes of former values that its object carries.
type Undo string

const (
	// Remember notes the former values of the edited fields. A field that has a note keeps the value that it had before that.
	Remember Undo = "remember"
	// Forget removes the notes of the edited fields, and of those in Change.Forgotten.
	Forget Undo = "forget"
)

// Note is the former value of one field.
type Note struct {
	Path Path `json:"path"`
	Old  any  `json:"old"`
	New  any  `json:"new"`
}

// largestNotes bounds what is read of an annotation, in bytes: create writes some hundred.
const largestNotes = 32 << 10

// NotesOf are the notes that an object carries, in its own order. The error says that the annotation is not one that this
// program writes; an object without it has no notes. What a note says is its writer's word: who undoes it must check the
// path and the values first.
func NotesOf(object *unstructured.Unstructured) ([]Note, error) {
	text := object.GetAnnotations()[UndoAnnotation]
	if text == "" {
		return nil, nil
	}
	if len(text) > largestNotes {
		return nil, fmt.Errorf("it is longer than %d bytes", largestNotes)
	}
	var notes []Note
	if err := utiljson.Unmarshal([]byte(text), &notes); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(notes, func(note Note) bool { return len(note.Path) == 0 }) {
		return nil, fmt.Errorf("a note has no path")
	}
	return notes, nil
}

// notesAfter are the notes on the object once the change has been made to it.
func (c Change) notesAfter(object *unstructured.Unstructured) []Note {
	notes, err := NotesOf(object)
	if err != nil {
		notes = nil // nothing that could be undone is lost
	}
	if c.Undo == Forget {
		return slices.DeleteFunc(notes, func(note Note) bool {
			samePath := func(path Path) bool { return slices.Equal(path, note.Path) }
			return slices.ContainsFunc(c.Forgotten, samePath) ||
				slices.ContainsFunc(c.Edits, func(edit Edit) bool { return samePath(edit.Path) })
		})
	}
	for _, edit := range c.Edits {
		at := slices.IndexFunc(notes, func(note Note) bool { return slices.Equal(note.Path, edit.Path) })
		now, _ := edit.Path.Get(object.Object)
		switch {
		case at >= 0:
			notes[at].New = edit.New
		case !Fulfilled(now, edit.New): // what is so already, somebody else has made so
			notes = append(notes, Note{Path: edit.Path, Old: now, New: edit.New})
		}
	}
	return notes
}

// WithNotes is the change with the notes as one more edit, computed for the object as it is now: what is written to it.
func (c Change) WithNotes() (Change, error) {
	if c.Undo == "" {
		return c, nil
	}
	notes := c.notesAfter(c.Object)
	var value any
	if len(notes) > 0 {
		text, err := json.Marshal(notes)
		if err != nil {
			return c, err
		}
		value = string(text)
	}
	edit := Set(c.Object, value, "metadata", "annotations", UndoAnnotation)
	if !SameValue(edit.Old, edit.New) {
		c.Edits = append(slices.Clone(c.Edits), edit)
	}
	c.Undo, c.Forgotten = "", nil
	return c, nil
}

// SameValue compares JSON values whatever Go type their numbers have.
func SameValue(a, b any) bool {
	left, leftErr := json.Marshal(a)
	right, rightErr := json.Marshal(b)
	return leftErr == nil && rightErr == nil && bytes.Equal(left, right)
}

// Fulfilled reports whether a field's value has all that is wanted of it, nil for "not there". A map may have more: the API
// server adds defaults, such as the nodePort of a Service's port.
func Fulfilled(value, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		fields, ok := value.(map[string]any)
		for name, field := range wanted {
			ok = ok && Fulfilled(fields[name], field)
		}
		return ok
	case []any:
		elements, ok := value.([]any)
		ok = ok && len(elements) == len(wanted)
		for i := range wanted {
			ok = ok && Fulfilled(elements[i], wanted[i])
		}
		return ok
	default:
		return SameValue(value, wanted)
	}
}
