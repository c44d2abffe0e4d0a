package manifest

import (
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomize builds a kustomization as kubectl does. The text has no place of its own: its objects are reported against the
// directory, without lines, and it cannot be edited in place.
func kustomize(directory string) (*file, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		return nil, &Error{File: directory, Message: "the kustomization cannot be built: " + strings.TrimSpace(err.Error())}
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, &Error{File: directory, Message: "the kustomization's result cannot be written as YAML: " + err.Error()}
	}
	return &file{path: directory, text: text, named: true, generated: true}, nil
}
