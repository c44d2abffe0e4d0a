package plugin

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRemoteKustomizations has a git that notes that it was started first on the PATH.
func TestRemoteKustomizations(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the program is a script")
	}
	directory := t.TempDir()
	t.Chdir(directory)
	require.NoError(t, os.WriteFile("git", []byte("#!/bin/sh\ntouch '"+directory+"/started'\nexit 1\n"), 0o700)) //nolint:gosec // it is a program
	t.Setenv("PATH", directory+string(os.PathListSeparator)+os.Getenv("PATH"))
	kustomize := func(entry string) {
		require.NoError(t, os.WriteFile("kustomization.yaml", []byte("resources:\n- "+entry+"\n"), 0o600))
	}
	for _, line := range [][]string{{"lint", "-k", ".", "--allow-remote"}, {"create", "deployment/orders", "-k", ".", "--allow-remote"}} {
		kustomize("ssh://host/o/r")
		got := command(t, line[:len(line)-1]...)
		assert.Equal(t, ExitFailed, got.code)
		assert.Contains(t, got.err, `kustomization.yaml:2: resources: "ssh://host/o/r" is remote and is not fetched; give --allow-remote`)
		assert.NoFileExists(t, "started")

		kustomize("ssh://host/o/r?ref=--upload-pack=x")
		assert.Contains(t, command(t, line...).err, "kustomization.yaml:2: resources: \"ssh://host/o/r?ref=--upload-pack=x\" has a part that begins with a dash")
		assert.NoFileExists(t, "started")

		kustomize("ssh://host/o/r?ref=v1")
		assert.Equal(t, ExitFailed, command(t, line...).code)
		assert.FileExists(t, filepath.Join(directory, "started"))
		require.NoError(t, os.Remove("started"))
	}
	assert.Contains(t, command(t, "lint", "--allow-remote").err, "--allow-remote goes with -f or -k")
}
