package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// documentForms are ways to write a document; NAME stands for its name.
var documentForms = []string{
	"apiVersion: v1\nkind: Service\nmetadata:\n  name: NAME\nspec:\n  ports:\n  - port: 8000\n",
	"# --- the Service of NAME\n\napiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{port: 8000}]} # no line end",
	"apiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: NAME\r\n",
	"apiVersion: v1\nkind: Service\nmetadata:\n    name: NAME\n    annotations:\n        text: |\n            a\n            - b\n\n",
	"%YAML 1.1\n---\napiVersion: v1\nkind: Service\nmetadata: {name: NAME}\n",
	"--- # NAME\napiVersion: v1\nkind: Service\nmetadata: {name: NAME}\n",
	"--- {apiVersion: v1, kind: Service, metadata: {name: NAME}}\n",
	"{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Service\",\n\t\"metadata\": {\"name\": \"NAME\"}\n}\n",
	"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"NAME\"}}",
	"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: NAME}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: NAME-2}\n",
	"apiVersion: batch/v1\nkind: Job\nmetadata: {name: NAME}\n",
	"# nothing but a comment\n",
	"",
}

// TestRenderHoldsEveryObjectOnce: whatever the files and the changes, what Render gives parses, to YAML's rules and to kubectl's, and
// holds every object once.
func TestRenderHoldsEveryObjectOnce(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 12))
		directory := t.TempDir()
		for number := range 1 + random.IntN(3) {
			path := filepath.Join(directory, fmt.Sprintf("%d.yaml", number))
			require.NoError(t, os.WriteFile(path, []byte(randomText(random, number)), 0o600))
		}
		manifests, err := Load(Sources{Files: []string{directory}}, "default")
		require.NoError(t, err)
		before, err := manifests.Render(plan.Plan{})
		require.NoError(t, err)
		want := namesIn(t, before)
		require.Len(t, want, len(manifests.Objects)+manifests.Others)

		changes := randomChanges(t, random, manifests, &want)
		after, err := manifests.Render(plan.Plan{Changes: changes})
		require.NoError(t, err)
		require.ElementsMatch(t, want, namesIn(t, after), "seed %d:\n%s", seed, after)
		again, err := manifests.Render(plan.Plan{})
		require.NoError(t, err)
		require.Equal(t, string(before), string(again), "to render changes no text that others are made of")
	}
}

func randomText(random *rand.Rand, file int) string {
	var text strings.Builder
	for number := range 1 + random.IntN(5) {
		document := strings.ReplaceAll(documentForms[random.IntN(len(documentForms))], "NAME", fmt.Sprintf("a%d-%d", file, number))
		if text.Len() > 0 {
			if !strings.HasSuffix(text.String(), "\n") {
				text.WriteString("\n")
			}
			switch {
			case strings.HasPrefix(document, "%"):
				text.WriteString("...\n")
			case !strings.HasPrefix(document, "---"):
				text.WriteString("---\n")
			}
		}
		text.WriteString(document)
	}
	return text.String()
}

// randomChanges grow some objects, remove some and create some; want is what is there then.
func randomChanges(t *testing.T, random *rand.Rand, manifests *Manifests, want *[]string) (changes []plan.Change) {
	t.Helper()
	for _, sourced := range manifests.Objects {
		u, err := mesh.ToUnstructured(sourced.Object)
		require.NoError(t, err)
		switch random.IntN(3) {
		case 0:
			changes = append(changes, plan.Change{Action: plan.Update, Object: u, Edits: []plan.Edit{
				plan.Set(u, strings.Repeat("long", random.IntN(20)), "metadata", "labels", "example.com/grown"),
			}})
		case 1:
			if random.IntN(3) == 0 {
				changes = append(changes, plan.Change{Action: plan.Delete, Object: u})
				*want = slices.DeleteFunc(*want, func(name string) bool { return name == "Service "+u.GetName() })
			}
		}
	}
	if random.IntN(2) == 0 {
		changes = append(changes, gatewayFor("Deployment/shop/orders"))
		*want = append(*want, "Gateway orders")
	}
	if random.IntN(3) == 0 {
		changes = append(changes, plan.Change{Action: plan.Create, Object: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop"},
		}}})
		*want = append(*want, "Namespace shop")
	}
	return changes
}

// namesIn are kind and name of each object of a stream, which YAML's parser and kubectl's both read.
func namesIn(t *testing.T, text []byte) []string {
	t.Helper()
	var names, kubectls []string
	add := func(names *[]string, object map[string]any) {
		u := &unstructured.Unstructured{Object: object}
		if !u.IsList() {
			*names = append(*names, u.GetKind()+" "+u.GetName())
			return
		}
		items, _, err := unstructured.NestedSlice(object, "items")
		require.NoError(t, err)
		for _, item := range items {
			item := &unstructured.Unstructured{Object: item.(map[string]any)}
			*names = append(*names, item.GetKind()+" "+item.GetName())
		}
	}
	decoder, kubectl := yaml.NewDecoder(bytes.NewReader(text)), utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), len(text)+1)
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "%s", text)
		add(&names, object)
	}
	for {
		var object map[string]any
		err := kubectl.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "%s", text)
		if len(object) > 0 {
			add(&kubectls, object)
		}
	}
	require.Equal(t, names, kubectls, "%s", text)
	return names
}

// TestRenderWhereADocumentGrows: the first document stays, a later one grows, and the last one stays.
func TestRenderWhereADocumentGrows(t *testing.T) {
	first, last := service, strings.Replace(service, "name: a", "name: c", 1)
	manifests := load(t, first+"---\n"+strings.Replace(service, "name: a", "name: b", 1)+"---\n"+last)
	b, err := mesh.ToUnstructured(manifests.Objects[1].Object)
	require.NoError(t, err)
	text, err := manifests.Render(plan.Plan{Changes: []plan.Change{{
		Action: plan.Update, Object: b, Edits: []plan.Edit{plan.Set(b, strings.Repeat("long", 50), "metadata", "labels", "a")},
	}}})
	require.NoError(t, err)
	require.Equal(t, []string{"Service a", "Service b", "Service c"}, namesIn(t, text))
}
