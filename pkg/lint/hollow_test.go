package lint

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestNoCheckFailsOnHollowObjects takes the objects of the cases apart, of one case for each ID: every check must stand objects
// of which any one field is missing, without a panic.
func TestNoCheckFailsOnHollowObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	taken := map[string]bool{}
	for _, c := range casetest.All(t) {
		id, _, _ := strings.Cut(c.Name, "-")
		if taken[id] {
			continue
		}
		taken[id] = true
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			whole := append(append([]mesh.Sourced{}, casetest.Base(t, c.Base)...), c.Objects...)
			for i, sourced := range c.Objects {
				for _, hollow := range hollowed(t, sourced.Object) {
					objects := append([]mesh.Sourced{}, whole...)
					objects[len(whole)-len(c.Objects)+i] = mesh.Sourced{Object: hollow}
					assertNothingFails(t, objects)
				}
			}
		})
	}
}

func assertNothingFails(t *testing.T, objects []mesh.Sourced) {
	t.Helper()
	for _, skip := range Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{AllScopes: true}).Skips {
		assert.NotContains(t, skip.Reason, "bug of this program", skip.ID)
	}
}

// hollowed are versions of an object that lack its spec, or one field of the spec, or one of those fields' own.
func hollowed(t *testing.T, object mesh.Object) []mesh.Object {
	t.Helper()
	data, err := json.Marshal(object)
	require.NoError(t, err)
	var versions []mesh.Object
	var cut func(root, at map[string]any, depth int)
	cut = func(root, at map[string]any, depth int) {
		for key, value := range at {
			if key == "apiVersion" || key == "kind" || key == "name" || key == "namespace" {
				continue
			}
			delete(at, key)
			text, err := json.Marshal(root)
			require.NoError(t, err)
			if hollow, known, err := mesh.Decode(text); err == nil && known {
				versions = append(versions, hollow)
			}
			at[key] = value
			if depth > 0 {
				for _, child := range children(value) {
					cut(root, child, depth-1)
				}
			}
		}
	}
	var root map[string]any
	require.NoError(t, json.Unmarshal(data, &root))
	cut(root, root, 4)
	return versions
}

func children(value any) []map[string]any {
	switch typed := value.(type) {
	case map[string]any:
		return []map[string]any{typed}
	case []any:
		var maps []map[string]any
		for _, element := range typed {
			maps = append(maps, children(element)...)
		}
		return maps
	default:
		return nil
	}
}
