package manifest

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
)

const kustomizeGroup = "kustomize.config.k8s.io"

// kustomizations are those of a tree, and what files they take.
type kustomizations struct {
	// folders are the absolute paths of their folders, in order.
	folders  []string
	byFolder map[string]*kustomization
	// taken are the absolute paths of files that are no manifests of their own: patches, and what has been built.
	taken map[string]bool
	// files are the kustomization files that are none of kustomize's, as Flux's are: manifests.
	files []string
}

// kustomization is what the kustomization files of a folder name.
type kustomization struct {
	// folder is as the user would give it.
	folder string
	// resources are the absolute paths of the files that it takes objects from, children those of other kustomizations' folders.
	resources, children []string
	// plain ones change nothing in what they take: it can be read, and edited, where it is.
	plain bool
	// component says that it is a part of others.
	component bool
}

// readKustomizations reads the kustomization files at the paths. What is wrong with one, kustomize will say.
func readKustomizations(paths []string) *kustomizations {
	all := &kustomizations{byFolder: map[string]*kustomization{}, taken: map[string]bool{}}
	for _, path := range paths {
		content, _, err := ReadRegular(path, maxFileSize)
		if err == nil && isFluxKustomization(content) {
			all.files = append(all.files, path)
			continue
		}
		folder := filepath.Dir(path)
		whole := absolute(folder)
		found := all.byFolder[whole]
		if found == nil {
			found = &kustomization{folder: folder, plain: true}
			all.byFolder[whole] = found
			all.folders = append(all.folders, whole)
		}
		all.read(found, content)
	}
	return all
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// isFluxKustomization says that a text holds an object, rather than what kustomize builds one from.
func isFluxKustomization(content []byte) bool {
	root, err := yamltext.ParseText(content)
	if err != nil || root == nil {
		return false
	}
	version := typeOf(root).APIVersion
	return version != "" && !strings.HasPrefix(version, kustomizeGroup+"/")
}

// read adds what one file names.
func (a *kustomizations) read(found *kustomization, content []byte) {
	var k types.Kustomization
	if err := k.Unmarshal(content); err != nil {
		found.plain = false
		return
	}
	k.FixKustomization()
	found.component = found.component || k.Kind == types.ComponentKind
	found.plain = found.plain && changesNothing(k)
	whole := absolute(found.folder)
	for _, entry := range slices.Concat(k.Resources, k.Components) {
		path := filepath.Join(whole, entry)
		switch info, err := os.Stat(path); {
		case err != nil:
			found.plain = false // remote, or not there
		case info.IsDir():
			found.plain = false
			found.children = append(found.children, path)
		default:
			found.resources = append(found.resources, path)
		}
	}
	references, err := referencesOf(content)
	if err != nil {
		found.plain = false
	}
	for _, reference := range references {
		if reference.field != "resources" && reference.field != "components" {
			a.taken[filepath.Join(whole, reference.value)] = true
		}
	}
}

// changesNothing says that a kustomization leaves the objects that the model reads as they are in the files of its resources.
func changesNothing(k types.Kustomization) bool {
	rest := types.Kustomization{
		TypeMeta: k.TypeMeta, MetaData: k.MetaData, Resources: k.Resources, ConfigMapGenerator: k.ConfigMapGenerator, SecretGenerator: k.SecretGenerator,
		GeneratorOptions: k.GeneratorOptions, Images: k.Images, Configurations: k.Configurations, Crds: k.Crds, OpenAPI: k.OpenAPI,
		SortOptions: k.SortOptions, BuildMetadata: k.BuildMetadata,
	}
	return reflect.DeepEqual(k, rest)
}

// build builds each kustomization that no other one takes, once. The files of one that cannot be built are left as they are.
func (a *kustomizations) build(allowRemote bool) (built []*file, faults []error) {
	child := map[string]bool{}
	for _, k := range a.byFolder {
		for _, path := range k.children {
			child[path] = true
		}
	}
	sources := sourceFiles{}
	for _, folder := range a.folders {
		k := a.byFolder[folder]
		if k.plain || k.component || child[folder] {
			continue
		}
		made, err := kustomize(k.folder, allowRemote, sources)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		made.named = false
		built = append(built, made)
		a.take(folder, map[string]bool{})
	}
	return built, faults
}

// take takes the files of a kustomization that has been built, and of those that it is built of.
func (a *kustomizations) take(folder string, seen map[string]bool) {
	k := a.byFolder[folder]
	if k == nil || seen[folder] {
		return
	}
	seen[folder] = true
	for _, path := range k.resources {
		a.taken[path] = true
	}
	for _, child := range k.children {
		a.take(child, seen)
	}
}

// takes says that a file is no manifest of its own.
func (a *kustomizations) takes(path string) bool { return a.taken[absolute(path)] }
