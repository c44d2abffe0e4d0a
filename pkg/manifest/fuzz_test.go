package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

func addSeeds(f *testing.F) (texts []string) {
	f.Helper()
	paths, err := filepath.Glob("testdata/edit/*.[yj]*")
	require.NoError(f, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		texts = append(texts, string(text), strings.ReplaceAll(string(text), "\n", "\r\n"))
	}
	return append(texts, service, "a: [", "---\n...\n%YAML 1.1\n--- |\n x", bomb("[", "]"), bomb("{<<: [", "]}"), "\xef\xbb\xbf{}", "? a\n: b\n", "{\t\"a\":\t1}")
}

// FuzzLoad holds that no text makes the loader panic or hang, and that every line that it gives is one of the text.
func FuzzLoad(f *testing.F) {
	for _, text := range addSeeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		manifests, err := Load(Sources{Files: []string{"-"}, Stdin: strings.NewReader(text)}, "default")
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		lines := len(yamltext.LineStarts([]byte(text)))
		for _, sourced := range manifests.Objects {
			for _, path := range []plan.Path{nil, plan.PathOf("metadata", "name"), plan.PathOf("spec", "ports", 0, "name"), plan.PathOf("spec", "http", 0, "route", 0, "destination", "host")} {
				line := sourced.Source.LineOf(path)
				require.True(t, line >= 1 && line <= lines, "line %d of %d", line, lines)
			}
		}
		manifests.Snapshot(true, mesh.Options{})
	})
}

// FuzzRewrite holds that a rewritten document has the wanted value, or there is an error: never another value.
func FuzzRewrite(f *testing.F) {
	texts := addSeeds(f)
	for i, text := range texts {
		f.Add(text, texts[(i+3)%len(texts)])
	}
	f.Fuzz(func(t *testing.T, from, to string) {
		if len(from)+len(to) > 4000 {
			return
		}
		root, err := yamltext.ParseText([]byte(to))
		if err != nil || root == nil {
			return
		}
		want, err := yamltext.ToValue(root, len(to))
		if err != nil {
			return
		}
		text, err := yamltext.Rewrite([]byte(from), want)
		if err != nil {
			return
		}
		root, err = yamltext.ParseText(text)
		require.NoError(t, err)
		have, err := yamltext.ToValue(root, len(text))
		require.NoError(t, err)
		require.True(t, yamltext.Same(want, have))
	})
}
