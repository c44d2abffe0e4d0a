// Package samples judges manifests that other projects publish: lint must give no warning or error about gRPC where there is
// none.
package samples

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// now is when the samples are judged; none of them has a certificate.
var now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// expected are the findings of the samples that are true, with the reason why each is.
var expected = map[string]string{
	"GX301 Service istio-system/jaeger-collector": `port 14250 is gRPC, and "jaeger" names no protocol`,
	"GX102 Deployment spire/spire-server":         "serves gRPC, and its namespace is in the files without a label",
	"GX308 Service spire/spire-server":            "the port is gRPC, and the Service has type NodePort",
}

// expectedInMesh are the findings that show when there is a mesh around the samples.
var expectedInMesh = map[string]string{
	"GX108 Deployment default/ext-authz": `serves gRPC and has the label sidecar.istio.io/inject: "false"`,
}

// TestFolders judges each folder of the samples by itself, as somebody would who tries one of them.
func TestFolders(t *testing.T) {
	found := map[string]bool{}
	for _, folder := range slices.Concat(foldersBelow(t, istioSamples(t)), foldersBelow(t, gatewayAPIExamples(t))) {
		for _, finding := range findings(t, manifest.Sources{Files: []string{folder}}, false) {
			found[finding] = true
			assert.Contains(t, expected, finding, folder)
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(expected)), slices.Sorted(maps.Keys(found)))
}

// TestInMesh judges all of Istio's samples as a whole cluster with a mesh, in which the namespace that most samples are
// installed in is labelled as they say.
func TestInMesh(t *testing.T) {
	want := maps.Clone(expected)
	maps.Copy(want, expectedInMesh)
	// Other folders have objects of the same names with other contents, and nobody is judged by those.
	delete(want, "GX102 Deployment spire/spire-server")
	// Folder by folder: some below the samples hold data that is no manifest.
	files := append(foldersBelow(t, istioSamples(t)), "../../pkg/lint/testdata/corpus/_base-default.yaml", "testdata/labelled.yaml")
	found := findings(t, manifest.Sources{Files: files}, true)
	assert.Equal(t, slices.Sorted(maps.Keys(want)), found)
}

// findings are the warnings and errors of files, sorted and each once. selfContained says that the files are the whole cluster.
func findings(t *testing.T, sources manifest.Sources, selfContained bool) []string {
	t.Helper()
	loaded, err := manifest.Load(sources, "default")
	require.NoError(t, err)
	var found []string
	for _, finding := range lint.Run(loaded.Snapshot(selfContained, mesh.Options{Now: now}), lint.Options{}).Findings {
		if finding.Level.AtLeast(checks.Warning) {
			found = append(found, fmt.Sprintf("%s %s", finding.ID, mesh.KeyOf(finding.Object)))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// foldersBelow are the folders that hold manifests.
func foldersBelow(t *testing.T, root string) []string {
	t.Helper()
	folders := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".yaml") {
			folders[filepath.Dir(path)] = true
		}
		return err
	}))
	require.NotEmpty(t, folders)
	return slices.Sorted(maps.Keys(folders))
}
