package proxy_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

func TestIsAmbient(t *testing.T) {
	cases := []struct {
		name, namespace, labels, spec string
		ambient                       bool
	}{
		{name: "not", namespace: ""},
		{name: "by namespace", namespace: "istio.io/dataplane-mode: ambient", ambient: true},
		{name: "pod opts out", namespace: "istio.io/dataplane-mode: ambient", labels: ", istio.io/dataplane-mode: none"},
		{name: "by pod", labels: ", istio.io/dataplane-mode: ambient", ambient: true},
		{name: "with a sidecar", namespace: "istio.io/dataplane-mode: ambient, istio-injection: enabled"},
		{name: "on the host's network", namespace: "istio.io/dataplane-mode: ambient", spec: "hostNetwork: true,"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, defaultRevision+namespaceYAML(c.namespace)+deploymentYAML(c.labels, "", c.spec))
			assert.Equal(t, c.ambient, proxy.IsAmbient(s, "shop", workload.Get(s, checkoutKey).Template))
		})
	}
}

func TestWaypointOf(t *testing.T) {
	const (
		shared  = "\n---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: infra}, spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE, allowedRoutes: {namespaces: {"
		own     = "\n---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, spec: {gatewayClassName: istio-waypoint}}"
		pods    = "\n---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop, labels: {istio.io/waypoint-for: workload}}, spec: {gatewayClassName: istio-waypoint}}"
		ingress = "\n---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, spec: {gatewayClassName: istio}}"
		waiting = "\n---\n{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, spec: {gatewayClassName: istio-waypoint}, status: {conditions: [{type: Programmed, status: 'False'}]}}"
		byClass = "\n---\n{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: istio-waypoint, labels: {istio.io/waypoint-for: none}}, spec: {controllerName: istio.io/mesh-controller}}"
	)
	cases := []struct {
		name, service, namespace, yaml string
		use                            gatewayapi.WaypointUse
		inUse                          bool
		named                          string
	}{
		{name: "no label", named: "/"},
		{name: "by namespace", namespace: "istio.io/use-waypoint: w", yaml: own, inUse: true, named: "shop/w"},
		{name: "by Service", service: "istio.io/use-waypoint: w", yaml: own, inUse: true, named: "shop/w", use: gatewayapi.WaypointUse{OnService: true}},
		{name: "Service opts out", service: "istio.io/use-waypoint: none", namespace: "istio.io/use-waypoint: w", yaml: own, named: "/", use: gatewayapi.WaypointUse{OnService: true, OptedOut: true}},
		{name: "namespace says none", namespace: "istio.io/use-waypoint: none", named: "/", use: gatewayapi.WaypointUse{OptedOut: true}},
		{name: "not there", namespace: "istio.io/use-waypoint: w", named: "shop/w"},
		{name: "for pods only", namespace: "istio.io/use-waypoint: w", yaml: pods, named: "shop/w", use: gatewayapi.WaypointUse{Refused: "it is a waypoint for workload traffic, not for Services"}},
		{name: "an ingress gateway", namespace: "istio.io/use-waypoint: w", yaml: ingress, named: "shop/w", use: gatewayapi.WaypointUse{Refused: "it is no waypoint: its class istio is one of ingress gateways"}},
		{name: "without an address", namespace: "istio.io/use-waypoint: w", yaml: waiting, named: "shop/w", use: gatewayapi.WaypointUse{Refused: "it has no address yet, because none of its pods is ready"}},
		{name: "for nothing, by its class", namespace: "istio.io/use-waypoint: w", yaml: own + byClass, named: "shop/w", use: gatewayapi.WaypointUse{Refused: "it is a waypoint for none traffic, not for Services, by the label istio.io/waypoint-for of its GatewayClass istio-waypoint"}},
		{name: "elsewhere, open", namespace: "istio.io/use-waypoint: w, istio.io/use-waypoint-namespace: infra", yaml: shared + "from: All}}}]}}", inUse: true, named: "infra/w"},
		{name: "elsewhere, by selector", namespace: "team: a, istio.io/use-waypoint: w, istio.io/use-waypoint-namespace: infra", yaml: shared + "from: Selector, selector: {matchLabels: {team: a}}}}}]}}", inUse: true, named: "infra/w"},
		{name: "elsewhere, closed", namespace: "istio.io/use-waypoint: w, istio.io/use-waypoint-namespace: infra", yaml: shared + "}}}]}}", named: "infra/w", use: gatewayapi.WaypointUse{Refused: "its listener does not let in namespace shop"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, namespaceYAML(c.namespace)+c.yaml+"\n---\n{apiVersion: v1, kind: Service, metadata: {name: s, namespace: shop, labels: {"+c.service+"}}}")
			service, ok := s.Services().Get("shop", "s")
			require.True(t, ok)
			use := gatewayapi.WaypointOf(s, service)
			assert.Equal(t, c.inUse, use.InUse())
			assert.Equal(t, c.named, use.Named.String())
			assert.Equal(t, c.use.OnService, use.OnService)
			assert.Equal(t, c.use.OptedOut, use.OptedOut)
			assert.Equal(t, c.use.Refused, use.Refused)
		})
	}
}

func TestSendsHBONE(t *testing.T) {
	const (
		gateway = "\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: gateway, namespace: istio-system}, spec: {template: {metadata: {labels: {istio: ingressgateway}, annotations: {%s}}, spec: {containers: [{name: istio-proxy, args: [proxy, router], env: [%s]}]}}}}"
		istiod  = "\n---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod, namespace: istio-system}, spec: {template: {metadata: {labels: {app: istiod}}, spec: {containers: [{name: discovery, args: [discovery], env: [%s]}]}}}}"
		ambient = "{name: PILOT_ENABLE_AMBIENT, value: 'true'}"
	)
	config := meshtest.MeshConfigText("defaultConfig: {proxyMetadata: {ISTIO_META_DISABLE_HBONE_SEND: 'true'}}")
	cases := []struct {
		name, yaml string
		sends      bool
	}{
		{"ambient", fmt.Sprintf(gateway, "", "") + fmt.Sprintf(istiod, ambient), true},
		{"no control plane", fmt.Sprintf(gateway, "", ""), false},
		{"not ambient", fmt.Sprintf(gateway, "", "") + fmt.Sprintf(istiod, ""), false},
		{"switched off", fmt.Sprintf(gateway, "", "") + fmt.Sprintf(istiod, ambient+", {name: PILOT_ENABLE_SENDING_HBONE, value: 'false'}"), false},
		{"off by environment", fmt.Sprintf(gateway, "", "{name: ISTIO_META_DISABLE_HBONE_SEND, value: 'true'}") + fmt.Sprintf(istiod, ambient), false},
		{"off by annotation", fmt.Sprintf(gateway, "proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_DISABLE_HBONE_SEND: \"true\"}'", "") + fmt.Sprintf(istiod, ambient), false},
		{"off by mesh config", fmt.Sprintf(gateway, "", "") + fmt.Sprintf(istiod, ambient) + "\n---\n" + config, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, c.yaml)
			require.Len(t, proxy.GatewayCandidates(s), 1)
			assert.Equal(t, c.sends, proxy.SendsHBONE(s, proxy.GatewayCandidates(s)[0]))
		})
	}
}
