package manifest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// TestLoadFaults holds the sentence for every fault of a text: where, what, and what to do.
func TestLoadFaults(t *testing.T) {
	istio := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n"
	for name, test := range map[string]struct{ text, want string }{
		"not YAML":          {"a: b: c\n", "stdin:1: this is not YAML: mapping values are not allowed in this context"},
		"indentation":       {"apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n namespace: b\n", "stdin:5: this is not YAML: did not find expected key"},
		"tab":               {service + "---\na:\n  b: c\n\td: e\n", "stdin:7: this is not YAML: found a tab character that violates indentation"},
		"unknown anchor":    {service + "spec:\n  a: *b\n", "stdin:5: this is not YAML: unknown anchor 'b' referenced"},
		"control character": {service + "---\na: b\nc: d\x01\n", "stdin:6: this is not YAML: control characters are not allowed"},
		"not UTF-8":         {service + "spec:\n  a: \"\xff\"\n", "stdin:5: this is not YAML: invalid leading UTF-8 octet"},
		"second document":   {service + "---\na: b: c\n", "stdin:5: this is not YAML: mapping values are not allowed in this context"},
		"a list":            {"- a\n", "stdin:1: a Kubernetes object is a mapping that begins with apiVersion and kind; this is not one"},
		"not Kubernetes":    {"on: push\n", "stdin:1: it has no apiVersion and kind, so it is not a Kubernetes object"},
		"no kind":           {"apiVersion: v1\n", "stdin:1: the object has an apiVersion (v1) but no kind"},
		"no apiVersion":     {"kind: Service\n", "stdin:1: the Service has no apiVersion"},
		"bad apiVersion":    {"apiVersion: a/b/c\nkind: Service\n", `stdin:1: the apiVersion "a/b/c" of the Service is not of the form group/version`},
		"no name":           {"apiVersion: v1\nkind: Service\nmetadata:\n  labels: {}\n", "stdin:3: the Service has no name: metadata.name is missing"},
		"key twice":         {service + "kind: Pod\n", `stdin:4: the key "kind" is there twice in one mapping; remove one of them`},
		"key twice among many": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '', b: '', c: '', d: '', e: '', f: '', g: '', h: '', i: '',\n  a: ''}\n",
			`stdin:5: the key "a" is there twice in one mapping; remove one of them`,
		},
		"text for a number": {
			service + "spec:\n  ports:\n  - port: 80\n  - port: eighty\n",
			`stdin:7: Service a: .spec.ports[1].port is the text "eighty"; it must be a whole number in the range that the field allows`,
		},
		"yes is a boolean": {
			"apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    example.com/x: yes\n",
			"stdin:6: Service a: .metadata.labels['example.com/x'] is the boolean true; it must be a text (put it in quotes)",
		},
		"number for a text": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  port: 80\n",
			"stdin:5: ConfigMap a: .data.port is the number 80; it must be a text (put it in quotes)",
		},
		"secret text":        {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: SECRET_}\n", "stdin:4: Secret a: .data.k is a text, which cannot be read: illegal base64 data at input byte 6"},
		"secret number":      {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: 1234}\n", "stdin:4: Secret a: .data.k is a number; it must be a list"},
		"secret boolean":     {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: yes}\n", "stdin:4: Secret a: .stringData.k is a boolean; it must be a text (put it in quotes)"},
		"secret data":        {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: SECRET\n", "stdin:4: Secret a: .data is a text; it must be a mapping"},
		"list for a mapping": {service + "spec: []\n", "stdin:4: Service a: .spec is a list; it must be a mapping"},
		"list for a text": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: [b, c]\n",
			"stdin:5: ConfigMap a: .data.a is a list; it must be a text (put it in quotes)",
		},
		"more JSON than one value": {
			"{\"apiVersion\": \"v1\"}\n{\"kind\": \"X\"}\n{", "stdin:2: this is not YAML: did not find expected <document start>",
		},
		"Istio number": {
			"apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec:\n  servers:\n  - port:\n      number: eighty\n",
			`stdin:7: Gateway a: .spec.servers[0].port.number is the text "eighty", which cannot be read: invalid character 'e' looking for beginning of value`,
		},
		"Istio duration": {
			istio + "  http:\n  - timeout: soon\n",
			`stdin:6: VirtualService a: .spec.http[0].timeout is the text "soon", which cannot be read: bad Duration: time: invalid duration "soon"`,
		},
		"Istio name": {
			"apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec:\n  trafficPolicy: {tls: {mode: y}}\n",
			"stdin:5: DestinationRule a: .spec.trafficPolicy.tls.mode is the boolean true; it must be one of the names that the field knows",
		},
		"Istio list": {istio + "  http: x\n", `stdin:5: VirtualService a: .spec.http is the text "x"; it must be a list`},
		"item of a list": {
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: b}\n  spec: {ports: 1}\n",
			"stdin:10: Service b: .spec.ports is the number 1; it must be a list",
		},
		"several faults": {
			"kind: Service\n---\napiVersion: v1\n",
			"stdin:1: the Service has no apiVersion\nstdin:3: the object has an apiVersion (v1) but no kind",
		},
		"not a number": {service + "spec: {x: .nan}\n", "stdin:4: the number .nan has no place in a Kubernetes object"},
		"template": {
			"{{- if .Values.enabled }}\n" + service + "{{- end }}\n",
			"stdin:1: this is not YAML: did not find expected node content " +
				"(this looks like a Helm template: render it with helm template and check what comes out)",
		},
		"alias of itself": {"apiVersion: v1\nkind: X\nx: &x [*x]\n", "stdin:3: this is nested more than 500 levels deep"},
		"alias bomb": {
			"apiVersion: v1\nkind: X\n" + bomb("[", "]"), "stdin:3: aliases make this document many times larger than its text; write the values out",
		},
		"merge bomb": {
			"apiVersion: v1\nkind: X\n" + bomb("{<<: [", "]}"), "stdin:3: merge keys lead to merge keys too often; write the values out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(Sources{Files: []string{"-"}, Stdin: strings.NewReader(test.text)}, "default")
			assert.EqualError(t, err, test.want)
		})
	}
}

// bomb is nine levels of ten aliases each.
func bomb(open, shut string) string {
	text := "a0: &a0 " + open + strings.TrimSuffix(strings.Repeat("{x: y}, ", 10), ", ") + shut + "\n"
	for level := 1; level <= 9; level++ {
		before, this := "a"+string(rune('0'+level-1)), "a"+string(rune('0'+level))
		text += this + ": &" + this + " " + open + strings.TrimSuffix(strings.Repeat("*"+before+", ", 10), ", ") + shut + "\n"
	}
	return text
}

func TestLineOf(t *testing.T) {
	manifests := load(t, `# a Service
apiVersion: v1
kind: Service
metadata:
  name: a
  labels:
    app: a
    istio.io/rev: stable
spec:
  selector: {app: a}
  ports:
  # the port of the calls
  - name: http
    port: 8000
  -
    name: metrics
    port: 9090
`)
	source := manifests.Objects[0].Source
	for _, test := range []struct {
		path plan.Path
		want int
	}{
		{nil, 2},
		{plan.PathOf("metadata"), 4},
		{plan.PathOf("metadata", "labels", "istio.io/rev"), 8},
		{plan.PathOf("metadata", "annotations", "x"), 4},
		{plan.PathOf("spec", "selector", "app"), 10},
		{plan.PathOf("spec", "ports"), 11},
		{plan.PathOf("spec", "ports", 0), 13},
		{plan.PathOf("spec", "ports", 0, "name"), 13},
		{plan.PathOf("spec", "ports", 0, "appProtocol"), 13},
		{plan.PathOf("spec", "ports", 1, "port"), 17},
		{plan.PathOf("spec", "ports", "port=9090", "name"), 16},
		{plan.PathOf("spec", "ports", "name=http", "port"), 14},
		{plan.PathOf("spec", "ports", "name=http,port=9090", "port"), 11},
		{plan.PathOf("spec", "ports", 7, "port"), 11},
		{plan.PathOf("spec", "nothing", "at", "all"), 9},
		{plan.PathOf(""), 2},
		{plan.PathOf("spec", "ports", "="), 11},
	} {
		assert.Equal(t, test.want, source.LineOf(test.path), test.path.String())
	}
}
