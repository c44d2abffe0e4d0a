package lint

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// FuzzRun holds that no check fails, and that none takes long, whatever the objects are: those of the cases, put together at will
// and with fields taken away, doubled or set to nonsense. The bytes say how.
func FuzzRun(f *testing.F) {
	parts := casesApart(f)
	f.Add([]byte{})
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	for i := range 64 {
		f.Add(slices.Repeat([]byte{byte(i * 37), byte(i), byte(i * 11), 255 - byte(i)}, 20))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		taken := choices(bytes)
		objects := slices.Clone(casetest.Base(t, []string{"default", "tcm", "ambient", "none"}[taken.below(4)]))
		for range 1 + taken.below(16) {
			var root map[string]any
			require.NoError(t, json.Unmarshal(parts[taken.below(len(parts))], &root))
			for range taken.below(6) {
				taken.spoil(root)
			}
			if object, known := decodeTree(t, root); known {
				objects = append(objects, mesh.Sourced{Object: object})
			}
		}
		started := time.Now()
		assertNothingFails(t, objects)
		assert.Less(t, time.Since(started), 20*time.Second)
	})
}

// casesApart are the objects of all cases as JSON, in a fixed order.
func casesApart(t testing.TB) [][]byte {
	t.Helper()
	var parts [][]byte
	for _, c := range casetest.All(t) {
		for _, sourced := range c.Objects {
			data, err := json.Marshal(sourced.Object)
			require.NoError(t, err)
			parts = append(parts, data)
		}
	}
	return parts
}

// decodeTree makes an object of JSON values; what the API server would not let through is left out.
func decodeTree(t testing.TB, root map[string]any) (mesh.Object, bool) {
	t.Helper()
	text, err := json.Marshal(root)
	require.NoError(t, err)
	object, known, err := mesh.Decode(text)
	return object, known && err == nil
}

// nonsense are values that no field, or hardly any, is meant to have.
var nonsense = []any{
	nil, "", " ", "*", "*.", "*.*", ".", "/", "//", "./*", "~/*", "-", "grpc", "mesh", "shop", "a/b/c", "%s\x00", "\u2028", "default", "istio-system",
	strings.Repeat("x", 1<<16), strings.Repeat("a.", 300), strings.Repeat("*", 50), "(((((", "[a-", "(a*)*$", "1e999", "-1s", "9999999h", "true",
	0.0, -1.0, 1.0, 65536.0, 4294967296.0, 1e18, 0.5, true, false,
	[]any{},
	[]any{nil},
	[]any{""},
	map[string]any{},
	map[string]any{"": ""},
	map[string]any{"app": nil},
}

// choices are decisions, one byte or two each; where they are at an end every decision is for the first.
type choices []byte

func (c *choices) below(limit int) int {
	value := 0
	for range 2 {
		if len(*c) > 0 {
			value, *c = value<<8|int((*c)[0]), (*c)[1:]
		}
		if limit <= 256 {
			break
		}
	}
	return value % max(limit, 1)
}

func (c *choices) nonsense() any { return runtime.DeepCopyJSONValue(nonsense[c.below(len(nonsense))]) }

// spoil changes one field somewhere in the tree.
func (c *choices) spoil(at map[string]any) {
	keys := slices.Sorted(maps.Keys(at))
	if len(keys) == 0 {
		at["spec"] = c.nonsense()
		return
	}
	key := keys[c.below(len(keys))]
	if deeper := children(at[key]); len(deeper) > 0 && c.below(5) > 0 {
		c.spoil(deeper[c.below(len(deeper))])
		return
	}
	list, isList := at[key].([]any)
	switch c.below(4) {
	case 0:
		delete(at, key)
	case 1:
		if isList {
			at[key] = slices.Concat(list, runtime.DeepCopyJSONValue(list).([]any))
			return
		}
		at[keys[c.below(len(keys))]] = runtime.DeepCopyJSONValue(at[key])
	default:
		at[key] = c.nonsense()
	}
}
