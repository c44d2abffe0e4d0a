package plugin

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
)

// strangersTree is a repository that a stranger wrote, and the working directory; a file of the user lies beside it.
func strangersTree(t *testing.T, settings string) (victim string) {
	t.Helper()
	lintFiles(t)
	outside := t.TempDir()
	victim = filepath.Join(outside, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Mkdir(".git", 0o700))
	require.NoError(t, os.Mkdir("real", 0o700))
	require.NoError(t, os.Symlink(outside, "away"))
	require.NoError(t, os.Symlink(victim, "link.yaml"))
	require.NoError(t, os.Symlink(filepath.Join(outside, "absent"), "dangling.yaml"))
	require.NoError(t, os.WriteFile(manifest.SettingsFile, []byte(settings), 0o600))
	return victim
}

// TestSettingsStayBelowTheirFile has the settings of a stranger's tree name a baseline, and writes or reads it.
func TestSettingsStayBelowTheirFile(t *testing.T) {
	victim := strangersTree(t, "")
	relative, err := filepath.Rel(workingDirectory(t), victim)
	require.NoError(t, err)
	for baseline, fine := range map[string]bool{
		victim: false, relative: false, "real/../../victim": false, "..": false, "away/victim": false, "away/new.yaml": false,
		"link.yaml": false, "dangling.yaml": false, "~/.bashrc/../../../x": false,
		"known.yaml": true, "./real/known.yaml": true, "real/../known2.yaml": true,
	} {
		require.NoError(t, os.WriteFile(manifest.SettingsFile, []byte("baseline: "+baseline+"\n"), 0o600))
		for _, arguments := range [][]string{{"--write-baseline"}, nil} {
			got := command(t, append([]string{"lint", "-f", "shop.yaml", "--fail-on", "never"}, arguments...)...)
			if fine {
				assert.Equal(t, ExitFine, got.code, "%s: %s", baseline, got.err)
				continue
			}
			assert.Equal(t, ExitFailed, got.code, baseline)
			assert.Contains(t, got.err, manifest.SettingsFile+": baseline: ", baseline)
			assert.Contains(t, got.err, "leads out of the folder of the settings file", baseline)
		}
	}
	assert.Equal(t, "precious", manifestText(t, victim))
	entries, err := os.ReadDir(filepath.Dir(victim))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// TestSettingsStayOutOfGit holds that a file of a pull request has nothing written where git looks for hooks and settings.
func TestSettingsStayOutOfGit(t *testing.T) {
	strangersTree(t, "")
	for _, baseline := range []string{".git/hooks/pre-commit", "./.GIT/info/attributes", "real/../.git/x.yaml", "real/.git/config.worktree", "inside/hooks/x"} {
		require.NoError(t, os.MkdirAll(".git/hooks", 0o750))
		if err := os.Symlink(".git", "inside"); err != nil {
			require.ErrorIs(t, err, fs.ErrExist)
		}
		require.NoError(t, os.WriteFile(manifest.SettingsFile, []byte("baseline: "+baseline+"\n"), 0o600))
		got := command(t, "lint", "-f", "shop.yaml", "--fail-on", "never", "--write-baseline")
		assert.Equal(t, ExitFailed, got.code, baseline)
		assert.Contains(t, got.err, "is in git's own folder", baseline)
	}
}

// TestNothingButABaselineIsReplaced also holds for a path that the user gives.
func TestNothingButABaselineIsReplaced(t *testing.T) {
	lintFiles(t)
	write := func(path string) answer {
		return command(t, "lint", "-f", "shop.yaml", "--baseline", path, "--write-baseline")
	}
	for name, text := range map[string]string{
		"settings": "scope: all\n", "empty": "", "no YAML": "\x00\x01", "another kind": "apiVersion: grpcexpose/v1\nkind: Plan\n",
		"another group": "apiVersion: example.com/v1\nkind: LintBaseline\n", "list": "- apiVersion: grpcexpose/v1\n  kind: LintBaseline\n",
	} {
		require.NoError(t, os.WriteFile("there", []byte(text), 0o600))
		got := write("there")
		assert.Equal(t, ExitFailed, got.code, name)
		assert.Contains(t, got.err, "there is there and is not a LintBaseline of grpcexpose/v1, so it is not replaced", name)
		assert.Equal(t, text, manifestText(t, "there"), name)
	}
	require.NoError(t, os.WriteFile("there", []byte("apiVersion: grpcexpose/v1\nkind: LintBaseline\nfindings: [{colour: red}]\n"), 0o600))
	assert.Equal(t, ExitFine, write("there").code, "one that cannot be read by itself")
	assert.Contains(t, manifestText(t, "there"), "GX301")
	require.NoError(t, os.Symlink("nowhere", "dangling"))
	assert.Contains(t, write("dangling").err, "dangling: the file is there already")
	assert.NoFileExists(t, "nowhere")
}

func TestSettingsInUseAreNamed(t *testing.T) {
	strangersTree(t, "checks: [GX3]\n")
	path := filepath.Join(workingDirectory(t), manifest.SettingsFile)
	for _, format := range []string{"json", "sarif", "text"} {
		got := command(t, "lint", "-f", "shop.yaml", "-o", format)
		assert.Equal(t, "note: settings of "+path+"\n", got.err, format)
		assert.NotContains(t, got.out, path, format)
		if format != "text" {
			assert.True(t, json.Valid([]byte(got.out)), format)
		}
	}
	require.NoError(t, os.Rename(manifest.SettingsFile, "named.yaml"))
	got := command(t, "lint", "-f", "shop.yaml", "--config", "named.yaml")
	assert.Equal(t, "note: settings of named.yaml\n", got.err)

	require.NoError(t, os.Rename("named.yaml", manifest.SettingsFile))
	require.NoError(t, os.Remove(".git"))
	got = command(t, "lint", "-f", "shop.yaml", "--checks", "GX509")
	assert.Equal(t, "note: "+path+" is not used: it is in no git repository; name it with --config to use it\n", got.err)
}

func TestSettingsThatAreALinkOutOfTheRepository(t *testing.T) {
	victim := strangersTree(t, "")
	require.NoError(t, os.Remove(manifest.SettingsFile))
	require.NoError(t, os.Symlink(victim, manifest.SettingsFile))
	got := command(t, "lint", "-f", "shop.yaml")
	assert.Equal(t, ExitFailed, got.code)
	assert.Contains(t, got.err, "it is a link that leads out of the repository")
	assert.NotContains(t, got.err, "precious")
}
