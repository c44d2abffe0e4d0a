package yamltext

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxMerges bounds the merge keys that one document may follow: a few lines of merges of merges can stand for billions.
const maxMerges = 10_000

type pair struct{ key, value *yaml.Node }

// ownPairs are the entries that stand in a mapping itself, and the values of its merge keys.
func ownPairs(node *yaml.Node) (pairs []pair, merges []*yaml.Node) {
	pairs = make([]pair, 0, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key, value := node.Content[i], node.Content[i+1]; isMerge(key) {
			merges = append(merges, value)
		} else {
			pairs = append(pairs, pair{key, value})
		}
	}
	return pairs, merges
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" }

// pairsOf are the entries of a mapping, those that merge keys bring in last.
func (e *encoder) pairsOf(node *yaml.Node, depth int) ([]pair, error) {
	pairs, merges := ownPairs(node)
	for _, pair := range pairs {
		if pair.key.Kind != yaml.ScalarNode {
			return nil, &ValueError{pair.key.Line, "a key is not plain text"}
		}
	}
	if twice := keyTwice(pairs); twice != nil {
		return nil, &ValueError{twice.Line, fmt.Sprintf("the key %q is there twice in one mapping; remove one of them", twice.Value)}
	}
	for _, merge := range merges {
		merged, err := e.mergedPairs(merge, depth+1)
		if err != nil {
			return nil, err
		}
		pairs = addMissing(pairs, merged)
	}
	return pairs, nil
}

// keyTwice is the second of two equal keys, or nil.
func keyTwice(pairs []pair) *yaml.Node {
	if len(pairs) <= 8 {
		for i, later := range pairs {
			for _, earlier := range pairs[:i] {
				if earlier.key.Value == later.key.Value {
					return later.key
				}
			}
		}
		return nil
	}
	seen := make(map[string]bool, len(pairs))
	for _, pair := range pairs {
		if seen[pair.key.Value] {
			return pair.key
		}
		seen[pair.key.Value] = true
	}
	return nil
}

// mergedPairs are what the value of a merge key brings: the entries of a mapping, or of several of which the first counts.
func (e *encoder) mergedPairs(node *yaml.Node, depth int) ([]pair, error) {
	if e.merges++; depth > maxDepth || e.merges > maxMerges {
		return nil, &ValueError{node.Line, "merge keys lead to merge keys too often; write the values out"}
	}
	switch node.Kind {
	case yaml.AliasNode:
		return e.mergedPairs(node.Alias, depth+1)
	case yaml.MappingNode:
		return e.pairsOf(node, depth)
	case yaml.SequenceNode:
		var pairs []pair
		for _, element := range node.Content {
			merged, err := e.mergedPairs(element, depth+1)
			if err != nil {
				return nil, err
			}
			pairs = addMissing(pairs, merged)
		}
		return pairs, nil
	default:
		return nil, &ValueError{node.Line, "a merge key (<<) takes a mapping, or a list of mappings"}
	}
}

func addMissing(pairs, more []pair) []pair {
	have := make(map[string]bool, len(pairs))
	for _, pair := range pairs {
		have[pair.key.Value] = true
	}
	for _, pair := range more {
		if !have[pair.key.Value] {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}
