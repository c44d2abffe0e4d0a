package proxy_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func meshConfigYAML(name, config string) string {
	return fmt.Sprintf("\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: istio-system}, data: {mesh: %q}}", name, config)
}

func TestUndiscovered(t *testing.T) {
	cases := []struct {
		name, namespace, configs string
		undiscovered             bool
		add                      map[string]string
	}{
		{name: "no mesh config"},
		{name: "no selector", configs: meshConfigYAML("istio", "discoverySelectors: []")},
		{name: "left out", configs: meshConfigYAML("istio", `discoverySelectors: [{matchLabels: {mesh: "yes"}}]`), undiscovered: true, add: map[string]string{"mesh": "yes"}},
		{name: "matched", namespace: `mesh: "yes"`, configs: meshConfigYAML("istio", `discoverySelectors: [{matchLabels: {mesh: "yes"}}]`)},
		{name: "matched by one of two", namespace: "team: b", configs: meshConfigYAML("istio", `discoverySelectors: [{matchLabels: {mesh: "yes"}}, {matchExpressions: [{key: team, operator: In, values: [a, b]}]}]`)},
		{name: "by expression", configs: meshConfigYAML("istio", `discoverySelectors: [{matchExpressions: [{key: team, operator: In, values: [a, b]}]}]`), undiscovered: true, add: map[string]string{"team": "a"}},
		{name: "by name", configs: meshConfigYAML("istio", `discoverySelectors: [{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop]}]}]`)},
		{name: "another name", configs: meshConfigYAML("istio", `discoverySelectors: [{matchLabels: {kubernetes.io/metadata.name: other}}]`), undiscovered: true},
		{name: "shut out on purpose", namespace: `mesh: "no"`, configs: meshConfigYAML("istio", `discoverySelectors: [{matchExpressions: [{key: mesh, operator: DoesNotExist}]}]`), undiscovered: true},
		{name: "another control plane looks", configs: meshConfigYAML("istio", `discoverySelectors: [{matchLabels: {mesh: "yes"}}]`) + meshConfigYAML("istio-canary", "{}")},
		{name: "invalid", configs: meshConfigYAML("istio", `discoverySelectors: [{matchExpressions: [{key: mesh, operator: Contains}]}]`)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, namespaceYAML(c.namespace)+c.configs)
			undiscovered := proxy.Undiscovered(s, "shop")
			assert.Equal(t, c.undiscovered, len(undiscovered) > 0)
			if c.undiscovered {
				add, ok := undiscovered[0].DiscoveryLabels(proxy.NamespaceLabels(s, "shop"))
				assert.Equal(t, c.add != nil, ok)
				assert.Equal(t, c.add, add)
			}
		})
	}
}

func TestInboundCapture(t *testing.T) {
	cases := []struct {
		name        string
		annotations map[string]string
		captured    bool
		by          string
	}{
		{"nothing said", nil, true, ""},
		{"excluded", map[string]string{proxy.AnnotationExcludeInboundPorts: "9090, 50051"}, false, proxy.AnnotationExcludeInboundPorts},
		{"another excluded", map[string]string{proxy.AnnotationExcludeInboundPorts: "9090"}, true, ""},
		{"included", map[string]string{proxy.AnnotationIncludeInboundPorts: "50051,8080"}, true, ""},
		{"not included", map[string]string{proxy.AnnotationIncludeInboundPorts: "8080"}, false, proxy.AnnotationIncludeInboundPorts},
		{"none included", map[string]string{proxy.AnnotationIncludeInboundPorts: ""}, false, proxy.AnnotationIncludeInboundPorts},
		{"all included, one excluded", map[string]string{proxy.AnnotationIncludeInboundPorts: "*", proxy.AnnotationExcludeInboundPorts: "50051"}, false, proxy.AnnotationExcludeInboundPorts},
		{"a list to include makes the other void", map[string]string{proxy.AnnotationIncludeInboundPorts: "50051", proxy.AnnotationExcludeInboundPorts: "50051"}, true, ""},
		{"nonsense", map[string]string{proxy.AnnotationExcludeInboundPorts: "grpc,-1,99999,"}, true, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			by, captured := proxy.InboundCapture(c.annotations, 50051)
			assert.Equal(t, c.captured, captured)
			if !captured {
				assert.Equal(t, c.by, by)
			}
		})
	}
}
