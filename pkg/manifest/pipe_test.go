//go:build unix

package manifest

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPipeInADirectory would wait for ever for somebody to write into the pipe.
func TestPipeInADirectory(t *testing.T) {
	directory := t.TempDir()
	pipe := filepath.Join(directory, "pipe.yaml")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err := Load(Sources{Files: []string{directory}, Strict: true}, "default")
	assert.EqualError(t, err, pipe+": it is not a file; name it with -f if it is to be read all the same")
}
