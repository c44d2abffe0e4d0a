package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// typeError says which field of the object cannot be decoded. The decoders of Kubernetes' and Istio's types know little or
// nothing of the place, so it is found by decoding again with less and less of the object.
func (d *document) typeError(node *yaml.Node, kind mesh.Kind, err error) *Error {
	name := kind.Info().Kind
	if _, metadata := yamltext.FindStep(node, "metadata"); metadata != nil {
		if _, value := yamltext.FindStep(metadata, "name"); value != nil {
			name += " " + value.Value
		}
	}
	value, valueErr := yamltext.ToValue(node, d.end-d.start)
	if valueErr != nil {
		return d.valueError(valueErr)
	}
	path, value := culprit(kind, value, decodeMessage(err))
	line, shown := yamltext.LineOf(node, path), describeValue(value)
	if kind == mesh.KindSecret {
		shown = describeSecret(value)
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case len(path) == 0:
		return d.errorAt(line, "%s cannot be read: %s", name, decodeMessage(err))
	case errors.As(err, &wrongType):
		return d.errorAt(line, "%s: %s is %s; it must be %s", name, path, shown, describeType(wrongType))
	default:
		return d.errorAt(line, "%s: %s is %s, which cannot be read: %s", name, path, shown, decodeMessage(err))
	}
}

// culprit is the path and value of the smallest part of an object that alone gives the same error.
func culprit(kind mesh.Kind, object any, message string) (path plan.Path, part any) {
	var steps []step
	part = object
	for {
		next, child, found := smallerPart(kind, steps, part, message)
		if !found {
			return path, part
		}
		steps, part, path = append(steps, next), child, append(path, next.name())
	}
}

// smallerPart is the child of a part that alone gives the same error; there is none where the part gives it without children.
func smallerPart(kind mesh.Kind, steps []step, part any, message string) (next step, child any, found bool) {
	switch part.(type) {
	case map[string]any:
		found = fails(kind, steps, map[string]any{}, message)
	case []any:
		found = fails(kind, steps, []any{}, message)
	}
	if found {
		return step{}, nil, false
	}
	for next, child := range children(part) {
		if fails(kind, append(steps, next), child, message) {
			return next, child, true
		}
	}
	return step{}, nil, false
}

// fails says that an object with nothing but the part gives the error.
func fails(kind mesh.Kind, steps []step, part any, message string) bool {
	data, err := json.Marshal(holding(steps, part))
	if err != nil {
		return false
	}
	_, err = mesh.DecodeAs(kind, data)
	return err != nil && decodeMessage(err) == message
}

// step leads from a value to a part of it: a field, or where the field is empty an element of a list.
type step struct {
	field string
	index int
}

// name is how a path names the step.
func (s step) name() string {
	if s.field == "" {
		return strconv.Itoa(s.index)
	}
	return s.field
}

// holding is an object that has nothing but the part to which the steps lead.
func holding(steps []step, part any) any {
	for _, step := range slices.Backward(steps) {
		if step.field == "" {
			part = []any{part}
		} else {
			part = map[string]any{step.field: part}
		}
	}
	return part
}

func children(value any) func(yield func(step, any) bool) {
	return func(yield func(step, any) bool) {
		switch typed := value.(type) {
		case map[string]any:
			for _, field := range slices.Sorted(maps.Keys(typed)) {
				if !yield(step{field: field}, typed[field]) {
					return
				}
			}
		case []any:
			for i, element := range typed {
				if !yield(step{index: i}, element) {
					return
				}
			}
		}
	}
}

// describeType says in a user's words what Go type was wanted.
func describeType(wrongType *json.UnmarshalTypeError) string {
	if wrongType.Type.Name() == "EnumNumber" {
		return "one of the names that the field knows"
	}
	switch wrongType.Type.Kind() {
	case reflect.String:
		return "a text (put it in quotes)"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer, reflect.Interface:
		return "a mapping"
	default:
		return "a whole number in the range that the field allows"
	}
}

func describeValue(value any) string {
	switch typed := value.(type) {
	case nil:
		return "empty"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case bool:
		return fmt.Sprintf("the boolean %t", typed)
	case string:
		if len(typed) > 60 {
			return "a text"
		}
		return fmt.Sprintf("the text %q", typed)
	default:
		return fmt.Sprintf("the number %v", typed)
	}
}

// describeSecret says what kind of value it is: the values of Secrets are printed nowhere.
func describeSecret(value any) string {
	switch value.(type) {
	case string:
		return "a text"
	case bool:
		return "a boolean"
	case float64, int64, int, uint64, json.Number:
		return "a number"
	default:
		return describeValue(value)
	}
}

// protobufPosition is where Istio's decoder was, in JSON that the user has never seen.
var protobufPosition = regexp.MustCompile(`^proto: \(line \d+:\d+\): `)

// decodeMessage drops what the layers of decoders put around a message.
func decodeMessage(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	message := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimPrefix(protobufPosition.ReplaceAllString(message, ""), "json: ")
}
