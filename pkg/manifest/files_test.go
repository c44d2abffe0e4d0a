package manifest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

func gatewayFor(workload string) plan.Change {
	return plan.Change{Action: plan.Create, Object: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
		"metadata": map[string]any{"name": "orders", "namespace": "shop", "annotations": map[string]any{ownerAnnotation: workload}},
		"spec": map[string]any{
			"selector": map[string]any{"istio": "ingressgateway"},
			"servers": []any{map[string]any{
				"hosts": []any{"*"}, "port": map[string]any{"name": "grpc-8000", "number": int64(8000), "protocol": "GRPC"},
			}},
		},
	}}}
}

const gatewayText = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: orders
  namespace: shop
  annotations:
    grpcexpose/for: Deployment/shop/orders
spec:
  selector:
    istio: ingressgateway
  servers:
  - hosts:
    - "*"
    port:
      name: grpc-8000
      number: 8000
      protocol: GRPC
`

func loadFiles(t *testing.T, paths ...string) *Manifests {
	t.Helper()
	manifests, err := Load(Sources{Files: paths, Recursive: true}, "default")
	require.NoError(t, err)
	return manifests
}

func TestRender(t *testing.T) {
	manifests := loadFiles(t, "testdata/render")
	stream, err := manifests.Render(plan.Plan{Changes: []plan.Change{
		changeOf(t, manifests, field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "name")),
		gatewayFor("Deployment/shop/orders"),
	}})
	require.NoError(t, err)
	deployment, err := os.ReadFile("testdata/render/apps/a.yaml")
	require.NoError(t, err)
	assert.Equal(t, string(deployment)+`---
apiVersion: v1
kind: Service
metadata:
  name: orders
  namespace: shop
spec:
  ports:
    - port: 8000 # no line end behind this
      name: grpc
---
`+gatewayText, string(stream))
}

func TestRenderStandardInput(t *testing.T) {
	manifests := load(t, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}`)
	stream, err := manifests.Render(plan.Plan{})
	require.NoError(t, err)
	first, second, _ := strings.Cut(string(stream), "\n---\n")
	assert.Equal(t, []string{`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}`, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}`},
		[]string{first, second})
}

func TestRenderDeletes(t *testing.T) {
	manifests := load(t, service+"---\n"+strings.Replace(service, "a}", "b}", 1)+
		"---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: c}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: d}\n")
	var changes []plan.Change
	for _, name := range []string{"a", "c", "d"} {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name, "namespace": "default"}}}
		changes = append(changes, plan.Change{Action: plan.Delete, Object: u})
	}
	stream, err := manifests.Render(plan.Plan{Changes: changes})
	require.NoError(t, err)
	assert.Equal(t, "---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\napiVersion: v1\nkind: List\nitems: []\n", string(stream))
}

func TestCreatedObjectsGoBesideTheirWorkload(t *testing.T) {
	directory := t.TempDir()
	require.NoError(t, os.CopyFS(directory, os.DirFS("testdata/render/apps")))
	changes, err := loadFiles(t, directory).Edit([]plan.Change{gatewayFor("deployment/shop/orders")})
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.Equal(t, filepath.Join(directory, "a.yaml"), changes[0].Path)
	assert.Equal(t, string(changes[0].Before)+"---\n"+strings.Replace(gatewayText, "Deployment/", "deployment/", 1), string(changes[0].After))
}

func TestCreatedObjectsDoNotGoIntoJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}`), 0o600))
	manifests := loadFiles(t, path)
	changes, err := manifests.Edit([]plan.Change{gatewayFor("Deployment/shop/orders")})
	require.NoError(t, err)
	beside := filepath.Join(filepath.Dir(path), "orders-gateway.yaml")
	assert.Equal(t, []FileChange{{Path: beside, After: []byte(gatewayText)}}, changes)

	require.NoError(t, Write(changes))
	_, err = manifests.Edit([]plan.Change{gatewayFor("Deployment/shop/orders")})
	assert.EqualError(t, err, beside+": the file is there already; move it away, Gateway shop/orders goes there")
}

func TestWrite(t *testing.T) {
	directory := t.TempDir()
	path, link := filepath.Join(directory, "a.yaml"), filepath.Join(directory, "link.yaml")
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o640))
	require.NoError(t, os.Symlink("a.yaml", link))

	require.NoError(t, Write([]FileChange{{Path: link, Before: []byte("before"), After: []byte("after")}}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "after", string(text))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink, "the link is still one")

	err = Write([]FileChange{{Path: path, Before: []byte("before"), After: []byte("again")}})
	assert.EqualError(t, err, path+": the file has changed since it was read; run the command again")
	kept := filepath.Join(directory, "kept.yaml")
	require.NoError(t, os.WriteFile(kept, []byte("kept"), 0o440))
	err = Write([]FileChange{{Path: path, Before: []byte("after"), After: []byte("again")}, {Path: kept, Before: []byte("kept"), After: []byte("again")}})
	assert.EqualError(t, err, kept+": it cannot be written: it is read-only; no file was changed")
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "after", string(text), "all of it is written, or nothing")
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Len(t, entries, 3, "no temporary file is left behind")
}

func TestDirectories(t *testing.T) {
	manifests := loadFiles(t, "testdata/render", "testdata/chart")
	assert.Equal(t, []string{"apps/v1/Deployment shop/orders:2", "v1/Service shop/orders:2"}, listing(manifests))
	assert.Equal(t, 1, manifests.Others)
	assert.Equal(t, []string{"skipped, as kinds that make pods and are not read: Job.batch (1)"}, manifests.Notes)
	assert.Equal(t, []string{
		"testdata/chart: it is a Helm chart, and charts are not rendered; check what comes out of it: helm template testdata/chart | kubectl grpcexpose lint -f - (with -f VALUES for other values)",
	}, unreadable(manifests))
}

func unreadable(manifests *Manifests) (lines []string) {
	for _, err := range manifests.Unreadable {
		lines = append(lines, err.Error())
	}
	return lines
}

// TestDirectoriesAsTheyAre reads a directory through a link, with things in it that are no manifests.
func TestDirectoriesAsTheyAre(t *testing.T) {
	directory := t.TempDir()
	inside := filepath.Join(directory, "real")
	link := filepath.Join(directory, "link")
	require.NoError(t, os.MkdirAll(filepath.Join(inside, "sub.yaml"), 0o700))
	require.NoError(t, os.Symlink("real", link))
	require.NoError(t, os.WriteFile(filepath.Join(inside, "a.yaml"), []byte(service), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(inside, SettingsFile), []byte("scope: all\n"), 0o600))

	manifests, err := Load(Sources{Files: []string{link, filepath.Join(link, "a.yaml"), link}}, "default")
	require.NoError(t, err)
	assert.Equal(t, []string{"v1/Service default/a:1"}, listing(manifests), "each file is read once")
	assert.Equal(t, filepath.Join(link, "a.yaml"), manifests.Objects[0].Source.File)
	assert.Empty(t, manifests.Notes)

	require.NoError(t, os.Symlink(directory, filepath.Join(inside, "elsewhere.yaml")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(inside, "dangling.yaml")))
	manifests, err = Load(Sources{Files: []string{inside}}, "default")
	require.NoError(t, err)
	assert.Equal(t, []string{
		filepath.Join(inside, "dangling.yaml") + ": it is a link to a file that is not there",
		filepath.Join(inside, "elsewhere.yaml") + ": it is not a file; name it with -f if it is to be read all the same",
	}, unreadable(manifests))
	_, err = Load(Sources{Files: []string{inside}, Strict: true}, "default")
	assert.ErrorContains(t, err, filepath.Join(inside, "elsewhere.yaml")+": it is not a file; name it with -f if it is to be read all the same")
}

func TestUTF16(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var text []byte
		for _, unit := range utf16.Encode([]rune("\ufeff# 😀\r\n" + service)) {
			text = order.AppendUint16(text, unit)
		}
		require.NoError(t, os.WriteFile(path, text, 0o600))
		manifests, err := Load(Sources{Files: []string{path}}, "default")
		require.NoError(t, err)
		assert.Equal(t, []string{"v1/Service default/a:2"}, listing(manifests))
		_, err = manifests.Edit([]plan.Change{changeOf(t, manifests, field(mesh.KindService, "b", "metadata", "labels", "a"))})
		assert.EqualError(t, err, path+": the file is UTF-16, and is changed in place only as UTF-8; save it as that")
	}
}

func TestPathFaults(t *testing.T) {
	empty := t.TempDir()
	for path, want := range map[string]string{
		"testdata/none.yaml":         "testdata/none.yaml: there is no such file or directory",
		"testdata/render":            "testdata/render: the directory has no file that ends in .json, .yaml, .yml; give -R to look below it",
		empty:                        empty + ": the directory has no file that ends in .json, .yaml, .yml; give -R to look below it",
		"https://example.com/a.yaml": "https://example.com/a.yaml: addresses are not read; download the file and give its path",
		"-":                          "stdin: there is no standard input to read",
	} {
		_, err := Load(Sources{Files: []string{path}}, "default")
		assert.EqualError(t, err, want)
	}
}

func TestKustomize(t *testing.T) {
	manifests, err := Load(Sources{Kustomize: "testdata/kustomize/overlay"}, "default")
	require.NoError(t, err)
	assert.Equal(t, []string{"v1/Service shop/blue-orders:1"}, listing(manifests))
	source := manifests.Objects[0].Source
	assert.Equal(t, "testdata/kustomize/base/service.yaml", source.File)
	assert.Equal(t, 3, source.LineOf([]string{"metadata", "name"}))

	_, err = Load(Sources{Kustomize: "testdata/render"}, "default")
	assert.ErrorContains(t, err, "testdata/render: the kustomization cannot be built: unable to find one of 'kustomization.yaml'")
}

func TestSnapshotOfFiles(t *testing.T) {
	manifests := load(t, service)
	_, unknown := manifests.Snapshot(true, mesh.Options{}).Unknown(mesh.KindGateway, "", "")
	assert.False(t, unknown)
	reason, unknown := manifests.Snapshot(false, mesh.Options{}).Unknown(mesh.KindGateway, "", "")
	assert.True(t, unknown)
	assert.Equal(t, "not in the files", reason)
}

func TestObjectsThatAreThereTwice(t *testing.T) {
	same := load(t, service+"---\n"+service)
	assert.Empty(t, same.Notes)
	assert.Len(t, same.Objects, 1)
	stream, err := same.Render(plan.Plan{Changes: []plan.Change{changeOf(t, same, field(mesh.KindService, "b", "metadata", "labels", "a"))}})
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(stream), "kind: Service"))

	other := load(t, service+"---\n"+service+"spec: {clusterIP: None}\n---\n"+service+"---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n")
	assert.Equal(t, []string{"v1/Service default/b:14"}, listing(other))
	assert.Equal(t, []string{
		"Service default/a is there several times with different contents, at stdin:1, stdin:5 and 1 more; it is left out: name one of these files with -f",
	}, other.Notes)
	reason, unknown := other.Snapshot(true, mesh.Options{}).Unknown(mesh.KindService, "default", "a")
	assert.True(t, unknown)
	assert.Equal(t, "it is there several times with different contents", reason)
	_, unknown = other.Snapshot(true, mesh.Options{}).Unknown(mesh.KindService, "default", "c")
	assert.False(t, unknown)
}
