package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

func TestProxyOf(t *testing.T) {
	cases := []struct {
		name, annotations, spec string
		proxy                   proxy.Proxy
		has                     bool
	}{
		{"none", "", "containers: [{name: app}]", proxy.Proxy{}, false},
		{"container", "", "containers: [{name: app}, {name: istio-proxy, args: [proxy, sidecar]}]", proxy.Proxy{}, true},
		{"native, by container", "", "initContainers: [{name: istio-proxy, restartPolicy: Always}], containers: [{name: app}]", proxy.Proxy{Native: true}, true},
		{"init container that ends", "", "initContainers: [{name: istio-proxy}], containers: [{name: app}]", proxy.Proxy{}, false},
		{"gateway", "", "containers: [{name: istio-proxy, args: [proxy, router]}]", proxy.Proxy{}, false},
		{"ztunnel", "", "containers: [{name: istio-proxy, args: [proxy, ztunnel]}]", proxy.Proxy{}, false},
		{"metadata only", `sidecar.istio.io/status: '{"initContainers":["istio-init"],"containers":["istio-proxy"],"revision":"canary"}'`, "", proxy.Proxy{Revision: "canary"}, true},
		{"metadata only, native", `sidecar.istio.io/status: '{"initContainers":["istio-validation","istio-proxy"],"containers":null,"revision":"r1"}'`, "", proxy.Proxy{Revision: "r1", Native: true}, true},
		{"status without revision", `istio.io/rev: r2, sidecar.istio.io/status: '{"containers":["istio-proxy"]}'`, "", proxy.Proxy{Revision: "r2"}, true},
		{"status that is no JSON", `sidecar.istio.io/status: injected`, "containers: [{name: istio-proxy}]", proxy.Proxy{}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, annotations: {"+c.annotations+"}}, spec: {"+c.spec+"}}")
			sidecar, has := proxy.ProxyOf(s.Pods().All()[0])
			assert.Equal(t, c.has, has)
			assert.Equal(t, c.proxy, sidecar)
		})
	}
}

func TestInjectedByHand(t *testing.T) {
	for name, c := range map[string]struct {
		container string
		byHand    bool
	}{
		"no proxy":                         {"{name: other, image: x}", false},
		"kube-inject":                      {"{name: istio-proxy, image: proxyv2, args: [proxy, sidecar]}", true},
		"a gateway's":                      {"{name: istio-proxy, image: proxyv2, args: [proxy, router]}", false},
		"to be completed by the injector":  {"{name: istio-proxy, image: auto}", false},
		"the same, with arguments":         {"{name: istio-proxy, image: auto, args: [proxy, sidecar]}", false},
		"resources only, in an old manner": {"{name: istio-proxy}", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: checkout, namespace: shop}, spec: {template: {spec: {containers: [{name: checkout}, "+c.container+"]}}}}")
			assert.Equal(t, c.byHand, proxy.InjectedByHand(workload.Get(s, checkoutKey)))
		})
	}
}

// istiodService is called by the webhooks of the default revision; without any endpoint in the snapshot it is taken to be up.
const istiodService = "\n---\n{apiVersion: v1, kind: Service, metadata: {name: istiod, namespace: istio-system}, spec: {ports: [{port: 443}]}}"

const checkoutPod = `
---
apiVersion: v1
kind: Pod
metadata:
  name: checkout-1
  namespace: shop
  labels: {app: checkout, pod-template-hash: abc, old: label}
  annotations: {old: annotation}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: checkout-abc, uid: u, controller: true}]
spec: {nodeName: node-1, containers: [{name: checkout, image: old}]}
status: {phase: Running, podIP: 10.0.0.1}`

func TestPodsMadeAnew(t *testing.T) {
	s := meshtest.Snapshot(t, defaultRevision+namespaceYAML("istio-injection: enabled")+deploymentYAML(", version: v2", "note: new", "")+checkoutPod+istiodService)
	after := proxy.Restart(s, []mesh.Key{checkoutKey})
	pods := workload.PodsOf(after, workload.Get(after, checkoutKey))
	require.Len(t, pods, 1)
	pod := pods[0]
	sidecar, has := proxy.ProxyOf(pod)
	assert.True(t, has)
	assert.Equal(t, proxy.Proxy{Revision: "default"}, sidecar)
	assert.Equal(t, map[string]string{"app": "checkout", "version": "v2", "pod-template-hash": "abc", "security.istio.io/tlsMode": "istio"}, pod.Labels)
	assert.Equal(t, "new", pod.Annotations["note"])
	assert.NotContains(t, pod.Annotations, "old")
	assert.Equal(t, "checkout", pod.Spec.Containers[0].Image)
	assert.Equal(t, "node-1", pod.Spec.NodeName)
	assert.Equal(t, core.PodRunning, pod.Status.Phase)
	assert.Equal(t, "10.0.0.1", pod.Status.PodIP)

	_, had := proxy.ProxyOf(s.Pods().All()[0])
	assert.False(t, had, "the snapshot that the change started from must stay as it was")
}

func TestPodsMadeAnewWithoutInjection(t *testing.T) {
	s := meshtest.Snapshot(t, defaultRevision+namespaceYAML("")+deploymentYAML("", "", "")+checkoutPod)
	after := proxy.Restart(s, []mesh.Key{checkoutKey})
	_, has := proxy.ProxyOf(after.Pods().All()[0])
	assert.False(t, has)
}
