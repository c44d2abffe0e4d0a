package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

func TestInjectorUnavailable(t *testing.T) {
	const (
		service = "\n---\n{apiVersion: v1, kind: Service, metadata: {name: istiod, namespace: istio-system}, spec: {selector: {app: istiod}, ports: [{port: 443}]}}"
		slice   = "\n---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: istiod-x, namespace: istio-system, labels: {kubernetes.io/service-name: istiod}}, endpoints: [{addresses: [10.0.0.1], conditions: {"
		other   = "\n---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: other-x, namespace: shop, labels: {kubernetes.io/service-name: other}}, endpoints: [{addresses: [10.0.0.2]}]}"
		istiod  = "\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod, namespace: istio-system}, spec: {replicas: 1, template: {metadata: {labels: {app: istiod}}}}"
	)
	cases := []struct {
		name, yaml string
		gaps       []mesh.Gap
		reason     string
	}{
		{name: "ready", yaml: service + slice + "ready: true}}]}"},
		{name: "readiness not said", yaml: service + slice + "}}]}"},
		{name: "not ready", yaml: service + slice + "ready: false}}]}", reason: "its Service istio-system/istiod has no ready endpoint"},
		{name: "no Service", reason: "its Service istio-system/istiod does not exist"},
		{name: "Service not read", gaps: []mesh.Gap{{Kind: mesh.KindService, Reason: "not in the files"}}},
		{name: "no endpoints at all, as in a repository", yaml: service + istiod + "}"},
		{name: "no endpoints, controller says none is ready", yaml: service + istiod + ", status: {observedGeneration: 1, replicas: 1}}", reason: "its Service istio-system/istiod has no endpoint: Deployment istio-system/istiod has no ready replica"},
		{name: "nothing behind it in a cluster", yaml: service + other, reason: "its Service istio-system/istiod has no endpoint"},
		{name: "endpoints not read", yaml: service, gaps: []mesh.Gap{{Kind: mesh.KindEndpointSlice, Reason: "you may not list endpointslices"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := mesh.New(meshtest.ObjectsIn(t, defaultRevision+namespaceYAML("istio-injection: enabled")+deploymentYAML("", "", "")+checkoutPod+c.yaml), mesh.Options{Gaps: c.gaps})
			reason, unavailable := proxy.InjectorUnavailable(s, proxy.Injectors(s)[0])
			assert.Equal(t, c.reason != "", unavailable)
			if unavailable {
				assert.Equal(t, c.reason, reason)
			}
			assert.Equal(t, unavailable, proxy.BlockedBy(s, proxy.InjectionOf(s, workload.Get(s, checkoutKey))) != nil, "these webhooks fail closed")

			after := proxy.Restart(s, []mesh.Key{checkoutKey})
			_, injected := proxy.ProxyOf(workload.PodsOf(after, workload.Get(after, checkoutKey))[0])
			assert.Equal(t, !unavailable, injected, "no pod is made while the injector is away")
		})
	}
}
