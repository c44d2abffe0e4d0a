package proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

func TestReservedPorts(t *testing.T) {
	always := []int32{15000, 15001, 15004, 15006, 15020, 15021, 15090}
	for name, test := range map[string]struct {
		mesh        string
		annotations map[string]string
		ports       []int32
	}{
		"as installed":           {"{}", nil, always},
		"HBONE of the mesh":      {"defaultConfig: {proxyMetadata: {ISTIO_META_ENABLE_HBONE: \"true\"}}", nil, append(append([]int32{}, always...), 15008)},
		"DNS of the pods":        {"{}", map[string]string{AnnotationProxyConfig: "proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"true\"}"}, append(append([]int32{}, always...), 15053)},
		"off again for the pods": {"defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"true\"}}", map[string]string{AnnotationProxyConfig: "proxyMetadata: {ISTIO_META_DNS_CAPTURE: \"false\"}"}, always},
		"no status port":         {"{}", map[string]string{annotationStatusPort: "0"}, []int32{15000, 15001, 15004, 15006, 15021, 15090}},
		"other ports of the mesh": {
			"{proxyListenPort: 25001, proxyInboundListenPort: 25006, defaultConfig: {statusPort: 25020, proxyAdminPort: 25000}}", nil,
			[]int32{25000, 25001, 15004, 25006, 25020, 15021, 15090},
		},
	} {
		t.Run(name, func(t *testing.T) {
			template := &core.PodTemplateSpec{}
			template.Annotations = test.annotations
			var numbers []int32
			for _, port := range ReservedPorts(meshtest.Snapshot(t, meshtest.MeshConfigText(test.mesh)), DefaultRevision, template) {
				numbers = append(numbers, port.Number)
			}
			assert.Equal(t, test.ports, numbers)
		})
	}
}

func TestRewritesProbes(t *testing.T) {
	const webhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector}
webhooks:
- name: injector.istio.io
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
`
	injector := func(values string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio-sidecar-injector, namespace: istio-system}\ndata: {config: 'policy: enabled', values: '" + values + "'}"
	}
	deployment := func(annotations string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: orders, namespace: shop}\nspec: {template: {metadata: {annotations: {" + annotations + "}}, spec: {containers: [{name: orders}]}}}"
	}
	const off = `{"sidecarInjectorWebhook":{"rewriteAppHTTPProbe":false}}`
	for name, test := range map[string]struct {
		values, annotations string
		rewrites            bool
		annotation          string
	}{
		"as installed":            {"", "", true, ""},
		"off by the injector":     {off, "", false, ""},
		"off by the pods":         {"", `sidecar.istio.io/rewriteAppHTTPProbers: "false"`, false, AnnotationRewriteProbes},
		"on again for the pods":   {off, `sidecar.istio.io/rewriteAppHTTPProbers: "true"`, true, AnnotationRewriteProbes},
		"a value that is nothing": {off, `sidecar.istio.io/rewriteAppHTTPProbers: "maybe"`, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			snapshot := meshtest.Snapshot(t, meshtest.Documents(webhook, injector(test.values), deployment(test.annotations)))
			w := workload.Get(snapshot, mesh.Key{Kind: mesh.KindDeployment, Namespace: "shop", Name: "orders"})
			require.NotNil(t, w)
			rewrites, annotation, _ := RewritesProbes(snapshot, w)
			assert.Equal(t, test.rewrites, rewrites)
			assert.Equal(t, test.annotation, annotation)
		})
	}
}
