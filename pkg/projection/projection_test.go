package projection

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const cluster = `
{apiVersion: v1, kind: Namespace, metadata: {name: test}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: server, namespace: test}, spec: {selector: {matchLabels: {app: server}}, template: {metadata: {labels: {app: server}}}}, status: {readyReplicas: 2}}
---
{apiVersion: v1, kind: Pod, metadata: {name: server-1, namespace: test, labels: {app: server}}}
---
{apiVersion: v1, kind: Service, metadata: {name: server, namespace: test}, spec: {selector: {app: server}, ports: [{name: http, port: 8000}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: istio-sidecar-injector, labels: {istio.io/rev: default}},
 webhooks: [{name: namespace.sidecar-injector.istio.io, clientConfig: {url: "https://127.0.0.1/inject"}, namespaceSelector: {matchLabels: {istio-injection: enabled}},
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}]}
`

func snapshot(t *testing.T) *mesh.Snapshot {
	t.Helper()
	var objects []mesh.Sourced
	for document := range strings.SplitSeq(cluster, "---\n") {
		data, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(t, err)
		object, _, err := mesh.Decode(data)
		require.NoError(t, err)
		objects = append(objects, mesh.Sourced{Object: object})
	}
	return mesh.New(objects, mesh.Options{Now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)})
}

func form(t *testing.T, s *mesh.Snapshot, kind mesh.Kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	u, err := mesh.ToUnstructured(s.Find(mesh.Key{Kind: kind, Namespace: namespace, Name: name}))
	require.NoError(t, err)
	return u
}

func TestOf(t *testing.T) {
	before := snapshot(t)
	namespace := form(t, before, mesh.KindNamespace, "", "test")
	deployment := form(t, before, mesh.KindDeployment, "test", "server")
	service := form(t, before, mesh.KindService, "test", "server")
	gateway := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": map[string]any{"name": "server", "namespace": "test"},
	}}
	after, err := Of(before, []plan.Change{
		{Action: plan.Update, Object: namespace, Edits: []plan.Edit{plan.Set(namespace, "enabled", "metadata", "labels", "istio-injection")}},
		{Action: plan.Restart, Object: deployment, Edits: []plan.Edit{plan.Set(deployment, "now", "spec", "template", "metadata", "annotations", "at")}},
		// Two changes of one object build on each other.
		{Action: plan.Update, Object: service, Edits: []plan.Edit{plan.Set(service, "x", "metadata", "labels", "a")}},
		{Action: plan.Update, Object: service, Edits: []plan.Edit{plan.Set(service, "y", "metadata", "labels", "b")}},
		{Action: plan.Create, Object: gateway},
	})
	require.NoError(t, err)

	pod, ok := after.Pods().Get("test", "server-1")
	require.True(t, ok)
	_, has := proxy.ProxyOf(pod)
	assert.True(t, has, "the restart makes pods anew, by the injector as it then is")
	projected, _ := after.Services().Get("test", "server")
	assert.Equal(t, map[string]string{"a": "x", "b": "y"}, projected.Labels)
	assert.Equal(t, int32(2), workload.Workloads(after)[0].ReadyReplicas, "what controllers write stays")
	made, ok := after.Gateways().Get("test", "server")
	require.True(t, ok)
	assert.Equal(t, before.Now(), made.CreationTimestamp.UTC(), "what is new is the youngest")

	old, _ := before.Pods().Get("test", "server-1")
	_, has = proxy.ProxyOf(old)
	assert.False(t, has, "the snapshot before stays as it was")

	gone, err := Of(after, []plan.Change{{Action: plan.Delete, Object: gateway}})
	require.NoError(t, err)
	assert.Empty(t, gone.Gateways().All())
}

func TestOfImpossibleChange(t *testing.T) {
	before := snapshot(t)
	service := form(t, before, mesh.KindService, "test", "server")
	_, err := Of(before, []plan.Change{{Action: plan.Update, Object: service, Edits: []plan.Edit{plan.Set(service, "no list", "spec", "ports")}}})
	assert.ErrorContains(t, err, "Service test/server is no longer a valid object after the change: ")
}
