package yamltext

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

const (
	// maxDepth bounds nesting; the deepest Kubernetes type, a CustomResourceDefinition's schema, stays far below.
	maxDepth = 500
	// expansion and minExpansion bound what aliases may make of a document: a few lines of them can stand for gigabytes.
	expansion    = 8
	minExpansion = 4 << 20
)

// ValueError is what is wrong with one node.
type ValueError struct {
	Line    int
	Message string
}

func (e *ValueError) Error() string { return e.Message }

// encoder makes JSON of YAML as the API server's clients do (sigs.k8s.io/yaml): keys are strings, yes and no are booleans as
// in YAML 1.1, merge keys and aliases are resolved. It refuses what these clients refuse: keys that are there twice.
type encoder struct {
	out   []byte
	limit int
	// merges counts the merge keys that were followed.
	merges int
}

// ToJSON is the JSON of a node. textSize is the length of the document that it is in.
func ToJSON(node *yaml.Node, textSize int) ([]byte, error) {
	e := encoder{out: make([]byte, 0, 2048), limit: expansion*textSize + minExpansion}
	if err := e.encode(node, 0); err != nil {
		return nil, err
	}
	return e.out, nil
}

// ToValue is the node as Kubernetes' clients hold untyped objects: maps, lists, strings, bools, int64, float64 and nil.
func ToValue(node *yaml.Node, textSize int) (any, error) {
	data, err := ToJSON(node, textSize)
	if err != nil {
		return nil, err
	}
	var value any
	err = utiljson.Unmarshal(data, &value)
	return value, err
}

func (e *encoder) encode(node *yaml.Node, depth int) error {
	if depth > maxDepth {
		return &ValueError{node.Line, fmt.Sprintf("this is nested more than %d levels deep", maxDepth)}
	}
	if len(e.out) > e.limit {
		return &ValueError{node.Line, "aliases make this document many times larger than its text; write the values out"}
	}
	switch node.Kind {
	case yaml.AliasNode:
		return e.encode(node.Alias, depth+1)
	case yaml.MappingNode:
		return e.encodeMapping(node, depth)
	case yaml.SequenceNode:
		return e.encodeSequence(node, depth)
	default:
		return e.encodeScalar(node)
	}
}

func (e *encoder) encodeMapping(node *yaml.Node, depth int) error {
	pairs, err := e.pairsOf(node, depth)
	if err != nil {
		return err
	}
	e.out = append(e.out, '{')
	for i, pair := range pairs {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.out = appendString(e.out, pair.key.Value)
		e.out = append(e.out, ':')
		if err := e.encode(pair.value, depth+1); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

func (e *encoder) encodeSequence(node *yaml.Node, depth int) error {
	e.out = append(e.out, '[')
	for i, element := range node.Content {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.encode(element, depth+1); err != nil {
			return err
		}
	}
	e.out = append(e.out, ']')
	return nil
}

func (e *encoder) encodeScalar(node *yaml.Node) error {
	switch tag := node.ShortTag(); tag {
	case "!!null":
		e.out = append(e.out, "null"...)
	case "!!bool", "!!int", "!!float":
		return e.encodeResolved(node, tag)
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(node.Value)
		if err != nil {
			return &ValueError{node.Line, "the value is marked !!binary and is not base64"}
		}
		e.out = appendString(e.out, string(data))
	default:
		if boolean, ok := oldBoolean(node); ok {
			e.out = strconv.AppendBool(e.out, boolean)
			return nil
		}
		e.out = appendString(e.out, node.Value)
	}
	return nil
}

func (e *encoder) encodeResolved(node *yaml.Node, tag string) error {
	if tag == "!!int" && isPlainInteger(node.Value) {
		e.out = append(e.out, node.Value...)
		return nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return &ValueError{node.Line, fmt.Sprintf("the value %q is not what its tag %s says", node.Value, tag)}
	}
	if number, ok := value.(float64); ok && (math.IsNaN(number) || math.IsInf(number, 0)) {
		return &ValueError{node.Line, fmt.Sprintf("the number %s has no place in a Kubernetes object", node.Value)}
	}
	data, err := json.Marshal(value)
	e.out = append(e.out, data...)
	return err
}

// isPlainInteger reports whether a number is written in the way that JSON writes it.
func isPlainInteger(text string) bool {
	if len(text) == 0 || len(text) > 18 || text[0] == '0' && len(text) > 1 {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// oldBoolean are the plain words that YAML 1.1, which kubectl speaks, takes for booleans and YAML 1.2 for text.
// Source: resolve.go in go.yaml.in/yaml/v2, which sigs.k8s.io/yaml uses.
func oldBoolean(node *yaml.Node) (value, ok bool) {
	if node.Style&^yaml.FlowStyle != 0 || len(node.Value) > 3 {
		return false, false
	}
	switch node.Value {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	default:
		return false, false
	}
}

func appendString(out []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			data, _ := json.Marshal(text) // cannot fail for a string
			return append(out, data...)
		}
	}
	out = append(out, '"')
	out = append(out, text...)
	return append(out, '"')
}
