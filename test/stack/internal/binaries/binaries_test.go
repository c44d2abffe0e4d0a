package binaries

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moduleIn writes files of a module into a source folder and returns both.
func moduleIn(t *testing.T, files map[string]string) (module, string) {
	t.Helper()
	source := t.TempDir()
	m := module{name: "m", folder: "build/m", inputs: moduleFiles, flags: []string{"-tags=a"}}
	for name, content := range files {
		path := filepath.Join(source, m.folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return m, source
}

func TestKeyFollowsWhatDecidesTheBuild(t *testing.T) {
	files := map[string]string{"go.mod": "module m", "go.sum": "sum 1", "tool/main.go": "package main"}
	m, source := moduleIn(t, files)
	key, err := m.key(source)
	require.NoError(t, err)
	assert.Regexp(t, "^[0-9a-f]{12}$", key)

	same, sameSource := moduleIn(t, files)
	sameKey, err := same.key(sameSource)
	require.NoError(t, err)
	assert.Equal(t, key, sameKey, "the key does not depend on where the clone is")

	changes := map[string]func(m *module, source string){
		"go.sum": func(m *module, source string) {
			require.NoError(t, os.WriteFile(filepath.Join(source, m.folder, "go.sum"), []byte("sum 2"), 0o644))
		},
		"source": func(m *module, source string) {
			require.NoError(t, os.WriteFile(filepath.Join(source, m.folder, "tool", "main.go"), []byte("package main //"), 0o644))
		},
		"new file": func(m *module, source string) {
			require.NoError(t, os.WriteFile(filepath.Join(source, m.folder, "tool", "more.go"), nil, 0o644))
		},
		"flags": func(m *module, _ string) { m.flags = []string{"-tags=b"} },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			m, source := moduleIn(t, files)
			change(&m, source)
			changed, err := m.key(source)
			require.NoError(t, err)
			assert.NotEqual(t, key, changed)
		})
	}
}

func TestKeyOfAModuleWithoutFiles(t *testing.T) {
	m, source := moduleIn(t, nil)
	_, err := m.key(source)
	require.ErrorContains(t, err, "module m has none of its files go.mod, go.sum, */*.go in build/m")
}

func TestEveryProductHasItsSources(t *testing.T) {
	source, err := sourceFolder()
	require.NoError(t, err)
	for _, product := range products {
		_, err := product.path("cache", source)
		assert.NoError(t, err, product.name)
	}
}

func TestFind(t *testing.T) {
	found, err := find([]string{Kubectl, Etcd, Kubectl})
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, Etcd, found[0].name, "in build order")
	assert.Equal(t, Kubectl, found[1].name)

	_, err = find([]string{"kubelet"})
	require.ErrorContains(t, err, `"kubelet" is nothing that the stack builds: choose among stack-supervisor, etcd, kube-apiserver`)
}

func TestLookUpPrefersGivenBinaries(t *testing.T) {
	m, source := moduleIn(t, map[string]string{"go.mod": "module m"})
	given, cached, absent := product{name: "given", module: m}, product{name: "cached", module: m}, product{name: "absent", module: m}
	cache, assets := t.TempDir(), t.TempDir()
	for _, product := range []product{given, cached} {
		path, err := product.path(cache, source)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(assets, "given"), nil, 0o755))

	set, missing, err := lookUp([]product{given, cached, absent}, cache, source, assets)
	require.NoError(t, err)
	cachedPath, err := cached.path(cache, source)
	require.NoError(t, err)
	assert.Equal(t, Set{"given": filepath.Join(assets, "given"), "cached": cachedPath}, set)
	require.Len(t, missing, 1)
	assert.Equal(t, "absent", missing[0].name)
}

func TestBuildIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bin", "m", "p")
	var log bytes.Buffer
	failing := product{name: "p", make: func(_ context.Context, _ module, _, target string, log io.Writer) error {
		require.NoError(t, os.WriteFile(target, []byte("half"), 0o755))
		_, _ = io.WriteString(log, "main.go:1: what is wrong\n")
		return errors.New("exit status 1")
	}}
	err := build(t.Context(), failing, "dir", path, &meter{log: &log, label: "[1/1] p"})
	require.EqualError(t, err, "build p in dir: exit status 1\nmain.go:1: what is wrong")
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Empty(t, left)

	working := product{name: "p", make: func(_ context.Context, _ module, _, target string, _ io.Writer) error {
		return os.WriteFile(target, []byte("whole"), 0o755)
	}}
	require.NoError(t, build(t.Context(), working, "dir", path, &meter{log: &log, label: "[1/1] p"}))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "whole", string(content))
	assert.Contains(t, log.String(), "[1/1] p: done in")
}

func TestAnnounceSaysHowLongItTakes(t *testing.T) {
	var log bytes.Buffer
	missing := []product{{name: "a", cost: cost{seconds: 20}}, {name: "b", cost: cost{seconds: 400}}}
	announce(&log, missing, newEstimate(missing))
	assert.Equal(t, "Building, once, from Go modules: a, b. On two idle cores, with nothing built before: about 4 min.\n", log.String())
}
