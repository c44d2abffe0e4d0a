package mesh

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Decode makes a typed object from its JSON. ok is false, without an error, for a kind that the model does not read.
// The object keeps the apiVersion it came with, so that it can be written back in the same version.
func Decode(data []byte) (object Object, ok bool, err error) {
	var meta metav1.TypeMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, false, fmt.Errorf("apiVersion and kind cannot be read: %w", err)
	}
	version, err := schema.ParseGroupVersion(meta.APIVersion)
	if err != nil {
		return nil, false, fmt.Errorf("apiVersion %q is not group/version", meta.APIVersion)
	}
	kind, ok := KindOf(version.WithKind(meta.Kind).GroupKind())
	if !ok {
		return nil, false, nil
	}
	object, err = DecodeAs(kind, data)
	return object, err == nil, err
}

// DecodeAs is Decode where the kind is known already; the JSON need not say it.
func DecodeAs(kind Kind, data []byte) (Object, error) {
	object := kinds[kind].new()
	if err := json.Unmarshal(data, object); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", kinds[kind].Kind, err)
	}
	return object, nil
}

// wrongType is what Go's decoder says of a value of another type than the field's.
var wrongType = regexp.MustCompile(`(json: )?cannot unmarshal (\w+)( \S+)? into Go .* of type (\S+)$`)

// InUsersWords is the message of a decoder without the names of Go's types.
func InUsersWords(err error) string {
	said := wrongType.FindStringSubmatch(err.Error())
	if said == nil {
		return err.Error()
	}
	found := map[string]string{"bool": "true or false", "number": "a number", "string": "a text", "array": "a list", "object": "a mapping"}[said[2]]
	wanted := "a number"
	switch of := said[4]; {
	case of == "string":
		wanted = "a text (in quotes, where it is a word like y, yes or on, or a number)"
	case of == "bool":
		wanted = "true or false"
	case strings.HasSuffix(of, "EnumNumber"):
		wanted = "one of the names that the field knows"
	case strings.HasPrefix(of, "[]"):
		wanted = "a list"
	case strings.HasPrefix(of, "map["), strings.Contains(of, "."):
		wanted = "a mapping"
	}
	return fmt.Sprintf("it has %s where %s is needed", found, wanted)
}

// FromUnstructured is Decode for an object that is already parsed.
func FromUnstructured(u *unstructured.Unstructured) (object Object, ok bool, err error) {
	data, err := u.MarshalJSON()
	if err != nil {
		return nil, false, err
	}
	return Decode(data)
}

// ToUnstructured gives an object's JSON form, without what Go's encoding adds to it (null creation times, an empty status).
// Objects read from a list, which have no apiVersion and kind of their own, get them here.
func ToUnstructured(object Object) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	// Unlike encoding/json this keeps whole numbers whole (int64), as everything that compares JSON values expects.
	if err := utiljson.Unmarshal(data, &u.Object); err != nil {
		return nil, err
	}
	gvk := GroupVersionKind(object)
	u.SetGroupVersionKind(gvk)
	if status, ok := u.Object["status"].(map[string]any); ok && len(status) == 0 {
		delete(u.Object, "status")
	}
	pruneNullTimes(u.Object)
	return u, nil
}

type formMemory Key

// Form is the JSON form of an object of the Snapshot, as ToUnstructured gives it, made once for all who ask; nobody may change it.
// Of an object that is not the Snapshot's own, as one that is to be, it is made for the one who asks.
func (s *Snapshot) Form(object Object) (*unstructured.Unstructured, error) {
	type form struct {
		object *unstructured.Unstructured
		err    error
	}
	if s.parent != nil {
		return s.parent.Form(object)
	}
	key := KeyOf(object)
	if found, ok := s.find(key); !ok || found.Object != object {
		return ToUnstructured(object)
	}
	made := Remember(s, formMemory(key), func() form {
		made, err := ToUnstructured(object)
		return form{made, err}
	})
	return made.object, made.err
}

// pruneNullTimes drops "creationTimestamp: null", which metav1.ObjectMeta prints for objects that were never stored.
func pruneNullTimes(value any) {
	switch typed := value.(type) {
	case map[string]any:
		if stamp, ok := typed["creationTimestamp"]; ok && stamp == nil {
			delete(typed, "creationTimestamp")
		}
		for _, child := range typed {
			pruneNullTimes(child)
		}
	case []any:
		for _, child := range typed {
			pruneNullTimes(child)
		}
	}
}

// KindOfObject is the Kind of an object, by its Go type, or by its apiVersion and kind where the type says nothing.
func KindOfObject(object Object) (Kind, bool) {
	if kind, ok := kindByType[reflect.TypeOf(object)]; ok {
		return kind, true
	}
	return KindOf(object.GetObjectKind().GroupVersionKind().GroupKind())
}
