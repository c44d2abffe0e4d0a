package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestEnvoyPatchAppliesTo(t *testing.T) {
	gateway := ProxyHop{
		Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"},
		ListenerPort: 8080, RoutePort: 80, RouteConfiguration: "http.8080", Host: "orders.example.com", Routes: []string{"orders"},
	}
	secure := ProxyHop{
		Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: "istio-system", ListenerPort: 8443, RoutePort: 443,
		RouteConfiguration: "https.443.grpc.orders.shop", Host: "orders.example.com", Routes: []string{""},
	}
	managed := ProxyHop{Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: "shop", Labels: map[string]string{proxy.GatewayNameLabel: "edge"}}
	sidecar := ProxyHop{
		Context: networkingapi.EnvoyFilter_SIDECAR_INBOUND, Namespace: "shop", Labels: map[string]string{"app": "orders"}, ListenerPort: 50051,
		RoutePort: 50051, RouteConfiguration: "inbound|50051||",
	}
	tests := []struct {
		namespace, spec, match string
		hop                    ProxyHop
		want                   bool
	}{
		{"istio-system", "", "", gateway, true},
		{"istio-system", "", "context: GATEWAY", gateway, true},
		{"istio-system", "", "context: GATEWAY", sidecar, false},
		{"istio-system", "", "context: SIDECAR_INBOUND", sidecar, true},
		{"istio-system", "", "context: SIDECAR_OUTBOUND", sidecar, false},
		{"shop", "", "context: SIDECAR_INBOUND", sidecar, true},
		{"shop", "", "", gateway, false},
		{"web", "", "", sidecar, false},
		{"istio-system", "workloadSelector: {labels: {istio: ingressgateway}},", "", gateway, true},
		{"istio-system", "workloadSelector: {labels: {istio: egressgateway}},", "", gateway, false},
		{"shop", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: edge}],", "", managed, true},
		{"shop", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: other}],", "", managed, false},
		{"istio-system", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: edge}],", "", gateway, false},
		{"istio-system", "", "listener: {portNumber: 8080}", gateway, true},
		{"istio-system", "", "listener: {portNumber: 80}", gateway, false},
		{"shop", "", "listener: {portNumber: 9999}", managed, true},
		{"istio-system", "", "listener: {name: 0.0.0.0_8080}", gateway, true},
		{"istio-system", "", "listener: {name: 0.0.0.0_8443}", gateway, false},
		{"istio-system", "", "listener: {name: virtualInbound}", sidecar, true},
		{"istio-system", "", "listener: {name: virtualOutbound}", sidecar, false},
		{"istio-system", "", "listener: {portNumber: 50051}", sidecar, true},
		{"istio-system", "", "listener: {filterChain: {destinationPort: 9000}}", sidecar, false},
		{"istio-system", "", "listener: {filterChain: {sni: www.example.com}}", gateway, false},
		{"istio-system", "", "routeConfiguration: {portNumber: 80}", gateway, true},
		{"istio-system", "", "routeConfiguration: {portNumber: 443}", gateway, false},
		{"istio-system", "", "routeConfiguration: {gateway: shop/orders, portName: grpc}", secure, true},
		{"istio-system", "", "routeConfiguration: {gateway: shop/web}", secure, false},
		{"istio-system", "", "routeConfiguration: {portName: https}", secure, false},
		{"istio-system", "", "routeConfiguration: {gateway: shop/orders}", gateway, false},
		{"shop", "", "routeConfiguration: {gateway: shop/orders, name: http.80}", managed, true},
		{"istio-system", "", "routeConfiguration: {name: http.8080}", gateway, true},
		{"istio-system", "", "routeConfiguration: {name: http.80}", gateway, false},
		{"istio-system", "", "routeConfiguration: {name: https.443.grpc.orders.shop}", secure, true},
		{"istio-system", "", "routeConfiguration: {name: 'inbound|50051||'}", sidecar, true},
		{"istio-system", "", "routeConfiguration: {name: 'inbound|9000||'}", sidecar, false},
		{"istio-system", "", "routeConfiguration: {portNumber: 8000}", sidecar, false},
		{"istio-system", "", "routeConfiguration: {vhost: {name: 'inbound|http|8000'}}", sidecar, true},
		{"istio-system", "", "routeConfiguration: {vhost: {route: {name: orders}}}", gateway, true},
		{"istio-system", "", "routeConfiguration: {vhost: {route: {name: web}}}", gateway, false},
		{"istio-system", "", "routeConfiguration: {vhost: {route: {name: web}}}", secure, false},
		{"istio-system", "", "routeConfiguration: {vhost: {route: {name: web}}}", sidecar, true},
		{"istio-system", "", "routeConfiguration: {vhost: {name: 'orders.example.com:80'}}", gateway, true},
		{"istio-system", "", "routeConfiguration: {vhost: {name: 'www.example.com:80'}}", gateway, false},
		{"istio-system", "", "routeConfiguration: {vhost: {name: 'orders.example.com:443'}}", gateway, false},
		{"istio-system", "", "routeConfiguration: {vhost: {domainName: orders.example.com}}", gateway, true},
		{"istio-system", "", "routeConfiguration: {vhost: {domainName: www.example.com}}", gateway, false},
	}
	for _, test := range tests {
		t.Run(test.namespace+" "+test.spec+test.match, func(t *testing.T) {
			s := meshtest.Snapshot(t, "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: "+test.namespace+
				"}\nspec: {"+test.spec+" configPatches: [{applyTo: HTTP_FILTER, match: {"+test.match+"}, patch: {operation: MERGE, value: {a: {b: 1}}}}]}\n")
			patches, err := EnvoyPatches(s, s.EnvoyFilters().All()[0])
			require.NoError(t, err)
			require.Len(t, patches, 1)
			assert.Equal(t, map[string]any{"a": map[string]any{"b": 1.0}}, patches[0].Value)
			assert.Equal(t, yes(test.want), AppliesTo(s, patches[0], test.hop))
		})
	}
}

func TestEnvoyFilterThatCannotBeRead(t *testing.T) {
	s := meshtest.Snapshot(t, "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: shop}\nspec: {configPatches: [{applyTo: NOTHING}]}\n")
	_, err := EnvoyPatches(s, s.EnvoyFilters().All()[0])
	assert.ErrorContains(t, err, "EnvoyFilter shop/a cannot be read")
	assert.NotContains(t, err.Error(), "Go value")
	empty := meshtest.Snapshot(t, "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: shop}\n")
	patches, err := EnvoyPatches(empty, empty.EnvoyFilters().All()[0])
	assert.NoError(t, err)
	assert.Empty(t, patches)
}

func TestEnvoyPatchForProxies(t *testing.T) {
	known := &core.PodTemplateSpec{Spec: core.PodSpec{Containers: []core.Container{{
		Name: "istio-proxy", Image: "registry.example.com/istio/proxyv2:1.26.4-distroless",
		Env: []core.EnvVar{{Name: "ISTIO_META_ROLE", Value: "edge"}},
	}}}}
	injected := &core.PodTemplateSpec{Spec: core.PodSpec{Containers: []core.Container{{Name: "istio-proxy", Image: "auto"}}}}
	tests := []struct {
		proxy    string
		template *core.PodTemplateSpec
		want     Match
	}{
		{"proxyVersion: '^1\\.26.*'", known, Always},
		{"proxyVersion: '^1\\.17.*'", known, Never},
		{"proxyVersion: '^1\\.26.*'", injected, Sometimes},
		{"proxyVersion: '^1\\.26.*'", nil, Sometimes},
		{"metadata: {ROLE: edge}", known, Always},
		{"metadata: {ROLE: inner}", known, Never},
		{"metadata: {CLUSTER_ID: east}", known, Sometimes},
		{"metadata: {CLUSTER_ID: east}, proxyVersion: '^1\\.17.*'", known, Never},
		{"metadata: {ROLE: edge}", nil, Sometimes},
	}
	for _, test := range tests {
		t.Run(test.proxy, func(t *testing.T) {
			s := meshtest.Snapshot(t, "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: a, namespace: istio-system}\n"+
				"spec: {configPatches: [{applyTo: HTTP_FILTER, match: {proxy: {"+test.proxy+"}}, patch: {operation: MERGE, value: {a: 1}}}]}\n")
			patches, err := EnvoyPatches(s, s.EnvoyFilters().All()[0])
			require.NoError(t, err)
			hop := ProxyHop{Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: "istio-system", Template: test.template}
			assert.Equal(t, test.want, AppliesTo(s, patches[0], hop))
		})
	}
}
