package mesh

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// testNow is when the snapshots of tests are judged.
var testNow = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// snapshot is the whole mesh that YAML documents describe, with nothing unknown.
func snapshot(t testing.TB, text string) *Snapshot {
	t.Helper()
	return New(objectsIn(t, text), Options{Now: testNow})
}

// objectsIn reads YAML documents; a kind that the model does not know is an error of the test.
func objectsIn(t testing.TB, text string) []Sourced {
	t.Helper()
	var objects []Sourced
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		converted, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(t, err)
		if string(converted) == "null" {
			continue
		}
		object, known, err := Decode(converted)
		require.NoError(t, err)
		require.True(t, known, "the model does not know this kind:\n%s", document)
		objects = append(objects, Sourced{Object: object})
	}
	return objects
}
