package manifest

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
)

// withOrigins asks kustomize, in a kustomization's text, to note at each object where it comes from, unless the kustomization asks for
// it itself. What kustomize would refuse stays as it is.
// Source: kustomize's field buildMetadata, which counts for all that the kustomization is built of.
func withOrigins(content []byte) (asking []byte, added bool) {
	var known types.Kustomization
	if err := known.Unmarshal(content); err != nil || slices.Contains(known.BuildMetadata, types.OriginAnnotations) {
		return content, false
	}
	fields := map[string]any{}
	if err := yaml.Unmarshal(content, &fields); err != nil {
		return content, false
	}
	for key := range fields { // kustomize takes keys in any case
		if strings.EqualFold(key, "buildMetadata") {
			delete(fields, key)
		}
	}
	fields["buildMetadata"] = append(slices.Clone(known.BuildMetadata), types.OriginAnnotations)
	asking, err := yaml.Marshal(fields)
	if err != nil {
		return content, false
	}
	return asking, true
}

// sourceFiles are the files that kustomizations are built of, by path, each read once. A file that cannot be read has no documents.
type sourceFiles map[string]*file

// origin is where an object that kustomize has built comes from.
type origin struct {
	path string
	// object is what stands there; nil where it is not found.
	object *object
}

// find is where an object that kustomize has built comes from, as kustomize has noted it. Anybody may write such a note: it is
// believed of files that kustomize has read.
func (s sourceFiles) find(guard *kustomizeGuard, noted *resource.Origin, kind, name string) origin {
	if noted == nil || noted.Repo != "" {
		return origin{path: guard.directory}
	}
	relative := cmp.Or(noted.Path, noted.ConfiguredIn) // the latter is a generator's own
	path := filepath.Join(guard.root, relative)
	if !guard.paths[path] {
		return origin{path: guard.directory}
	}
	shown := filepath.Join(guard.directory, relative)
	if noted.Path == "" {
		return origin{path: shown}
	}
	source, known := s[path]
	if !known {
		source = &file{}
		if text, _, err := ReadRegular(path, maxFileSize); err == nil {
			source = newFile(shown, text)
			source.split()
		}
		s[path] = source
	}
	return origin{path: shown, object: source.objectNamed(kind, name)}
}

// objectNamed finds the object that became one of that name: kustomize may have put something before or behind its own.
func (f *file) objectNamed(kind, name string) *object {
	var best *object
	longest := -1
	consider := func(d *document, node *yaml.Node, item int) {
		_, metadata := yamltext.FindStep(node, "metadata")
		if metadata == nil || typeOf(node).Kind != kind {
			return
		}
		own := ""
		if _, value := yamltext.FindStep(metadata, "name"); value != nil {
			own = value.Value
		}
		if strings.Contains(name, own) && len(own) > longest {
			best, longest = &object{document: d, item: item, line: d.fileLine(node.Line)}, len(own)
		}
	}
	for _, d := range f.documents {
		root := d.root()
		if root == nil || root.Kind != yaml.MappingNode {
			continue
		}
		items, isList := itemsOf(root, typeOf(root))
		if !isList {
			consider(d, root, wholeDocument)
			continue
		}
		for i, item := range items.Content {
			consider(d, item, i)
		}
	}
	return best
}
