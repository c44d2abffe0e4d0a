package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Path leads from an object to one of its fields. A step is a field's name; or "0", "1", … an element of a list by its place;
// or "port=8000,protocol=TCP", the element of a list whose keys have these values, which is how server-side apply sees lists
// of type map.
type Path []string

// PathOf is the path of those steps; whole numbers are places in lists, and a Path or a list of steps stands for all of its own.
func PathOf(steps ...any) Path {
	path := make(Path, 0, len(steps))
	for _, step := range steps {
		switch step := step.(type) {
		case Path:
			path = append(path, step...)
		case []string:
			path = append(path, step...)
		case []any:
			path = append(path, PathOf(step...)...)
		default:
			path = append(path, fmt.Sprint(step))
		}
	}
	return path
}

// String is the path as kubectl writes one: .metadata.labels['istio.io/rev'], .spec.ports[?(@.port==8000)].name.
func (p Path) String() string {
	var b strings.Builder
	for i, step := range p {
		inList := i > 0 && !strings.ContainsAny(step, "./") && (isIndex(step) || isKeyed(step))
		switch {
		case inList && isIndex(step):
			fmt.Fprintf(&b, "[%s]", step)
		case inList:
			first, _, _ := strings.Cut(step, ",")
			key, value, _ := strings.Cut(first, "=")
			if _, err := strconv.Atoi(value); err != nil {
				value = "'" + value + "'"
			}
			fmt.Fprintf(&b, "[?(@.%s==%s)]", key, value)
		case strings.ContainsAny(step, "./[]' "):
			fmt.Fprintf(&b, "['%s']", step)
		default:
			b.WriteString("." + step)
		}
	}
	return b.String()
}

// Element is the path up to and with its first place in a list, the whole path where it has none.
func (p Path) Element() Path {
	if at := slices.IndexFunc(p, isIndex); at >= 0 {
		return p[:at+1]
	}
	return p
}

func isIndex(step string) bool {
	_, err := strconv.ParseUint(step, 10, 31)
	return err == nil
}

func isKeyed(step string) bool { return strings.Contains(step, "=") }

// keyValue is a key of an element of a list, and its value.
type keyValue struct {
	key   string
	value any
}

// keysOf takes a keyed step apart; values that read as whole numbers are numbers, as they are in the lists of Kubernetes.
func keysOf(step string) []keyValue {
	keys := make([]keyValue, 0, 1+strings.Count(step, ","))
	for pair := range strings.SplitSeq(step, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if number, err := strconv.ParseInt(value, 10, 64); err == nil {
			keys = append(keys, keyValue{key, number})
		} else {
			keys = append(keys, keyValue{key, value})
		}
	}
	return keys
}

// indexOf is the place in a list that a step means, or -1.
func indexOf(list []any, step string) int {
	if isIndex(step) {
		if index, _ := strconv.Atoi(step); index < len(list) {
			return index
		}
		return -1
	}
	keys := keysOf(step)
	for i, element := range list {
		if fields, ok := element.(map[string]any); ok && hasKeys(fields, keys) {
			return i
		}
	}
	return -1
}

func hasKeys(fields map[string]any, keys []keyValue) bool {
	for _, of := range keys {
		// The API server fills in protocol, and manifests leave it out.
		value, there := fields[of.key]
		if !there && of.key == "protocol" && of.value == "TCP" {
			continue
		}
		if !hasText(value, of.value) {
			return false
		}
	}
	return true
}

// hasText says that two values read the same: a number and its text do.
func hasText(a, b any) bool {
	switch left := a.(type) {
	case int64:
		if right, ok := b.(int64); ok {
			return left == right
		}
	case string:
		if right, ok := b.(string); ok {
			return left == right
		}
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// Get is the value at the path; found is false where a step leads nowhere.
func (p Path) Get(object map[string]any) (value any, found bool) {
	value = object
	for _, step := range p {
		switch parent := value.(type) {
		case map[string]any:
			if value, found = parent[step]; !found {
				return nil, false
			}
		case []any:
			index := indexOf(parent, step)
			if index < 0 {
				return nil, false
			}
			value = parent[index]
		default:
			return nil, false
		}
	}
	return value, true
}

// copyOf is a copy of a container in which the path may be set; what the path does not lead through is shared. A report has the
// changes of many fields of one object, which may be large.
func (p Path) copyOf(container any) any {
	switch typed := container.(type) {
	case map[string]any:
		copied := maps.Clone(typed)
		if len(p) > 0 && copied[p[0]] != nil {
			copied[p[0]] = p[1:].copyOf(copied[p[0]])
		}
		return copied
	case []any:
		copied := slices.Clone(typed)
		if len(p) > 0 {
			if index := indexOf(typed, p[0]); index >= 0 {
				copied[index] = p[1:].copyOf(typed[index])
			}
		}
		return copied
	default:
		return container
	}
}

// set puts a value at the path, making the maps and keyed list elements on the way; nil removes it. It gives the container
// back, because a list that grows or shrinks is a new list.
func (p Path) set(container, value any) (any, error) {
	if len(p) == 0 {
		return value, nil
	}
	step, rest := p[0], p[1:]
	switch parent := container.(type) {
	case nil:
		if value == nil {
			return nil, nil
		}
		if isKeyed(step) && !strings.ContainsAny(step, "./") {
			return p.set([]any{}, value)
		}
		return p.set(map[string]any{}, value)
	case map[string]any:
		if value == nil && len(rest) == 0 {
			delete(parent, step)
			return parent, nil
		}
		child, err := rest.set(parent[step], value)
		if err != nil {
			return nil, err
		}
		if child != nil {
			parent[step] = child
		}
		return parent, nil
	case []any:
		return p.setInList(parent, value)
	default:
		return nil, fmt.Errorf("%s leads through a value that has no fields", p)
	}
}

func (p Path) setInList(list []any, value any) (any, error) {
	step, rest := p[0], p[1:]
	index := indexOf(list, step)
	switch {
	case index < 0 && value == nil:
		return list, nil
	case index < 0 && isKeyed(step):
		element := map[string]any{}
		for _, of := range keysOf(step) {
			element[of.key] = of.value
		}
		list, index = append(list, element), len(list)
	case index < 0 && step == strconv.Itoa(len(list)):
		list, index = append(list, nil), len(list)
	case index < 0:
		return nil, fmt.Errorf("the list has no element %s", step)
	}
	if value == nil && len(rest) == 0 {
		return append(list[:index:index], list[index+1:]...), nil
	}
	element, err := rest.set(list[index], value)
	if err != nil {
		return nil, err
	}
	list[index] = element
	return list, nil
}

// Edit is one field's change. Values are JSON's: string, bool, int64, float64, map[string]any, []any, or nil for "not there".
type Edit struct {
	Path Path `json:"path"`
	Old  any  `json:"old"`
	New  any  `json:"new"`
}

// On is the object after the edit. It shares with the object what the edit does not lead through: nobody may change it.
func (e Edit) On(object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	fields := e.Path.copyOf(object.Object).(map[string]any)
	if _, err := e.Path.set(fields, e.New); err != nil {
		return nil, fmt.Errorf("%s: %w", Name(object), err)
	}
	return &unstructured.Unstructured{Object: fields}, nil
}

// Set makes the Edit that gives a field of the object a value, or with nil removes it.
func Set(object *unstructured.Unstructured, value any, path ...string) Edit {
	old, _ := Path(path).Get(object.Object)
	return Edit{Path: path, Old: old, New: value}
}
