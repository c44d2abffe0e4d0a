package checks

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// RemoveFields is the change that removes fields, and every field above one that would be left empty: istiod's webhook refuses
// empty policies. What is above the spec stays.
func RemoveFields(p *Pass, object mesh.Object, reason string, paths ...[]string) []plan.Change {
	return Update(p, object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		var edits []plan.Edit
		work := form
		for _, path := range paths {
			edit := plan.Set(work, nil, withEmptiedParents(work.Object, path)...)
			next, err := edit.On(work)
			if err != nil {
				return edits
			}
			edits, work = append(edits, edit), next
		}
		return edits
	})
}

// withEmptiedParents is the path of the highest field that holds nothing but the one at the path. The entries of
// portLevelSettings hold nothing when only their port is left.
func withEmptiedParents(object map[string]any, path []string) []string {
	for len(path) > 2 {
		parent, _ := plan.Path(path[:len(path)-1]).Get(object)
		switch typed := parent.(type) {
		case map[string]any:
			others := len(typed) - 1
			if _, ok := typed["port"]; ok && path[len(path)-1] != "port" && isEntryOf(path, "portLevelSettings") {
				others--
			}
			if others > 0 {
				return path
			}
		case []any:
			if len(typed) > 1 {
				return path
			}
		default:
			return path
		}
		path = path[:len(path)-1]
	}
	return path
}

// isEntryOf reports whether the path is that of a field of an entry of the list.
func isEntryOf(path []string, list string) bool {
	return len(path) > 3 && path[len(path)-3] == list
}
