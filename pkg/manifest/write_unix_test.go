//go:build unix

package manifest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWriteKeepsOwnerAndMode edits somebody else's file, as an administrator does.
func TestWriteKeepsOwnerAndMode(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	_, changes := threeFiles(t)
	path := changes[0].Path
	require.NoError(t, os.Chown(path, 12345, 23456))
	require.NoError(t, os.Chmod(path, 0o751|os.ModeSetgid))
	require.NoError(t, Write(changes))
	info, err := os.Stat(path)
	require.NoError(t, err)
	status := info.Sys().(*syscall.Stat_t)
	assert.Equal(t, []uint32{12345, 23456}, []uint32{status.Uid, status.Gid})
	assert.Equal(t, 0o751|os.ModeSetgid, info.Mode())
}

// TestWriteToPipes has a pipe take a file's place after it was read: nobody waits for its writer.
func TestWriteToPipes(t *testing.T) {
	directory, changes := threeFiles(t)
	require.NoError(t, os.Remove(changes[1].Path))
	require.NoError(t, syscall.Mkfifo(changes[1].Path, 0o600))
	assert.EqualError(t, Write(changes), changes[1].Path+": it cannot be written: it is not a regular file; no file was changed")
	assertFiles(t, directory, map[string]string{"a": "old", "c": "old"})
}

// TestPipesInKustomizations would wait for ever for somebody to write into them.
func TestPipesInKustomizations(t *testing.T) {
	for _, pipe := range []string{"kustomization.yaml", "a.yaml", "env"} {
		directory := kustomizationOf(t, map[string]string{
			"kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: a, envs: [env]}]\n", "a.yaml": service, "env": "a=b\n",
		})
		path := filepath.Join(directory, pipe)
		require.NoError(t, os.Remove(path))
		require.NoError(t, syscall.Mkfifo(path, 0o600))
		_, err := Load(Sources{Kustomize: directory}, "default")
		assert.EqualError(t, err, path+": it cannot be read: it is not a regular file")
	}
}

// TestNamedDevices are read as far as the limit goes.
func TestNamedDevices(t *testing.T) {
	_, err := Load(Sources{Files: []string{"/dev/zero"}}, "default")
	assert.EqualError(t, err, "/dev/zero: the file is larger than 256 MiB; split it")
	manifests, err := Load(Sources{Files: []string{"/dev/null"}}, "default")
	require.NoError(t, err)
	assert.Empty(t, manifests.Objects)
}
