// Package golden compares what tests get with files, and rewrites the files with -update.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Update is true where the files are to be rewritten.
var Update = flag.Bool("update", false, "rewrite the golden files")

// Compare compares a text with a golden file.
func Compare(t testing.TB, path, got string) {
	t.Helper()
	if *Update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	if string(want) != got {
		assert.Equal(t, string(want), got)
	}
}
