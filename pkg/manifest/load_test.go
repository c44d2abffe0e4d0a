package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load reads a text from standard input.
func load(t *testing.T, text string) *Manifests {
	t.Helper()
	manifests, err := Load(Sources{Files: []string{"-"}, Stdin: strings.NewReader(text)}, "default")
	require.NoError(t, err)
	return manifests
}

// listing says of each object what it is and where it begins.
func listing(manifests *Manifests) []string {
	var lines []string
	for _, sourced := range manifests.Objects {
		object := sourced.Object
		gvk := object.GetObjectKind().GroupVersionKind()
		lines = append(lines, fmt.Sprintf("%s/%s %s/%s:%d", gvk.GroupVersion(), gvk.Kind, object.GetNamespace(), object.GetName(), sourced.Source.Line))
	}
	return lines
}

const service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"

func TestLoadFindsObjects(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		want   []string
		others int
	}{
		"one":                            {service, []string{"v1/Service default/a:1"}, 0},
		"nothing":                        {"", nil, 0},
		"comments only":                  {"# a\n---\n# b\n", nil, 0},
		"comment before":                 {"# a\n\n" + service, []string{"v1/Service default/a:3"}, 0},
		"two":                            {service + "---\n" + strings.Replace(service, "a}", "b}", 1), []string{"v1/Service default/a:1", "v1/Service default/b:5"}, 0},
		"document end marker":            {service + "...\n" + strings.Replace(service, "a}", "b}", 1), []string{"v1/Service default/a:1", "v1/Service default/b:5"}, 0},
		"directive":                      {"%YAML 1.1\n---\n" + service, []string{"v1/Service default/a:3"}, 0},
		"empty documents":                {"---\n---\n# x\n---\n" + service + "---\n", []string{"v1/Service default/a:5"}, 0},
		"empty document behind comments": {"# licence\n\n---\n# Source: empty.yaml\n---\n# Source: a.yaml\n" + service, []string{"v1/Service default/a:7"}, 0},
		"content after separator":        {"--- {apiVersion: v1, kind: Service, metadata: {name: a}}\n", []string{"v1/Service default/a:1"}, 0},
		"byte order mark":                {"\xef\xbb\xbf" + service, []string{"v1/Service default/a:1"}, 0},
		"Windows line ends":              {strings.ReplaceAll(service+"---\n"+strings.Replace(service, "name: a", "name: b", 1), "\n", "\r\n"), []string{"v1/Service default/a:1", "v1/Service default/b:5"}, 0},
		"own namespace":                  {"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n", []string{"v1/Service shop/a:1"}, 0},
		"cluster-scoped":                 {"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: x}\n", []string{"v1/Namespace /shop:1"}, 0},
		"older version kept": {
			"apiVersion: networking.istio.io/v1alpha3\nkind: Gateway\nmetadata: {name: a}\n",
			[]string{"networking.istio.io/v1alpha3/Gateway default/a:1"},
			0,
		},
		"other kinds": {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n", nil, 1},
		"list": {
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n- apiVersion: batch/v1\n  kind: Job\n",
			[]string{"v1/Service default/a:4"},
			1,
		},
		"typed list":  {"apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n", []string{"v1/Service default/a:4", "v1/Service default/b:5"}, 0},
		"empty list":  {"apiVersion: v1\nkind: List\nitems: []\n", nil, 0},
		"JSON":        {"{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Service\",\n\t\"metadata\": {\"name\": \"a\\tb\"}\n}\n", []string{"v1/Service default/a\tb:1"}, 0},
		"JSON stream": {`{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}` + "\n" + `{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}`, []string{"v1/Service default/a:1", "v1/Service default/b:2"}, 0},
		"generated name": {
			"apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", []string{"v1/Pod default/a-:1"}, 0,
		},
		"anchors and merge keys": {
			"apiVersion: v1\nkind: Service\nx: &x {name: a, namespace: shop}\nmetadata:\n  <<: *x\n  namespace: other\n", []string{"v1/Service other/a:1"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			manifests := load(t, test.text)
			assert.Equal(t, test.want, listing(manifests))
			assert.Equal(t, test.others, manifests.Others)
		})
	}
}
