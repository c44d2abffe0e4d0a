package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// maxKustomizations bounds the kustomizations that one is built of: a few small ones that name one another several times
// would else be read millions of times.
const maxKustomizations = 2000

// kustomize builds a kustomization as kubectl does, but loads what is remote only if that is allowed. The text has no place of
// its own: its objects are reported where kustomize says that they come from, and it cannot be edited in place.
func kustomize(directory string, allowRemote bool, sources sourceFiles) (*file, error) {
	if err := remoteDirectory(directory, allowRemote); err != nil {
		return nil, err
	}
	guard := newKustomizeGuard(directory, allowRemote)
	built, err := guard.build(directory)
	switch {
	case len(guard.faults) > 0: // kustomize hides some of them, and goes on
		return nil, errors.Join(guard.faults...)
	case err != nil:
		return nil, &Error{File: directory, Message: "the kustomization cannot be built: " + withoutPassword(strings.TrimSpace(err.Error()))}
	}
	made := &file{path: directory, named: true, generated: true}
	for _, resource := range built.Resources() {
		if err := made.addResource(resource, guard, sources); err != nil {
			return nil, &Error{File: directory, Message: "the kustomization's result cannot be written as YAML: " + err.Error()}
		}
	}
	return made, nil
}

// addResource adds an object that kustomize has built as a document.
func (f *file) addResource(built *resource.Resource, guard *kustomizeGuard, sources sourceFiles) error {
	noted, _ := built.GetOrigin() // what cannot be read says nothing
	if guard.originsAdded {
		if err := built.SetOrigin(nil); err != nil {
			return err
		}
	}
	text, err := built.AsYAML()
	if err != nil {
		return err
	}
	if len(f.text) > 0 {
		f.text = append(f.text, "---\n"...)
	}
	start := len(f.text)
	f.text = append(f.text, text...)
	f.documents = append(f.documents, &document{
		file: f, start: start, end: len(f.text), firstLine: 1, origin: sources.find(guard, noted, built.GetKind(), built.GetName()),
	})
	return nil
}

// remoteDirectory is why the directory that the user names is not built.
func remoteDirectory(directory string, allowed bool) error {
	switch shown := withoutPassword(directory); {
	case !isRepository(directory):
		return nil
	case hasOption(directory):
		return &Error{File: shown, Message: "a part of the address begins with a dash, which git or ssh would take for an option; it is never fetched"}
	case !allowed:
		return &Error{File: shown, Message: "the kustomization is remote and is not fetched; give --allow-remote if you trust it (kustomize then runs git), or a directory"}
	}
	return nil
}

// kustomizeGuard stands between kustomize and what it loads. Whatever kustomize does, it learns of other kustomizations from
// kustomization files alone, and reads those through its file system: what they name is checked there, in the bytes that
// kustomize gets. Configurations of plugins can also be computed, so that HTTP is held back where it happens.
type kustomizeGuard struct {
	filesys.FileSystem

	allowRemote bool
	// directory is as the user gave it, root what kustomize makes of it.
	directory, root string
	// kustomizations are the files that kustomize reads as such, where their names say something else because of links.
	kustomizations map[string]bool
	// read is the number of kustomizations so far; left are the bytes that may still be read.
	read int
	left int64
	// paths are those of all files that were read.
	paths map[string]bool
	// originsAdded says that kustomize notes where objects come from because the guard has asked for it.
	originsAdded bool

	mu     sync.Mutex
	faults []error
}

func newKustomizeGuard(directory string, allowRemote bool) *kustomizeGuard {
	guard := &kustomizeGuard{
		FileSystem: filesys.MakeFsOnDisk(), allowRemote: allowRemote, directory: directory,
		kustomizations: map[string]bool{}, paths: map[string]bool{}, left: maxFileSize,
	}
	if whole, err := filepath.Abs(directory); err == nil {
		guard.root = whole
		if target, err := filepath.EvalSymlinks(whole); err == nil {
			guard.root = target
		}
	}
	return guard
}

// build runs kustomize without plugins: no helm, no programs, no containers.
func (g *kustomizeGuard) build(directory string) (built resmap.ResMap, err error) {
	defer g.guardHTTP()()
	defer func() {
		if cause := recover(); cause != nil { // kustomize trusts its input here and there
			err = fmt.Errorf("kustomize cannot cope with it: %v", cause)
		}
	}()
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(g, directory)
}

// CleanedAbs is called with the name of a file before it is read, and gives the path without links that is then read.
func (g *kustomizeGuard) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	directory, name, err := g.FileSystem.CleanedAbs(path)
	if err == nil && name != "" && isKustomizationName(path) {
		g.kustomizations[directory.Join(name)] = true
	}
	return directory, name, err
}

func isKustomizationName(path string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path))
}

// ReadFile gives kustomize a file, unless it names what must not be loaded.
func (g *kustomizeGuard) ReadFile(path string) ([]byte, error) {
	content, _, err := ReadRegular(path, g.left)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // kustomize tries several names
			g.fault(readError(g.shown(path), err))
		}
		return nil, err
	}
	g.left -= int64(len(content))
	g.paths[path] = true
	faults := g.check(path, content)
	g.fault(faults...)
	if g.read == 1 && len(faults) == 0 && (g.kustomizations[path] || isKustomizationName(path)) {
		content, g.originsAdded = withOrigins(content)
	}
	return content, errors.Join(faults...)
}

func (g *kustomizeGuard) check(path string, content []byte) []error {
	if !g.kustomizations[path] && !isKustomizationName(path) {
		if g.allowRemote {
			return nil // no plugin's configuration has git run
		}
		return remoteFaults(g.shown(path), content, pluginReferences(content), false)
	}
	if g.read++; g.read > maxKustomizations {
		return []error{&Error{File: g.shown(path), Message: fmt.Sprintf(
			"the kustomization loads more than %d others, some of them again and again; build a part of it", maxKustomizations)}}
	}
	references, err := referencesOf(content)
	if err != nil {
		return []error{&Error{File: g.shown(path), Message: err.Error()}}
	}
	return remoteFaults(g.shown(path), content, references, g.allowRemote)
}

// shown is a path as the user would give it; one of a repository that was fetched stays as it is.
func (g *kustomizeGuard) shown(path string) string {
	relative, err := filepath.Rel(g.root, path)
	if err != nil || g.root == "" || strings.HasPrefix(path, filepath.Join(os.TempDir(), "kustomize-")) {
		return path
	}
	return filepath.Join(g.directory, relative)
}

func (g *kustomizeGuard) fault(faults ...error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, faults...)
}

// httpGuarded is held while a guard stands in for Go's transport.
var httpGuarded sync.Mutex

// guardHTTP makes the guard the transport that kustomize's HTTP client uses, which cannot be given another one, until the
// function that it returns is called. Nothing else speaks HTTP while files are read.
func (g *kustomizeGuard) guardHTTP() (restore func()) {
	httpGuarded.Lock()
	before := http.DefaultTransport
	http.DefaultTransport = guardedTransport{g, before}
	return func() {
		http.DefaultTransport = before
		httpGuarded.Unlock()
	}
}

type guardedTransport struct {
	guard *kustomizeGuard
	next  http.RoundTripper
}

// RoundTrip refuses the request, or bounds what comes back.
func (t guardedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !t.guard.allowRemote {
		err := &Error{File: t.guard.directory, Message: fmt.Sprintf(
			"the kustomization loads %q, which is remote and is not fetched; give --allow-remote if you trust it", withoutPassword(request.URL.String()))}
		t.guard.fault(err)
		return nil, err
	}
	response, err := t.next.RoundTrip(request)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxFileSize)
	}
	return response, err
}
