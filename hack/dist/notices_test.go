package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// folderWith is a folder with files of the given texts.
func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return folder
}

// packageOf is what go list prints of a package.
func packageOf(t *testing.T, module, folder, below string, main bool) linked {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"ImportPath": module + "/" + below, "Dir": filepath.Join(folder, below),
		"Module": map[string]any{"Path": module, "Version": "v1.0.0", "Dir": folder, "Main": main},
	})
	require.NoError(t, err)
	packages, err := readPackages(text)
	require.NoError(t, err)
	require.Len(t, packages, 1)
	return packages[0]
}

func TestNoticesOfPackages(t *testing.T) {
	own := folderWith(t, map[string]string{"main.go": "", "LICENSE": "own"})
	library := folderWith(t, map[string]string{
		"LICENSE-MIT": "mit\n", "License.txt": "apache\r\n2\r\n", "NOTICE": "thanks", "licenses/other": "not linked", "license.go": "package a",
		"deep/forked/COPYING": "gpl", "deep/forked/PATENTS": "grant", "deep/forked/code/a.go": "", "unused/LICENSE": "of what is not linked",
		"UNLICENSED-FEATURES.md": "no licence", "ThirdPartyNotices.txt": "others", "copying_test.go": "",
	})
	goRoot := folderWith(t, map[string]string{"LICENSE": "go", "src/fmt/print.go": ""})
	packages := []linked{
		packageOf(t, "example.com/own", own, "", true),
		packageOf(t, "example.com/library", library, "deep/forked/code", false),
		packageOf(t, "example.com/library", library, "", false),
		{ImportPath: "fmt", Dir: filepath.Join(goRoot, "src/fmt"), Standard: true},
	}
	found, err := collectNotices(packages, goRoot, "go1.26.0")
	require.NoError(t, err)
	assert.Equal(t, []notice{
		{"Go's standard library go1.26.0", "LICENSE", "go"},
		{"example.com/library v1.0.0", "LICENSE-MIT", "mit"},
		{"example.com/library v1.0.0", "License.txt", "apache\n2"},
		{"example.com/library v1.0.0", "NOTICE", "thanks"},
		{"example.com/library v1.0.0", "ThirdPartyNotices.txt", "others"},
		{"example.com/library v1.0.0", "deep/forked/COPYING", "gpl"},
		{"example.com/library v1.0.0", "deep/forked/PATENTS", "grant"},
	}, found)
}

func TestModulesWithoutLicenceAreRefused(t *testing.T) {
	goRoot := folderWith(t, map[string]string{"LICENSE": "go"})
	for name, files := range map[string]map[string]string{
		"nothing":             {"a.go": ""},
		"an empty file":       {"a.go": "", "LICENSE": " \n"},
		"a notice alone":      {"a.go": "", "NOTICE": "thanks"},
		"source of that name": {"license.go": "package license"},
		"not where it counts": {"a.go": "", "other/LICENSE": "of another package"},
		"a folder":            {"a.go": "", "LICENSE/text": "MIT"},
	} {
		_, err := collectNotices([]linked{packageOf(t, "example.com/bare", folderWith(t, files), "", false)}, goRoot, "go1.26.0")
		assert.EqualError(t, err, "example.com/bare v1.0.0 has no licence text, so that no binary with it may be passed on: replace it, or ask its authors for one", name)
	}
	_, err := collectNotices([]linked{{ImportPath: "example.com/lost", Dir: goRoot}}, goRoot, "go1.26.0")
	assert.EqualError(t, err, "package example.com/lost is in no module, so that its licence is not known: require the module that has it")
}

func TestEveryTextStandsOnce(t *testing.T) {
	text := string(formatNotices([]notice{{"a v1", "LICENSE", "the licence"}, {"a v1", "NOTICE", "thanks"}, {"b v2", "LICENSE", "the licence"}}))
	assert.Equal(t, 1, strings.Count(text, "the licence\n"))
	assert.Contains(t, text, "\na v1: LICENSE\nb v2: LICENSE\n=")
	assert.Less(t, strings.Index(text, "b v2"), strings.Index(text, "thanks"))
}

// What the program really links, on every platform, has its licences; and the file is the same each time.
func TestNoticesOfTheProgram(t *testing.T) {
	t.Chdir("../..")
	platforms, err := parsePlatforms(allPlatforms)
	require.NoError(t, err)
	for _, p := range platforms {
		name := p.os + "/" + p.arch
		content, err := notices(t.Context(), p)
		require.NoError(t, err)
		again, err := notices(t.Context(), p)
		require.NoError(t, err)
		assert.Equal(t, string(content), string(again), name)
		text := string(content)
		for _, module := range []string{"Go's standard library go1", "k8s.io/client-go v", "google.golang.org/grpc v", "istio.io/api v"} {
			assert.Contains(t, text, module, name)
		}
		assert.Contains(t, text, "third_party/forked/golang/LICENSE", "the licence of a package that came from elsewhere")
		assert.NotContains(t, text, "stretchr/testify", "what only tests need is not in the binary")
		assert.NotContains(t, text, "github.com/grpcexpose/kubectl-grpcexpose v")
		assert.Equal(t, name == "windows/amd64", strings.Contains(text, "inconshreveable/mousetrap"), "only cobra for Windows needs it")
	}
}
