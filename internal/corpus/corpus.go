// Package corpus reads the meshes of the corpus, for the tests of every package.
package corpus

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Now is between the ages of the corpus's certificates.
var Now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// Directory is where the meshes are.
func Directory() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "../../pkg/lint/testdata/corpus")
}

// Names are the names of the meshes.
func Names(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(Directory(), "[a-z]*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(path), ".yaml")
	}
	return paths
}

// Mesh is one of them, on top of its base. onRead, if there is one, hears of each kind that is read.
func Mesh(t testing.TB, name string, onRead ...func(mesh.Kind)) *mesh.Snapshot {
	t.Helper()
	path := filepath.Join(Directory(), name+".yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	base := "default"
	for line := range strings.Lines(string(text)) {
		if named, ok := strings.CutPrefix(line, "# base: "); ok {
			base = strings.TrimSpace(named)
		}
	}
	files := []string{path}
	if base != "none" {
		files = []string{filepath.Join(Directory(), "_base-"+base+".yaml"), path}
	}
	manifests, err := manifest.Load(manifest.Sources{Files: files}, "default")
	require.NoError(t, err)
	options := mesh.Options{Now: Now}
	for _, hear := range onRead {
		options.OnRead = hear
	}
	return manifests.Snapshot(true, options)
}

// Objects are those of YAML documents.
func Objects(t testing.TB, text string) []mesh.Object {
	t.Helper()
	found, err := manifest.Objects([]byte(text))
	require.NoError(t, err)
	objects := make([]mesh.Object, 0, len(found))
	for _, form := range found {
		object, known, err := mesh.FromUnstructured(form)
		require.NoError(t, err)
		require.True(t, known)
		objects = append(objects, object)
	}
	return objects
}

// Manifests are YAML documents as files hold them.
func Manifests(t testing.TB, text string) *manifest.Manifests {
	t.Helper()
	manifests, err := manifest.Load(manifest.Sources{Files: []string{"-"}, Stdin: strings.NewReader(text)}, "default")
	require.NoError(t, err)
	return manifests
}
