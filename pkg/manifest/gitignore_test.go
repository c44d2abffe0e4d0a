package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGitignore(t *testing.T) {
	for _, test := range []struct{ rules, ignored, kept string }{
		{"build/", "build/ a/build/", "build a/build.yaml"},
		{"/build", "build build/", "a/build"},
		{"*.gen.yaml", "a.gen.yaml b/a.gen.yaml", "a.yaml"},
		{"deploy/*.yaml\n!deploy/keep.yaml", "deploy/a.yaml", "deploy/keep.yaml a/deploy/a.yaml deploy/a/b.yaml"},
		{"**/tmp", "tmp a/tmp a/b/tmp", "tmpx"},
		{"a/**/b.yaml", "a/b.yaml a/x/b.yaml a/x/y/b.yaml", "b.yaml"},
		{"out/**", "out/a.yaml out/a/b.yaml", "out"},
		{"a?.yaml\n[bc].yaml\n[!x-z]1.yaml", "ab.yaml b.yaml w1.yaml", "abc.yaml d.yaml x1.yaml"},
		{"# a comment\n\n\\#a.yaml\n\\!b.yaml\nc.yaml   ", "#a.yaml !b.yaml c.yaml", "a.yaml"},
		{"[a", "[a", "a"},
		{"[]a].yaml", "].yaml a.yaml", "b.yaml"},
		{"a.b", "a.b", "axb"},
		{"!\n/\n", "", "a"},
	} {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, gitignoreName), []byte(test.rules), 0o600))
		ignores := gitignores{}.with(folder)
		for _, path := range strings.Fields(test.ignored) {
			assert.True(t, ignores.ignores(filepath.Join(folder, path), strings.HasSuffix(path, "/")), "%s ignores %s", test.rules, path)
		}
		for _, path := range strings.Fields(test.kept) {
			assert.False(t, ignores.ignores(filepath.Join(folder, path), strings.HasSuffix(path, "/")), "%s keeps %s", test.rules, path)
		}
	}
}

// TestGitignoresAbove: the rules of the folders above count within a repository, but for a folder that is ignored itself.
func TestGitignoresAbove(t *testing.T) {
	repository := t.TempDir()
	for _, folder := range []string{".git", "apps/shop", "out/shop"} {
		require.NoError(t, os.MkdirAll(filepath.Join(repository, folder), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(repository, gitignoreName), []byte("*.gen.yaml\nout/\n"), 0o600))
	ignored := func(folder string) bool {
		return gitignoresAbove(filepath.Join(repository, folder)).ignores(filepath.Join(repository, folder, "a.gen.yaml"), false)
	}
	assert.True(t, ignored("apps/shop"))
	assert.False(t, ignored("out"))
	assert.False(t, ignored("out/shop"))
	require.NoError(t, os.Remove(filepath.Join(repository, ".git")))
	assert.False(t, ignored("apps/shop"))
}
