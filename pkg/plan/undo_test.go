package plan

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFulfilled(t *testing.T) {
	port := func(fields ...any) map[string]any {
		made := map[string]any{"port": int64(8443)}
		for i := 0; i < len(fields); i += 2 {
			made[fields[i].(string)] = fields[i+1]
		}
		return made
	}
	for name, test := range map[string]struct {
		value, wanted any
		want          bool
	}{
		"the same":                   {"a", "a", true},
		"another value":              {"a", "b", false},
		"numbers of two types":       {float64(1), int64(1), true},
		"nothing":                    {nil, nil, true},
		"something, nothing wanted":  {"a", nil, false},
		"nothing, something wanted":  {nil, "a", false},
		"the API server's default":   {port("nodePort", int64(30000)), port(), true},
		"another field is wanted":    {port(), port("name", "grpc"), false},
		"another value in it":        {port("name", "http"), port("name", "grpc"), false},
		"a default in a list":        {[]any{port("nodePort", int64(30000))}, []any{port()}, true},
		"a longer list":              {[]any{port(), port()}, []any{port()}, false},
		"no map where one is wanted": {"a", port(), false},
	} {
		assert.Equal(t, test.want, Fulfilled(test.value, test.wanted), name)
	}
}

func TestWithNotes(t *testing.T) {
	ports := Path{"spec", "ports", "port=9000,protocol=TCP"}
	name := slices.Concat(ports, Path{"name"})
	for text, test := range map[string]struct {
		notes  string
		change Change
		want   string
	}{
		"a former value is noted": {
			"",
			Change{Undo: Remember, Edits: []Edit{{Path: name, New: "grpc"}}},
			`[{"path":["spec","ports","port=9000,protocol=TCP","name"],"old":"admin","new":"grpc"}]`,
		},
		"what somebody has made so already is not": {"", Change{Undo: Remember, Edits: []Edit{{Path: name, New: "admin"}}}, ""},
		"nor is a port that has more by default":   {"", Change{Undo: Remember, Edits: []Edit{{Path: ports, New: map[string]any{"port": int64(9000)}}}}, ""},
		"the first former value stays": {
			`[{"path":["spec","ports","port=9000,protocol=TCP","name"],"old":"web","new":"admin"}]`,
			Change{Undo: Remember, Edits: []Edit{{Path: name, New: "grpc"}}},
			`[{"path":["spec","ports","port=9000,protocol=TCP","name"],"old":"web","new":"grpc"}]`,
		},
		"others' notes stay": {
			`[{"path":["a"],"old":1,"new":2},{"path":["b"],"old":null,"new":2}]`,
			Change{Undo: Forget, Edits: []Edit{{Path: Path{"a"}, New: 1}}},
			`[{"path":["b"],"old":null,"new":2}]`,
		},
		"the last one takes the annotation with it": {`[{"path":["a"],"old":1,"new":2}]`, Change{Undo: Forget, Forgotten: []Path{{"a"}}}, ""},
		"a change without":                          {`[{"path":["a"],"old":1,"new":2}]`, Change{Edits: []Edit{{Path: name, New: "grpc"}}}, `[{"path":["a"],"old":1,"new":2}]`},
	} {
		t.Run(text, func(t *testing.T) {
			change := test.change
			change.Action, change.Object = Update, object(t, service)
			if test.notes != "" {
				change.Object.SetAnnotations(map[string]string{UndoAnnotation: test.notes})
			}
			after, err := change.After()
			require.NoError(t, err)
			assert.Equal(t, test.want, after.GetAnnotations()[UndoAnnotation])

			noted, err := change.WithNotes()
			require.NoError(t, err)
			again, err := noted.WithNotes()
			require.NoError(t, err)
			assert.Equal(t, noted, again, "notes are made once")
		})
	}
}
