package plan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// Action is what a Change does to its object.
type Action string

const (
	// Create makes an object that is not there.
	Create Action = "create"
	// Update changes fields of an object that is there.
	Update Action = "update"
	// Restart makes a workload's pods anew, by an annotation of its pod template.
	Restart Action = "restart"
	// Delete removes an object.
	Delete Action = "delete"
)

// Change is one step of a Plan: what is done to one object, and why. It holds everything that applying it needs; what users
// are shown (diff, manifests, summary) and what undoes it are views of the same value.
type Change struct {
	Action Action
	// Object is the object as it is; for Create as it is to be.
	Object *unstructured.Unstructured
	// Edits are the fields that Update and Restart change.
	Edits []Edit
	// Undo says whether the object notes the former values of the edited fields, or forgets them; empty for neither.
	Undo Undo
	// Forgotten are fields whose notes go although they are left as they are.
	Forgotten []Path
	// Reason is why, as a clause that begins in lower case: "the injector webhook selects this label".
	Reason string
}

// Before is the object as it was, nil where there was none.
func (c Change) Before() *unstructured.Unstructured {
	if c.Action == Create {
		return nil
	}
	return c.Object
}

// After is the object as it will be, nil where there will be none.
func (c Change) After() (*unstructured.Unstructured, error) {
	switch c.Action {
	case Delete:
		return nil, nil
	case Create:
		return c.Object, nil
	}
	c, err := c.WithNotes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name(c.Object), err)
	}
	after := c.Object.DeepCopy()
	for _, edit := range c.Edits {
		if _, err := edit.Path.set(after.Object, edit.New); err != nil {
			return nil, fmt.Errorf("%s: %w", Name(c.Object), err)
		}
	}
	return after, nil
}

// ApplyConfiguration is what server-side apply is given: the whole object for Create, the identity and the edited fields
// for Update and Restart. ok is false where server-side apply cannot say it: a field is removed, or stands in a list that is
// one value to the API server (those of Istio's objects); JSONPatch can. Notes must have been made edits (WithNotes).
func (c Change) ApplyConfiguration() (configuration *unstructured.Unstructured, ok bool) {
	if c.Action == Create {
		return c.Object, true
	}
	if c.Action == Delete {
		return nil, false
	}
	configuration = identityOf(c.Object)
	for _, edit := range c.Edits {
		for i, step := range edit.Path {
			if i > 0 && isIndex(step) {
				return nil, false
			}
		}
		if edit.New == nil {
			return nil, false
		}
		if _, err := edit.Path.set(configuration.Object, edit.New); err != nil {
			return nil, false
		}
	}
	return configuration, true
}

func identityOf(object *unstructured.Unstructured) *unstructured.Unstructured {
	identity := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{}}}
	identity.SetAPIVersion(object.GetAPIVersion())
	identity.SetKind(object.GetKind())
	identity.SetName(object.GetName())
	if object.GetNamespace() != "" {
		identity.SetNamespace(object.GetNamespace())
	}
	return identity
}

// JSONPatch is an Update as RFC 6902, against the object as it was: each operation is preceded by a test that the old value
// is still there, so that a change made meanwhile is never overwritten. Notes must have been made edits (WithNotes).
func (c Change) JSONPatch() ([]byte, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"`
	}
	var operations []operation
	work := c.Object
	for _, edit := range c.Edits {
		pointer, value, there := pointerTo(work.Object, edit)
		if there {
			operations = append(operations, operation{"test", pointer, edit.Old})
		}
		switch {
		case edit.New != nil && there:
			operations = append(operations, operation{"replace", pointer, edit.New})
		case edit.New != nil:
			operations = append(operations, operation{"add", pointer, value})
		case there:
			operations = append(operations, operation{Op: "remove", Path: pointer})
		}
		next, err := edit.On(work)
		if err != nil {
			return nil, err
		}
		work = next
	}
	return json.Marshal(operations)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointerTo is the JSON pointer of an edit's field. Where parents of the field are missing it is that of the first missing
// one, and value is the parent with the field in it.
func pointerTo(object map[string]any, edit Edit) (pointer string, value any, there bool) {
	var current any = object
	for i, step := range edit.Path {
		rest := edit.Path[i+1:]
		switch parent := current.(type) {
		case map[string]any:
			pointer += "/" + pointerEscapes.Replace(step)
			child, found := parent[step]
			if !found {
				value, _ := rest.set(nil, edit.New)
				return pointer, value, false
			}
			current = child
		case []any:
			index := indexOf(parent, step)
			if index < 0 {
				grown, _ := edit.Path[i:].set([]any{}, edit.New)
				element := any(nil)
				if list, ok := grown.([]any); ok && len(list) > 0 {
					element = list[0]
				}
				return pointer + "/-", element, false
			}
			pointer += "/" + strconv.Itoa(index)
			current = parent[index]
		}
	}
	return pointer, nil, true
}

// Name is how messages name an object.
func Name(object *unstructured.Unstructured) string {
	return inert.Name(object.GetKind(), object.GetNamespace(), object.GetName())
}

// SameObject says that two forms are of one object, in whatever version of its kind.
func SameObject(a, b *unstructured.Unstructured) bool {
	return a.GroupVersionKind().GroupKind() == b.GroupVersionKind().GroupKind() &&
		a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}

// SameChange reports whether two changes do the same to the same object, whatever their reasons.
func SameChange(a, b Change) bool {
	return a.Action == b.Action && Name(a.Object) == Name(b.Object) && a.Object.GroupVersionKind() == b.Object.GroupVersionKind() &&
		reflect.DeepEqual(a.Edits, b.Edits) && (a.Action != Create || reflect.DeepEqual(a.Object.Object, b.Object.Object))
}
