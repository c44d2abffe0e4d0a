package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// written are the files of a directory with their texts; no other file is in it.
func assertFiles(t *testing.T, directory string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			text, err := os.ReadFile(filepath.Join(directory, entry.Name()))
			require.NoError(t, err)
			got[entry.Name()] = string(text)
		}
	}
	assert.Equal(t, want, got)
}

// threeFiles are a, b and c with the text "old", and the change of each to "new".
func threeFiles(t *testing.T) (directory string, changes []FileChange) {
	t.Helper()
	directory = t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		path := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o640))
		changes = append(changes, FileChange{Path: path, Before: []byte("old"), After: []byte("new")})
	}
	return directory, changes
}

// TestWriteAllOrNothing spoils one file of three, each in turn.
func TestWriteAllOrNothing(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"changed":   {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("other"), 0o600)) }, "the file has changed since it was read"},
		"gone":      {func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) }, "it cannot be written: no such file"},
		"read-only": {func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o440)) }, "it cannot be written: it is read-only"},
		"directory": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, "it cannot be written: it is not a regular file"},
		"hard link": {func(t *testing.T, path string) {
			require.NoError(t, os.Link(path, filepath.Join(t.TempDir(), "other")))
		}, "it cannot be written: it has another hard link, which would keep the old text; copy it to a file of its own"},
		"link out": {func(t *testing.T, path string) {
			outside := filepath.Join(t.TempDir(), "x")
			require.NoError(t, os.Rename(path, outside))
			require.NoError(t, os.Symlink(outside, path))
		}, "it is a link that leads out of what was named, to "},
		"link up": {func(t *testing.T, path string) {
			above := filepath.Join(filepath.Dir(filepath.Dir(path)), "x")
			require.NoError(t, os.Rename(path, above))
			require.NoError(t, os.Symlink("../x", path))
		}, "it is a link that leads out of what was named, to "},
	} {
		for i, spoilt := range []string{"a", "b", "c"} {
			directory, changes := threeFiles(t)
			test.spoil(t, changes[i].Path)
			err := Write(changes)
			require.Error(t, err, name)
			assert.True(t, strings.HasPrefix(err.Error(), changes[i].Path+": "+test.want), err.Error())
			assert.True(t, strings.HasSuffix(err.Error(), "; no file was changed"), err.Error())
			for _, other := range []string{"a", "b", "c"} {
				if text, err := os.ReadFile(filepath.Join(directory, other)); err == nil && other != spoilt {
					assert.Equal(t, "old", string(text), name)
				}
			}
			entries, err := os.ReadDir(directory)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(entries), 3, "no temporary file is left behind")
		}
	}
}

// TestWriteThatFailsInBetween has the file system refuse to put the second file in its place.
func TestWriteThatFailsInBetween(t *testing.T) {
	directory, changes := threeFiles(t)
	t.Cleanup(func() { rename = os.Rename })
	calls := 0
	rename = func(from, to string) error {
		if calls++; calls == 2 {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: errors.New("no space left on device")}
		}
		return os.Rename(from, to)
	}
	a, b, c := changes[0].Path, changes[1].Path, changes[2].Path
	assert.EqualError(t, Write(changes), b+": it cannot be written: no space left on device; changed: "+a+"; not changed: "+b+", "+c+"; run the command again")
	assertFiles(t, directory, map[string]string{"a": "new", "b": "old", "c": "old"})
	calls = 1
	assert.ErrorContains(t, Write([]FileChange{{Path: b, Before: []byte("old"), After: []byte("new")}, changes[2]}), "; changed: none; not changed: "+b+", "+c)
}

func TestWriteNewFiles(t *testing.T) {
	directory, changes := threeFiles(t)
	outside := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.Symlink(outside, filepath.Join(directory, "dangling")))
	for _, name := range []string{"dangling", "a"} {
		err := Write([]FileChange{changes[1], {Path: filepath.Join(directory, name), After: []byte("new")}})
		assert.EqualError(t, err, filepath.Join(directory, name)+": the file is there already; move it away; no file was changed")
	}
	assert.NoFileExists(t, outside)
	require.NoError(t, Write([]FileChange{{Path: filepath.Join(directory, "d"), After: []byte("new")}}))
	assertFiles(t, directory, map[string]string{"a": "old", "b": "old", "c": "old", "d": "new"})
}

// TestWriteOneFileTwice names a file and a link to it: the second change would undo the first.
func TestWriteOneFileTwice(t *testing.T) {
	directory, changes := threeFiles(t)
	link := filepath.Join(directory, "link")
	require.NoError(t, os.Symlink("a", link))
	err := Write([]FileChange{changes[0], {Path: link, Before: []byte("old"), After: []byte("other")}})
	assert.ErrorContains(t, err, link+": it is the same file as another one that is changed")
	assertFiles(t, directory, map[string]string{"a": "old", "b": "old", "c": "old"})
}

// TestEditsOfLinks holds that a link in a directory is not followed out of what the user named, and where it is.
func TestEditsOfLinks(t *testing.T) {
	directory, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(directory, "sub"), 0o700))
	write := func(path string) string {
		require.NoError(t, os.WriteFile(path, []byte(service), 0o600))
		return path
	}
	inside, other := write(filepath.Join(directory, "sub", "real.txt")), write(filepath.Join(outside, "real.yaml"))
	link := filepath.Join(directory, "a.yaml")
	edit := func(target string, files ...string) error {
		_ = os.Remove(link)
		require.NoError(t, os.Symlink(target, link))
		manifests, err := Load(Sources{Files: files}, "default")
		require.NoError(t, err)
		changes, err := manifests.Edit([]plan.Change{changeOf(t, manifests, field(mesh.KindService, "b", "metadata", "labels", "a"))})
		if err != nil {
			return err
		}
		return Write(changes)
	}
	const leadsOut = "it is a link that leads out of what was named, to "
	assert.NoError(t, edit(inside, directory), "a link that stays in the directory")
	assert.NoError(t, edit(inside, link), "a link beside its file")
	assert.ErrorContains(t, edit(other, directory), link+": "+leadsOut+other+"; name that file itself with -f")
	assert.ErrorContains(t, edit(other, link), leadsOut)
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	assert.Equal(t, service, string(text))
	assert.NoError(t, edit(other, outside, directory), "both directories are named")
}
