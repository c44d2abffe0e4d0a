package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestControlPlanes(t *testing.T) {
	webhook := func(name, revision, tag string) string {
		return `---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: ` + name + `, labels: {app: sidecar-injector, istio.io/rev: "` + revision + `", istio.io/tag: "` + tag + `"}}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
`
	}
	istiod := func(name, revision, image string) string {
		return `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: istio-system}
spec:
  template:
    metadata: {labels: {app: istiod, istio.io/rev: "` + revision + `"}}
    spec: {containers: [{name: proxy, image: "proxy:9.9"}, {name: discovery, image: "` + image + `"}]}
`
	}
	tests := map[string]struct {
		objects string
		want    []proxy.ControlPlane
	}{
		"none":                   {"", []proxy.ControlPlane{}},
		"one of the charts":      {webhook("injector", "default", "") + istiod("istiod", "default", "istio/pilot:1.31.0"), []proxy.ControlPlane{{Revision: "default", Version: "1.31.0"}}},
		"without revision label": {istiod("istiod", "", "istio/pilot:1.31.0"), []proxy.ControlPlane{{Revision: "default", Version: "1.31.0"}}},
		"managed, only webhooks": {webhook("injector", "1-26", ""), []proxy.ControlPlane{{Revision: "1-26"}}},
		"revisions with tags": {
			webhook("a", "1-27", "") + webhook("b", "1-26", "") + webhook("c", "1-27", "stable") + webhook("d", "1-27", "prod") + istiod("istiod-1-27", "1-27", "istio/pilot:1.27.3-distroless"),
			[]proxy.ControlPlane{{Revision: "1-26"}, {Revision: "1-27", Version: "1.27.3", Tags: []string{"prod", "stable"}}},
		},
		"registry with a port": {istiod("istiod", "default", "registry.example.com:5000/pilot:1.30.1-debug"), []proxy.ControlPlane{{Revision: "default", Version: "1.30.1"}}},
		"tag and digest":       {istiod("istiod", "default", "istio/pilot:1.30.1@sha256:00ff"), []proxy.ControlPlane{{Revision: "default", Version: "1.30.1"}}},
		"digest only":          {istiod("istiod", "default", "registry.example.com:5000/pilot@sha256:00ff"), []proxy.ControlPlane{{Revision: "default"}}},
		"another Deployment":   {`{apiVersion: apps/v1, kind: Deployment, metadata: {name: server, namespace: demo}}`, []proxy.ControlPlane{}},
		"two of one revision":  {istiod("a", "default", "istio/pilot:1.31.0") + istiod("b", "default", "istio/pilot@sha256:00ff"), []proxy.ControlPlane{{Revision: "default", Version: "1.31.0"}}},
		"no discovery container": {
			`{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod, namespace: mesh}, spec: {template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: other, image: "a:1"}]}}}}`,
			[]proxy.ControlPlane{{Revision: "default"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, proxy.ControlPlanes(meshtest.Snapshot(t, test.objects)))
		})
	}
}
