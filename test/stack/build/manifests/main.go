// Manifests renders Istio's own charts, as istioctl does, into the folder that is its only argument: one file for each
// istiod that a flavour of the stack runs, and the custom resource definitions in a file of their own.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"istio.io/istio/manifests"
	"istio.io/istio/operator/pkg/manifest"
	"istio.io/istio/operator/pkg/render"
)

// installations says, by file, with which settings `istioctl install` would make it.
//
// In the files of the revisions no webhook selects istio-injection: only a revision "" or a tag "default" has those
// (manifests/charts/istio-control/istio-discovery, mutatingwebhook.yaml and revision-tags-mwc.yaml). defaultRevision
// brings the webhook that validates objects without a revision label, and nothing else
// (manifests/charts/base/templates/defaultrevision-validatingwebhookconfiguration.yaml).
var installations = map[string][]string{
	"default.yaml":       {"profile=default", "values.defaultRevision=default"},
	"revision-1-26.yaml": {"profile=minimal", "components.base.enabled=false", "revision=1-26"},
	"revision-1-27.yaml": {"profile=default", "revision=1-27", "values.defaultRevision=1-27", "values.revisionTags[0]=stable"},
}

// definitions is where the charts keep the custom resource definitions.
const definitions = "charts/base/files/crd-all.gen.yaml"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manifests FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	crds, err := fs.ReadFile(manifests.FS, definitions)
	if err != nil {
		return fmt.Errorf("read the custom resource definitions: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "crds.yaml"), crds, 0o644); err != nil {
		return err
	}
	for file, settings := range installations {
		rendered, err := renderInstallation(settings)
		if err != nil {
			return fmt.Errorf("render %s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), rendered, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// renderInstallation returns the objects of an installation as one YAML stream, in an order that does not change from
// run to run. The custom resource definitions are left out, as is the autoscaler: nothing measures load in the stack.
func renderInstallation(settings []string) ([]byte, error) {
	components, _, err := render.GenerateManifest(nil, settings, false, nil, nil)
	if err != nil {
		return nil, err
	}
	objects := map[string]manifest.Manifest{}
	for _, component := range components {
		for _, object := range component.Manifests {
			switch object.GetKind() {
			case "CustomResourceDefinition", "HorizontalPodAutoscaler":
			default:
				objects[object.Hash()] = object
			}
		}
	}
	keys := make([]string, 0, len(objects))
	for key := range objects {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var stream bytes.Buffer
	for _, key := range keys {
		stream.WriteString("---\n" + objects[key].Content + "\n")
	}
	return stream.Bytes(), nil
}
