package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fieldPath is the path of a mapping's field, as kubectl writes paths: .metadata.labels['istio.io/rev'].
func fieldPath(parent, key string) string {
	if strings.ContainsAny(key, "./[]' ") {
		return parent + "['" + key + "']"
	}
	return parent + "." + key
}

// stepsOf takes a path apart: ".spec.ports[0].name" is spec, ports, [0], name. Steps into a list keep their brackets, so
// that a field with the name "0" is not taken for an element; ['istio.io/rev'] is a field.
func stepsOf(path string) []string {
	var steps []string
	for len(path) > 0 {
		switch {
		case path[0] == '.':
			path = path[1:]
		case strings.HasPrefix(path, "['"):
			name, rest, _ := strings.Cut(path[2:], "']")
			steps, path = append(steps, name), rest
		case path[0] == '[':
			inside, rest, _ := strings.Cut(path, "]")
			steps, path = append(steps, inside+"]"), rest
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			steps, path = append(steps, path[:end]), path[end:]
		}
	}
	return steps
}

// lineOf is the line of a field below a node, in the document's lines: that of its key, or of the list's element. Where the
// path leads nowhere it is the line of the last step that led somewhere.
func lineOf(node *yaml.Node, path string) int {
	line := node.Line
	for _, step := range stepsOf(path) {
		for node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		found, child := findStep(node, step)
		if child == nil {
			return line
		}
		line, node = found.Line, child
	}
	return line
}

// findStep gives the node that a step leads to, and the one at whose line it stands.
func findStep(node *yaml.Node, step string) (at, child *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		pairs, _ := ownPairs(node)
		for _, pair := range pairs {
			if pair.key.Value == step {
				return pair.key, pair.value
			}
		}
	case yaml.SequenceNode:
		if element := findElement(node, step); element != nil {
			return element, element
		}
	}
	return nil, nil
}

// findElement understands [3] and [?(@.port==8000)].
func findElement(node *yaml.Node, step string) *yaml.Node {
	inside := strings.TrimSuffix(strings.TrimPrefix(step, "["), "]")
	if index, err := strconv.Atoi(inside); err == nil {
		if index >= 0 && index < len(node.Content) {
			return node.Content[index]
		}
		return nil
	}
	condition := strings.TrimSuffix(strings.TrimPrefix(inside, "?(@."), ")")
	key, value, _ := strings.Cut(condition, "==")
	value = strings.Trim(value, `'"`)
	for _, element := range node.Content {
		if _, found := findStep(element, key); found != nil && found.Value == value {
			return element
		}
	}
	return nil
}
