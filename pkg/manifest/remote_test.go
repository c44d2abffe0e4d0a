package manifest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakePrograms puts programs first on the PATH that only note that they were started, with which arguments. log reads the notes.
func fakePrograms(t *testing.T) (log func() []string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the programs are scripts")
	}
	bin := t.TempDir()
	notes := filepath.Join(bin, "log")
	for _, name := range []string{"git", "helm", "helmV3", "docker", "ssh", "go"} {
		script := "#!/bin/sh\nfor argument in " + name + " \"$@\"; do printf '%s\\n' \"$argument\" >> '" + notes + "'; done\nexit 1\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700)) //nolint:gosec // it is a program
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() []string {
		text, err := os.ReadFile(notes)
		if err != nil {
			return nil
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// kustomization writes files, those that end in / aside, and gives their directory.
func kustomizationOf(t *testing.T, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range files {
		path := filepath.Join(directory, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if target, link := strings.CutPrefix(text, "-> "); link {
			require.NoError(t, os.Symlink(target, path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return directory
}

// remoteEntries are words for things elsewhere where kustomize takes a directory.
var remoteEntries = []string{
	"https://github.com/o/r?ref=v1", "https://github.com/o/r", "HTTPS://GitHub.com/o/r", "http://host/o/r", "http://host/a.yaml",
	"ssh://git@host/o/r", "ssh://host/o/r", "file:///tmp/repository", "FILE:///tmp/repository", "git::https://host/o/r", "GIT::github.com/o/r",
	"git@github.com:o/r", "git@host:o/r.git", "git@host:r.git", "someone@host:o/r//path", "someone@host/o/r", "org-1@host:o/r",
	"github.com/o/r", "github.com:o/r", "GitHub.com/o/r/sub?ref=main", "github.com/o/r//path?submodules=false&timeout=1s",
	"https://user:secret@host/o/r", "https://dev.azure.com/o/p/_git/r/path", "https://host/o/r.git/path", "https:opaque", "http:/o/r",
	"https://[::1]/o/r", "https://host:443/o/r?version=v1",
}

// optionEntries are words that git, or the ssh that it runs, could take for options.
var optionEntries = []string{
	"https://host/o/r?ref=--upload-pack=touch%20x", "https://host/o/r?version=--upload-pack=x", "https://host/o/r?ref=%2D%2Dupload-pack=x",
	"https://host/o/r?ref=%2d-upload-pack", "https://host/o/r?version=v1&ref=-x", "https://host/o/r?ref=+-x", "https://host/o/r?ref=%252D-x",
	"https://host/o/r?ref=v1;ref=-x", "https://host/o/r?-x", "https://host/o/r?submodules=-x", "https://host/o/r?timeout=-1", "https://host/o/r?ref=v1#-x",
	"ssh://-oProxyCommand=x/o/r", "SSH://-oProxyCommand=x/o/r", "ssh://%2DoProxyCommand=x/o/r", "ssh://git@-oProxyCommand=x/o/r", "ssh://-x@host/o/r",
	"git@-host:o/r", "git@host:-o/r", "git@host:-/r", "git@host:o/-r", "git@-oProxyCommand=x:o/r.git", "git::ssh://-oProxyCommand=x/o/r",
	"github.com/-o/r", "github.com:-o/r", "github.com/o/-r", "https://-host/o/r", "https://host/-o/r", "https://host/o/r//-path", "https://host/o/r//%2dpath",
	"https://host/-o/_git/r", "file://-path/x", "file:///x?ref=--upload-pack=x", "https://host//-/x", "https://-/o/r", "https://github.com/o/r/-sub?ref=v1",
}

// addresses are words for things elsewhere where kustomize takes a file.
var addresses = []string{"https://host/a.yaml", "HTTP://host/a.yaml", "https:a.yaml", "http:/a.yaml", "https://host/a.yaml?x=y&z", "https://gitlab.com/g/p/-/raw/main/a.yaml"}

// places are kustomizations with %s where a directory or a file is named, by what the message says of it.
var directoryPlaces = map[string]string{
	"resources": "resources:\n- a.yaml\n- %s\n", "resources ": "RESOURCES: [a.yaml, %s]\n", "resources  ": "bases:\n- %s\n",
	"components": "components: [%s]\n", "generators": "generators: [%s]\n", "transformers": "transformers:\n- %s\n", "validators": "validators: [%s]\n",
	"resources   ": "x: &x [%[1]s]\nresources: [a.yaml, %[1]s]\n",
}

var filePlaces = map[string]string{
	"crds": "crds: [%s]\n", "configurations": "configurations: [%s]\n", "openapi.path": "openapi: {path: %s}\n",
	"patches.path": "patches: [{path: %s}]\n", "patches.path ": "patchesJson6902: [{path: %s, target: {version: v1, kind: Service, name: a}}]\n",
	"patchesStrategicMerge": "patchesStrategicMerge: [%s]\n", "replacements.path": "replacements: [{path: %s}]\n",
	"configMapGenerator": "configMapGenerator: [{name: a, files: [%s]}]\n", "configMapGenerator ": "configMapGenerator: [{name: a, envs: [%s]}]\n",
	"configMapGenerator  ": "configMapGenerator: [{name: a, env: %s}]\n", "secretGenerator": "secretGenerator: [{name: a, files: [%s]}]\n",
	"secretGenerator ": "secretGenerator: [{name: a, envs: [%s]}]\n", "secretGenerator  ": "secretGenerator:\n- name: a\n  Env: %s\n",
	"files":                 "generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: a}\n  files: [%s]\n",
	"path":                  "transformers:\n- |\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: a}\n  path: %s\n",
	"path ":                 "validators:\n- |\n  apiVersion: builtin\n  kind: ReplacementTransformer\n  metadata: {name: a}\n  replacements: [{path: %s}]\n",
	"paths":                 "transformers:\n- |\n  {apiVersion: builtin, kind: PatchStrategicMergeTransformer, metadata: {name: a}, paths: [%s]}\n",
	"additionalValuesFiles": "generators:\n- |\n  {apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: a}, name: c, additionalValuesFiles: [%s]}\n",
	"targetFilePath":        "transformers:\n- |\n  {apiVersion: builtin, kind: ValueAddTransformer, metadata: {name: a}, targetFilePath: %s}\n",
}

// layers are kustomizations that another one is loaded by.
var layers = map[string]func(text string) map[string]string{
	"itself":     func(text string) map[string]string { return map[string]string{"kustomization.yaml": text} },
	"other name": func(text string) map[string]string { return map[string]string{"Kustomization": text} },
	"a link": func(text string) map[string]string {
		return map[string]string{"kustomization.yml": "-> innocent.txt", "innocent.txt": text}
	},
	"nested": func(text string) map[string]string {
		return nested("resources: [one]\n", "resources: [../two]\n", text)
	},
	"linked base": func(text string) map[string]string {
		return map[string]string{"kustomization.yaml": "resources: [one]\n", "one": "-> two", "two/kustomization.yaml": text}
	},
	"of generators": func(text string) map[string]string {
		return nested("generators: [one]\n", "resources: [../two]\n", text)
	},
}

func nested(top, one, two string) map[string]string {
	return map[string]string{"kustomization.yaml": top, "one/kustomization.yaml": one, "two/kustomization.yaml": two}
}

// TestRemotesAreRefused tries every word in every place of every layer. No program is started, and the network is not asked.
func TestRemotesAreRefused(t *testing.T) {
	log := fakePrograms(t)
	refused := func(t *testing.T, directory, field, want string, allow bool) {
		t.Helper()
		_, err := Load(Sources{Kustomize: directory, AllowRemote: allow}, "default")
		require.Error(t, err)
		assert.Contains(t, err.Error(), want)
		assert.Regexp(t, `^`+directory+`/.*:\d+: `+field+`: "`, err.Error(), "file and line")
	}
	try := func(t *testing.T, places map[string]string, entries []string, want string, allow bool) {
		for place, text := range places {
			text = strings.TrimPrefix(text, "x: &x [%[1]s]\n")
			for _, entry := range entries {
				files := layers["itself"](fmt.Sprintf(text, "'"+entry+"'"))
				files["a.yaml"] = service
				refused(t, kustomizationOf(t, files), strings.TrimSpace(place), want, allow)
			}
			for layer, files := range layers {
				t.Run(layer+" "+place, func(t *testing.T) {
					files := files(fmt.Sprintf(text, "'"+entries[0]+"'"))
					files["a.yaml"], files["two/a.yaml"] = service, service
					refused(t, kustomizationOf(t, files), strings.TrimSpace(place), want, allow)
				})
			}
		}
	}
	const notFetched, never = "is remote and is not fetched; give --allow-remote", "begins with a dash, which git or ssh would take for an option; it is never fetched"
	try(t, directoryPlaces, remoteEntries, notFetched, false)
	try(t, directoryPlaces, addresses, notFetched, false)
	try(t, filePlaces, addresses, notFetched, false)
	for _, allow := range []bool{false, true} {
		try(t, directoryPlaces, optionEntries, never, allow)
	}
	assert.Empty(t, log(), "no program is started")
}

// TestRemoteDirectory is about the word that the user gives to -k.
func TestRemoteDirectory(t *testing.T) {
	log := fakePrograms(t)
	for _, entry := range remoteEntries {
		if isRepository(entry) {
			_, err := Load(Sources{Kustomize: entry}, "default")
			assert.ErrorContains(t, err, "the kustomization is remote and is not fetched; give --allow-remote", entry)
		}
	}
	for _, entry := range optionEntries {
		_, err := Load(Sources{Kustomize: entry, AllowRemote: true}, "default")
		assert.ErrorContains(t, err, "it is never fetched", entry)
	}
	assert.Empty(t, log())
}

// TestAllowedRemotes has git started, and never with an option that the kustomization brings.
func TestAllowedRemotes(t *testing.T) {
	log := fakePrograms(t)
	ours := map[string]bool{"--depth=1": true, "--init": true, "--recursive": true}
	for _, entry := range remoteEntries {
		if !strings.Contains(entry, "host") || strings.HasPrefix(strings.ToLower(entry), "http") {
			continue // nothing here asks the network
		}
		directory := kustomizationOf(t, map[string]string{"kustomization.yaml": "resources:\n- '" + entry + "'\n"})
		_, err := Load(Sources{Kustomize: directory, AllowRemote: true}, "default")
		assert.ErrorContains(t, err, "failed to run", entry)
	}
	started := log()
	assert.Contains(t, started, "git")
	for _, argument := range started {
		assert.True(t, !strings.HasPrefix(argument, "-") || ours[argument], argument)
	}
}

// TestFetchedKustomizations holds that those are checked too. The repository is one on disk.
func TestFetchedKustomizations(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	repository := kustomizationOf(t, map[string]string{
		"fine/kustomization.yaml": "resources: [a.yaml]\n", "fine/a.yaml": service,
		"bad/kustomization.yaml":  "resources: ['ssh://-oProxyCommand=x/o/r']\n",
		"deep/kustomization.yaml": "resources: [../bad]\n",
	})
	for _, arguments := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a"}} {
		git := exec.Command("git", arguments...)
		git.Dir = repository
		output, err := git.CombinedOutput()
		require.NoError(t, err, string(output))
	}
	load := func(path string, allow bool) ([]string, error) {
		directory := kustomizationOf(t, map[string]string{"kustomization.yaml": "resources: ['file://" + repository + "//" + path + "']\n"})
		manifests, err := Load(Sources{Kustomize: directory, AllowRemote: allow}, "default")
		if err != nil {
			return nil, err
		}
		return listing(manifests), nil
	}
	found, err := load("fine", true)
	require.NoError(t, err)
	assert.Equal(t, []string{"v1/Service default/a:0"}, found)
	for _, path := range []string{"bad", "deep"} {
		_, err = load(path, true)
		assert.ErrorContains(t, err, "begins with a dash", path)
	}
	_, err = load("fine", false)
	assert.ErrorContains(t, err, "give --allow-remote")
}

// TestComputedAddresses has kustomize itself put an address together, which stands in no file.
func TestComputedAddresses(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; fmt.Fprint(w, "a: b") }))
	defer server.Close()
	files := map[string]string{
		"kustomization.yaml":            "generators: [generators]\n",
		"generators/kustomization.yaml": "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMapGenerator}\n  patch: |-\n    - {op: replace, path: /files/0, value: \"key=" + server.URL + "\"}\n",
		"generators/a.yaml":             "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nfiles: [b]\n",
	}
	directory := kustomizationOf(t, files)
	_, err := Load(Sources{Kustomize: directory}, "default")
	assert.ErrorContains(t, err, directory+`: the kustomization loads "`+server.URL+`", which is remote and is not fetched; give --allow-remote`)
	assert.Zero(t, asked)
	_, err = Load(Sources{Kustomize: directory, AllowRemote: true}, "default")
	require.NoError(t, err)
	assert.Equal(t, 1, asked)
	before := http.DefaultTransport
	assert.IsType(t, &http.Transport{}, before, "it is as it was")
}

// TestLocalEntries are those that only look remote.
func TestLocalEntries(t *testing.T) {
	log := fakePrograms(t)
	directory := kustomizationOf(t, map[string]string{
		"kustomization.yaml": "resources: [./github.com/o/r, a.yaml, 'b@c.yaml', -x.yaml]\nconfigMapGenerator: [{name: a, files: ['getty@tty1.service', 'key=user@a/b/c'], literals: ['a=https://host/a']}]\n" +
			"commonAnnotations: {a: 'https://host/o/r?ref=-x'}\n",
		"github.com/o/r/kustomization.yaml": "namePrefix: github-\nresources: [a.yaml]\n", "github.com/o/r/a.yaml": service,
		"a.yaml": service, "b@c.yaml": strings.Replace(service, "a}", "b}", 1), "-x.yaml": strings.Replace(service, "a}", "x}", 1),
		"getty@tty1.service": "x", "user@a/b/c": "x",
	})
	for _, allow := range []bool{false, true} {
		manifests, err := Load(Sources{Kustomize: directory, AllowRemote: allow}, "default")
		require.NoError(t, err)
		assert.Len(t, manifests.Objects, 5)
	}
	_, err := Load(Sources{Kustomize: kustomizationOf(t, map[string]string{"kustomization.yaml": "resources:\n- github.com/o/r\n", "github.com/o/r/kustomization.yaml": "resources: []\n"})}, "default")
	assert.ErrorContains(t, err, `; a local path of that name is written "./github.com/o/r"`)
	assert.Empty(t, log())
}

// TestPluginsAreOff holds that neither charts, programs nor containers run, whatever the flag says.
func TestPluginsAreOff(t *testing.T) {
	log := fakePrograms(t)
	const function = "apiVersion: example.com/v1\nkind: X\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      "
	for name, test := range map[string]struct{ text, want string }{
		"charts":        {"helmCharts: [{name: a, repo: 'https://host/charts'}]\n", "kustomization.yaml: helm charts are not rendered; render the chart with helm template"},
		"old charts":    {"helmChartInflationGenerator: [{chartName: a, chartRepoUrl: 'https://host'}]\n", "helm charts are not rendered"},
		"chart globals": {"helmGlobals: {chartHome: a}\n", "helm charts are not rendered"},
		"chart plugin":  {"generators: ['{apiVersion: builtin, kind: HelmChartInflationGenerator, metadata: {name: a}, name: a, repo: \"https://host\"}']\n", "must specify --enable-helm"},
		"program":       {"generators: [a.yaml]\n", "external plugins disabled"},
		"container":     {"transformers: [image.yaml]\n", "external plugins disabled"},
		"exec function": {"validators: [exec.yaml]\n", "external plugins disabled"},
	} {
		files := map[string]string{
			"kustomization.yaml": test.text,
			"a.yaml":             "apiVersion: example.com/v1\nkind: git\nmetadata: {name: a}\n",
			"image.yaml":         function + "container: {image: example.com/x}\n",
			"exec.yaml":          function + "exec: {path: git}\n",
		}
		for _, allow := range []bool{false, true} {
			_, err := Load(Sources{Kustomize: kustomizationOf(t, files), AllowRemote: allow}, "default")
			assert.ErrorContains(t, err, test.want, name)
		}
	}
	assert.Empty(t, log())
}

// TestKustomizationThatGrows doubles in every layer.
func TestKustomizationThatGrows(t *testing.T) {
	files := map[string]string{"0/kustomization.yaml": "resources: [a.yaml]\n", "0/a.yaml": service}
	for layer := 1; layer < 20; layer++ {
		for _, half := range []string{"a", "b"} {
			files[fmt.Sprintf("%d/%s/kustomization.yaml", layer, half)] = fmt.Sprintf("namePrefix: %s-\nresources: [../../%d]\n", half, layer-1)
		}
		files[fmt.Sprintf("%d/kustomization.yaml", layer)] = "resources: [a, b]\n"
	}
	_, err := Load(Sources{Kustomize: filepath.Join(kustomizationOf(t, files), "19")}, "default")
	assert.ErrorContains(t, err, fmt.Sprintf("the kustomization loads more than %d others", maxKustomizations))
}

func TestPasswordsAreNotShown(t *testing.T) {
	for entry, want := range map[string]string{
		"https://user:secret@host/o/r": "https://…@host/o/r", "https://secret@host/o/r": "https://…@host/o/r", "HTTPS://secret:x-oauth-basic@host/o/r": "HTTPS://…@host/o/r",
		"git::https://us@er:se@cret@host/o/r": "git::https://…@host/o/r", "ssh://user:secret@host/o/r": "ssh://user:…@host/o/r", "ssh://git@host/o/r": "ssh://git@host/o/r",
	} {
		directory := kustomizationOf(t, map[string]string{"kustomization.yaml": "resources: ['" + entry + "']\n"})
		_, err := Load(Sources{Kustomize: directory}, "default")
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
		_, err = Load(Sources{Kustomize: entry}, "default")
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// TestCredentialsOfFetchedAddresses has git started, whose command line kustomize repeats.
func TestCredentialsOfFetchedAddresses(t *testing.T) {
	fakePrograms(t)
	for _, entry := range []string{"ssh://user:secret@host/o/r", "file://user:secret@host/o/r"} {
		_, err := Load(Sources{Kustomize: kustomizationOf(t, map[string]string{"kustomization.yaml": "resources: ['" + entry + "']\n"}), AllowRemote: true}, "default")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret")
	}
}
