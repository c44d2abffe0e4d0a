package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// FileChange is a file's content before and after. Before is nil for a file that is new.
type FileChange struct {
	Path          string
	Before, After []byte
}

// Edit makes the changes in the texts of the files, without writing anything. What a change does not speak of stays byte for
// byte. New objects go to the end of the file that a related object is in. Restarts are left out: they are done to a cluster.
// The error names the file, the line and the change that cannot be made in place, and there are no FileChanges then.
func (m *Manifests) Edit(changes []plan.Change) ([]FileChange, error) {
	e, err := m.edit(changes)
	if err != nil {
		return nil, err
	}
	return e.fileChanges()
}

// Has says whether the object that a change is about is in the files.
func (m *Manifests) Has(change plan.Change) bool {
	_, there := m.places[keyOf(change.Object)]
	return there
}

// SaysNamespace says whether the object's manifest says its namespace, which else is the one that Load was given.
func (m *Manifests) SaysNamespace(key mesh.Key) bool { return !m.places[key].namespaceGiven }

func keyOf(u *unstructured.Unstructured) mesh.Key {
	kind, _ := mesh.KindOf(u.GroupVersionKind().GroupKind())
	return mesh.Key{Kind: kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// editing is the state of the files between changes.
type editing struct {
	manifests *Manifests
	// texts are the documents that have changed; an empty one is gone.
	texts map[*document][]byte
	// created are the new objects, in order, with the file that each belongs to.
	created []creation
	faults  []error
}

type creation struct {
	object *unstructured.Unstructured
	// beside is the file that the object goes to; nil for none that can be edited.
	beside *file
}

func (m *Manifests) edit(changes []plan.Change) (*editing, error) {
	e := &editing{manifests: m, texts: map[*document][]byte{}}
	for _, change := range changes {
		switch change.Action {
		case plan.Restart:
		case plan.Create:
			e.created = append(e.created, creation{change.Object, m.fileFor(change.Object)})
		default:
			e.faults = append(e.faults, e.update(change))
		}
	}
	return e, errors.Join(e.faults...)
}

// update makes an Update or Delete in the document that has the object.
func (e *editing) update(change plan.Change) error {
	found, there := e.manifests.places[keyOf(change.Object)]
	if !there {
		return fmt.Errorf("%s is not in the files; change it where it is kept", plan.Name(change.Object))
	}
	text := e.text(found.document)
	after, err := changed(found, text, change)
	if err != nil {
		return found.document.editError(found, change, err)
	}
	e.texts[found.document] = after
	return nil
}

func (e *editing) text(d *document) []byte {
	if text, there := e.texts[d]; there {
		return text
	}
	return d.text()
}

// changed is the document's text after a change of the object in it.
func changed(found object, text []byte, change plan.Change) ([]byte, error) {
	if change.Action == plan.Delete && found.item == wholeDocument {
		return []byte{}, nil
	}
	root, err := parseText(text)
	if err != nil {
		return nil, err
	}
	content, err := toValue(root, len(text))
	if err != nil {
		return nil, err
	}
	whole, _ := content.(map[string]any)
	if found.item == wholeDocument {
		after, err := afterChange(whole, change)
		if err != nil {
			return nil, err
		}
		return rewrite(text, after)
	}
	items, _ := whole["items"].([]any)
	own, index := itemOf(items, change.Object)
	if own == nil {
		return nil, fmt.Errorf("it is no longer in the list")
	}
	if change.Action == plan.Delete {
		whole["items"] = slices.Delete(items, index, index+1)
		return rewrite(text, whole)
	}
	if items[index], err = afterChange(own, change); err != nil {
		return nil, err
	}
	return rewrite(text, whole)
}

func afterChange(fields map[string]any, change plan.Change) (map[string]any, error) {
	after, err := plan.Change{Action: change.Action, Object: &unstructured.Unstructured{Object: fields}, Edits: change.Edits}.After()
	if err != nil {
		return nil, err
	}
	return after.Object, nil
}

// itemOf finds an object among the items of a list: its place changes when items before it are removed. The last of several
// with one name is the one that counts.
func itemOf(items []any, wanted *unstructured.Unstructured) (fields map[string]any, index int) {
	for index, item := range slices.Backward(items) {
		fields, _ := item.(map[string]any)
		u := &unstructured.Unstructured{Object: fields}
		sameNamespace := u.GetNamespace() == wanted.GetNamespace() || u.GetNamespace() == ""
		if u.GetName() == wanted.GetName() && sameNamespace && (u.GetKind() == wanted.GetKind() || u.GetKind() == "") {
			return fields, index
		}
	}
	return nil, -1
}

func (d *document) editError(found object, change plan.Change, err error) error {
	line, reason := found.line, err.Error()
	var fault *valueError
	if errors.As(err, &fault) {
		line = d.fileLine(fault.line)
	}
	return &Error{File: d.file.path, Line: line, Message: fmt.Sprintf(
		"%s cannot be changed in place (%s); make the change by hand: %s", plan.Name(change.Object), reason, inWords(change))}
}

// inWords says what a change does, for someone who has to do it.
func inWords(change plan.Change) string {
	if change.Action == plan.Delete {
		return "remove the object"
	}
	var words []string
	for _, edit := range change.Edits {
		if edit.New == nil {
			words = append(words, fmt.Sprintf("remove %s", edit.Path))
		} else {
			words = append(words, fmt.Sprintf("set %s to %s", edit.Path, pageStyle{}.inline(edit.New, 0)))
		}
	}
	return strings.Join(words, ", ")
}
