package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// FileChange is a file's content before and after. Before is nil for a file that is new.
type FileChange struct {
	Path          string
	Before, After []byte

	// folders are those that a link at Path may lead into; nil for the one that it is in.
	folders []string
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

// SaysNamespace says whether the object's manifest says its namespace, which else is the one that Load was given.
func (m *Manifests) SaysNamespace(key mesh.Key) bool {
	return !slices.ContainsFunc(m.places[key], func(found object) bool { return found.namespaceGiven })
}

// placeIn is where a document has an object: the last of several counts.
func (m *Manifests) placeIn(d *document, key mesh.Key) (found object) {
	for _, place := range m.places[key] {
		if place.document == d {
			found = place
		}
	}
	return found
}

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
	var documents []*document
	updates := map[*document][]plan.Change{}
	for _, change := range changes {
		switch change.Action {
		case plan.Restart:
		case plan.Create:
			e.created = append(e.created, creation{change.Object, m.fileFor(change.Object)})
		default:
			found, there := m.places[keyOf(change.Object)]
			if !there {
				e.faults = append(e.faults, fmt.Errorf("%s is not in the files; change it where it is kept", plan.Name(change.Object)))
				continue
			}
			for _, place := range found {
				if updates[place.document] == nil {
					documents = append(documents, place.document)
				}
				updates[place.document] = append(updates[place.document], change)
			}
		}
	}
	for _, d := range documents {
		e.updateDocument(d, updates[d])
	}
	return e, errors.Join(e.faults...)
}

// updateDocument makes Updates and Deletes of objects of one document: all at once, for a list may be long, and only where that
// fails one by one, to say which of them it is that cannot be made.
func (e *editing) updateDocument(d *document, changes []plan.Change) {
	after, err := e.manifests.changed(d, changes)
	if err == nil {
		e.texts[d] = after
		return
	}
	known := len(e.faults)
	for _, change := range changes {
		if _, err := e.manifests.changed(d, []plan.Change{change}); err != nil {
			e.faults = append(e.faults, d.editError(e.manifests.placeIn(d, keyOf(change.Object)), change, err))
		}
	}
	if len(e.faults) == known { // each alone can be made
		e.faults = append(e.faults, d.editError(e.manifests.placeIn(d, keyOf(changes[0].Object)), changes[0], err))
	}
}

func (e *editing) text(d *document) []byte {
	if text, there := e.texts[d]; there {
		return text
	}
	return d.text()
}

// changed is a document's text after changes of the objects in it. An item that is deleted moves the others, which is done by
// itself.
func (m *Manifests) changed(d *document, changes []plan.Change) ([]byte, error) {
	text := d.text()
	for len(changes) > 0 {
		together := slices.IndexFunc(changes, func(change plan.Change) bool { return change.Action == plan.Delete })
		switch {
		case together < 0:
			together = len(changes)
		case together == 0:
			together = 1
		}
		var err error
		if text, err = m.changedTogether(d, text, changes[:together]); err != nil {
			return nil, err
		}
		changes = changes[together:]
	}
	return text, nil
}

func (m *Manifests) changedTogether(d *document, text []byte, changes []plan.Change) ([]byte, error) {
	root, err := yamltext.ParseText(text)
	if err != nil {
		return nil, err
	}
	content, err := yamltext.ToValue(root, len(text))
	if err != nil {
		return nil, err
	}
	whole, _ := content.(map[string]any)
	for _, change := range changes {
		found := m.placeIn(d, keyOf(change.Object))
		switch {
		case found.item == wholeDocument && change.Action == plan.Delete:
			return []byte{}, nil
		case found.item == wholeDocument:
			whole, err = afterChange(whole, change)
		default:
			whole["items"], err = found.changedItems(whole["items"], change)
		}
		if err != nil {
			return nil, err
		}
	}
	return yamltext.Rewrite(text, whole)
}

// changedItems are the items of the object's list after a change of it.
func (o object) changedItems(list any, change plan.Change) (any, error) {
	items, _ := list.([]any)
	index := o.indexIn(items)
	if index < 0 {
		return nil, errors.New("it is no longer in the list")
	}
	if change.Action == plan.Delete {
		return slices.Delete(items, index, index+1), nil
	}
	fields, _ := items[index].(map[string]any)
	after, err := afterChange(fields, change)
	items[index] = after
	return items, err
}

func afterChange(fields map[string]any, change plan.Change) (map[string]any, error) {
	after, err := plan.Change{Action: change.Action, Object: &unstructured.Unstructured{Object: fields}, Edits: change.Edits}.After()
	if err != nil {
		return nil, err
	}
	return after.Object, nil
}

// indexIn finds the object among the items of its list: its place is another one when items before it have been removed. It is
// negative where the object itself has been.
func (o object) indexIn(items []any) int {
	if o.item < len(items) && o.isItem(items[o.item]) {
		return o.item
	}
	for index, item := range slices.Backward(items) { // the last of several with one name is the one that counts
		if o.isItem(item) {
			return index
		}
	}
	return -1
}

// isItem says that an item is the object, as identify has named it.
func (o object) isItem(item any) bool {
	fields, _ := item.(map[string]any)
	u := &unstructured.Unstructured{Object: fields}
	name, namespace := u.GetName(), u.GetNamespace()
	if name == "" {
		name = u.GetGenerateName()
	}
	if o.namespaceGiven && namespace == "" {
		namespace = o.key.Namespace
	}
	if kind, read := mesh.KindOf(u.GroupVersionKind().GroupKind()); u.GetKind() != "" && (!read || kind != o.key.Kind) {
		return false
	}
	return name == o.key.Name && (namespace == o.key.Namespace || o.key.Kind.Info().ClusterScoped)
}

func (d *document) editError(found object, change plan.Change, err error) error {
	line, reason := found.line, err.Error()
	var fault *yamltext.ValueError
	if errors.As(err, &fault) {
		line = d.fileLine(fault.Line)
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
			words = append(words, fmt.Sprintf("set %s to %s", edit.Path, yamltext.PageStyle{}.Inline(edit.New, 0)))
		}
	}
	return strings.Join(words, ", ")
}
