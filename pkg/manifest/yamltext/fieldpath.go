package yamltext

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// LineOf is the line of a field below a node, in the document's lines: that of its key, or of the list's element. Where the
// path leads nowhere it is the line of the last step that led somewhere.
func LineOf(node *yaml.Node, path []string) int {
	line := node.Line
	for _, step := range path {
		for node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		found, child := FindStep(node, step)
		if child == nil {
			return line
		}
		line, node = found.Line, child
	}
	return line
}

// FindStep gives the node that a step leads to, and the one at whose line it stands.
func FindStep(node *yaml.Node, step string) (at, child *yaml.Node) {
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

// findElement understands "3" and "port=8000,protocol=TCP"; see plan.Path.
func findElement(node *yaml.Node, step string) *yaml.Node {
	if index, err := strconv.Atoi(step); err == nil {
		if index >= 0 && index < len(node.Content) {
			return node.Content[index]
		}
		return nil
	}
	for _, element := range node.Content {
		if hasKeys(element, step) {
			return element
		}
	}
	return nil
}

func hasKeys(element *yaml.Node, step string) bool {
	for pair := range strings.SplitSeq(step, ",") {
		key, value, keyed := strings.Cut(pair, "=")
		if _, found := FindStep(element, key); !keyed || found == nil || found.Value != value {
			return false
		}
	}
	return true
}
