package manifest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aymanbagabas/go-udiff"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest/yamltext"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// set is a change of one field of the only object of a kind.
type set struct {
	kind  mesh.Kind
	path  []string
	value any
}

func field(kind mesh.Kind, value any, path ...string) set { return set{kind, path, value} }

const grpcPort = "port=8000,protocol=TCP"

// editCases are edits of a file of testdata/edit; the golden file is the difference that they make.
var editCases = map[string]struct {
	file string
	sets []set
}{
	"plain value beside a comment": {"block.yaml", []set{field(mesh.KindService, "grpc-http", "spec", "ports", grpcPort, "name")}},
	"quoted value":                 {"block.yaml", []set{field(mesh.KindService, "it's us", "metadata", "annotations", "example.com/owner")}},
	"field of a flow element":      {"block.yaml", []set{field(mesh.KindService, "grpc", "spec", "ports", "port=9090,protocol=TCP", "appProtocol")}},
	"new field of a list element":  {"block.yaml", []set{field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "appProtocol")}},
	"missing parent":               {"block.yaml", []set{field(mesh.KindService, "stable", "metadata", "labels", "istio.io/rev")}},
	"two edits of one object": {"block.yaml", []set{
		field(mesh.KindService, "true", "metadata", "labels", "a"), field(mesh.KindService, "x y", "metadata", "annotations", "b"),
	}},
	"new list element":            {"block.yaml", []set{field(mesh.KindService, map[string]any{"port": int64(7000), "name": "grpc"}, "spec", "ports", "port=7000,protocol=TCP")}},
	"removed list element":        {"block.yaml", []set{field(mesh.KindService, nil, "spec", "ports", grpcPort)}},
	"removed last of a mapping":   {"block.yaml", []set{field(mesh.KindService, nil, "metadata", "annotations", "example.com/owner")}},
	"removed field with comment":  {"block.yaml", []set{field(mesh.KindService, nil, "metadata", "namespace"), field(mesh.KindService, nil, "spec", "selector")}},
	"text of several lines":       {"block.yaml", []set{field(mesh.KindConfigMap, "a: 1\nb: 3\n\nc: 4\n", "data", "mesh")}},
	"text to text of lines":       {"block.yaml", []set{field(mesh.KindConfigMap, "first\nsecond", "data", "other")}},
	"flow: value":                 {"flow.yaml", []set{field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "name")}},
	"flow: new field":             {"flow.yaml", []set{field(mesh.KindService, "enabled", "metadata", "labels", "istio-injection")}},
	"flow: quotes kept":           {"flow.yaml", []set{field(mesh.KindService, "a", "metadata", "labels", "app"), field(mesh.KindService, "b", "spec", "ports", "1", "name")}},
	"flow: new parent":            {"flow.yaml", []set{field(mesh.KindService, "x: y", "metadata", "annotations", "a.b/c")}},
	"flow: removed first":         {"flow.yaml", []set{field(mesh.KindService, nil, "spec", "ports", "0")}},
	"flow: removed last":          {"flow.yaml", []set{field(mesh.KindService, nil, "spec", "ports", "1"), field(mesh.KindService, nil, "metadata", "labels", "app")}},
	"JSON: value and new field":   {"pretty.json", []set{field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "name"), field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "appProtocol")}},
	"JSON: new parents":           {"pretty.json", []set{field(mesh.KindService, "true", "metadata", "labels", "istio.io/rev"), field(mesh.KindService, "a", "spec", "selector", "app")}},
	"JSON: new element":           {"pretty.json", []set{field(mesh.KindService, "grpc", "spec", "ports", "port=7000,protocol=TCP", "name")}},
	"JSON: removed":               {"pretty.json", []set{field(mesh.KindService, nil, "spec", "ports", grpcPort), field(mesh.KindService, nil, "metadata", "namespace")}},
	"compact JSON":                {"compact.json", []set{field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "appProtocol"), field(mesh.KindService, nil, "spec", "ports", "1", "name")}},
	"first field behind the dash": {"route.yaml", []set{field(mesh.KindVirtualService, nil, "spec", "http", "0", "timeout")}},
	"removed block":               {"route.yaml", []set{field(mesh.KindVirtualService, nil, "spec", "http", "1", "rewrite")}},
	"first of an element":         {"route.yaml", []set{field(mesh.KindVirtualService, nil, "spec", "http", "1", "match")}},
	"empty value filled":          {"route.yaml", []set{field(mesh.KindVirtualService, "b", "metadata", "labels", "a")}},
	"depth of the document": {"route.yaml", []set{
		field(mesh.KindVirtualService, map[string]any{"number": int64(8000)}, "spec", "http", "1", "route", "0", "destination", "port"),
		field(mesh.KindVirtualService, []any{"a", "b.example.com", "*"}, "spec", "exportTo"),
		field(mesh.KindVirtualService, "5", "metadata", "annotations", "x", "y"),
	}},
	"quoted element": {"route.yaml", []set{field(mesh.KindVirtualService, "*", "spec", "hosts", "0"), field(mesh.KindVirtualService, "mesh", "spec", "gateways", "1")}},
	"item of a list": {"list.yaml", []set{
		field(mesh.KindService, "grpc", "spec", "ports", grpcPort, "name"),
		field(mesh.KindDeployment, "true", "spec", "template", "metadata", "labels", "sidecar.istio.io/inject"),
	}},
}

func TestEdit(t *testing.T) {
	for name, test := range editCases {
		for _, windows := range []bool{false, true} {
			if windows {
				name += " (Windows)"
			}
			t.Run(name, func(t *testing.T) {
				text, err := os.ReadFile(filepath.Join("testdata", "edit", test.file))
				require.NoError(t, err)
				if windows {
					text = []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))
				}
				before := string(text)
				after := editFile(t, test.file, before, test.sets)
				if windows {
					assert.Equal(t, strings.Count(after, "\n"), strings.Count(after, "\r\n"), "every line ends as the others")
					before, after = strings.ReplaceAll(before, "\r\n", "\n"), strings.ReplaceAll(after, "\r\n", "\n")
				}
				golden(t, strings.TrimSuffix(name, " (Windows)"), udiff.Unified("before", "after", before, after))
			})
		}
	}
}

// editFile writes a text to a file, makes the changes in it, and gives what the file then holds.
func editFile(t *testing.T, name, text string, sets []set) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o640))
	manifests, err := Load(Sources{Files: []string{path}}, "default")
	require.NoError(t, err)
	var changes []plan.Change
	for _, set := range sets {
		changes = append(changes, changeOf(t, manifests, set))
	}
	files, err := manifests.Edit(changes)
	require.NoError(t, err)
	require.NoError(t, Write(files))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	return string(after)
}

func changeOf(t *testing.T, manifests *Manifests, set set) plan.Change {
	t.Helper()
	for _, sourced := range manifests.Snapshot(true, mesh.Options{}).Objects(set.kind) {
		u, err := mesh.ToUnstructured(sourced)
		require.NoError(t, err)
		return plan.Change{Action: plan.Update, Object: u, Edits: []plan.Edit{plan.Set(u, set.value, set.path...)}}
	}
	t.Fatalf("no %s", set.kind)
	return plan.Change{}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "edit", strings.NewReplacer(" ", "-", ":", "").Replace(name)+".diff")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// TestRewriteAnyToAny turns every document of the test data into every other: whatever has to be changed for that, the result
// is right.
func TestRewriteAnyToAny(t *testing.T) {
	paths, err := filepath.Glob("testdata/edit/*.[yj]*")
	require.NoError(t, err)
	manifests, err := Load(Sources{Files: paths}, "default")
	require.NoError(t, err)
	var documents []*document
	for _, file := range manifests.files {
		if filepath.Base(file.path) != "anchors.yaml" {
			documents = append(documents, file.documents...)
		}
	}
	for _, from := range documents {
		for _, to := range documents {
			want, err := yamltext.ToValue(to.root(), 1<<20)
			require.NoError(t, err)
			text, err := yamltext.Rewrite(from.text(), want)
			require.NoError(t, err, "%s to %s", from.file.path, to.file.path)
			root, err := yamltext.ParseText(text)
			require.NoError(t, err)
			have, err := yamltext.ToValue(root, 1<<20)
			require.NoError(t, err)
			assert.True(t, yamltext.Same(want, have))
		}
	}
}

// TestEditOfAList changes many items of one list at once, among them such that have a name in common.
func TestEditOfAList(t *testing.T) {
	const list = `apiVersion: v1
kind: List
items:
- apiVersion: networking.istio.io/v1
  kind: Gateway
  metadata: {name: a, namespace: shop} # Istio's
- apiVersion: gateway.networking.k8s.io/v1
  kind: Gateway
  metadata: {name: a, namespace: shop}
- apiVersion: v1
  kind: Service
  metadata:
    name: a
    namespace: shop

# of the namespace that is given
- apiVersion: v1
  kind: Service
  metadata:
    name: a
- {apiVersion: batch/v1, kind: Job}
- {apiVersion: v1, kind: Pod, metadata: {generateName: a}}
- apiVersion: v1
  kind: Service
  metadata:
    name: b
    namespace: shop`
	path := filepath.Join(t.TempDir(), "list.yaml")
	require.NoError(t, os.WriteFile(path, []byte(list), 0o600))
	manifests, err := Load(Sources{Files: []string{path}}, "default")
	require.NoError(t, err)
	var changes []plan.Change
	label := func(apiVersion, kind, namespace, name string, action plan.Action) {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}}}
		change := plan.Change{Action: action, Object: u}
		if action == plan.Update {
			change.Edits = []plan.Edit{plan.Set(u, kind+"-of-"+namespace, "metadata", "labels", "l")}
		}
		changes = append(changes, change)
	}
	label("networking.istio.io/v1", "Gateway", "shop", "a", plan.Update)
	label("v1", "Service", "shop", "a", plan.Update)
	label("v1", "Service", "shop", "b", plan.Update)
	label("v1", "Pod", "default", "a", plan.Update)
	want := strings.Replace(list, "namespace: shop} # Istio's", "namespace: shop, labels: {l: Gateway-of-shop}} # Istio's", 1)
	want = strings.Replace(want, "generateName: a}", "generateName: a, labels: {l: Pod-of-default}}", 1)
	want = strings.ReplaceAll(want, "    namespace: shop", "    namespace: shop\n    labels:\n      l: Service-of-shop")
	files, err := manifests.Edit(changes)
	require.NoError(t, err)
	assert.Equal(t, want, string(files[0].After))

	label("gateway.networking.k8s.io/v1", "Gateway", "shop", "a", plan.Delete)
	label("v1", "Service", "default", "a", plan.Update)
	want = strings.Replace(want, "- apiVersion: gateway.networking.k8s.io/v1\n  kind: Gateway\n  metadata: {name: a, namespace: shop}\n", "", 1)
	want = strings.Replace(want, "    name: a\n- {", "    name: a\n    labels:\n      l: Service-of-default\n- {", 1)
	files, err = manifests.Edit(changes)
	require.NoError(t, err)
	assert.Equal(t, want, string(files[0].After))
}

// TestEditOfALongList is slow where a list is read again for every change of an item.
func TestEditOfALongList(t *testing.T) {
	const many = 1500
	var list strings.Builder
	list.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := range many {
		fmt.Fprintf(&list, "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: s%d\n", i)
	}
	path := filepath.Join(t.TempDir(), "list.yaml")
	require.NoError(t, os.WriteFile(path, []byte(list.String()), 0o600))
	manifests, err := Load(Sources{Files: []string{path}}, "default")
	require.NoError(t, err)
	var changes []plan.Change
	for _, sourced := range manifests.Objects {
		u, err := mesh.ToUnstructured(sourced.Object)
		require.NoError(t, err)
		changes = append(changes, plan.Change{Action: plan.Update, Object: u, Edits: []plan.Edit{plan.Set(u, "grpc", "spec", "type")}})
	}
	start := time.Now()
	files, err := manifests.Edit(changes)
	require.NoError(t, err)
	assert.Less(t, time.Since(start), 20*time.Second)
	assert.Equal(t, many, strings.Count(string(files[0].After), "\n  spec:\n    type: grpc\n"))
}

func TestEditRefusesSharedValues(t *testing.T) {
	path := filepath.Join("testdata", "edit", "anchors.yaml")
	manifests, err := Load(Sources{Files: []string{path}}, "default")
	require.NoError(t, err)
	change := changeOf(t, manifests, field(mesh.KindDeployment, "true", "spec", "template", "metadata", "labels", "sidecar.istio.io/inject"))
	_, err = manifests.Edit([]plan.Change{change})
	assert.EqualError(t, err, path+":11: Deployment shop/orders cannot be changed in place (the value is shared through a YAML anchor); "+
		"make the change by hand: set .spec.template.metadata.labels['sidecar.istio.io/inject'] to \"true\"")
}

func TestEditRefusesWhatIsNotThere(t *testing.T) {
	manifests := load(t, service)
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "other"}}}
	_, err := manifests.Edit([]plan.Change{{Action: plan.Update, Object: u}})
	assert.EqualError(t, err, "Service other is not in the files; change it where it is kept")
}

func TestEditRefusesStandardInput(t *testing.T) {
	manifests := load(t, service)
	_, err := manifests.Edit([]plan.Change{changeOf(t, manifests, field(mesh.KindService, "b", "metadata", "labels", "a"))})
	assert.EqualError(t, err, "stdin: this is not a file that can be changed in place; write the manifests to a file and give its path")
}
