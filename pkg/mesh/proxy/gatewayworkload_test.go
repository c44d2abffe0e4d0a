package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest/onlygateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestGatewayWorkloads(t *testing.T) {
	for name, test := range map[string]struct {
		objects string
		want    []string
	}{
		"command line of a router": {
			meshtest.Deployment("any-name", `{metadata: {labels: {a: b}}, spec: {containers: [{name: proxy, args: [proxy, router]}]}}`),
			[]string{"Deployment edge/any-name"},
		},
		"injection template": {
			meshtest.Deployment("gateway", `{metadata: {labels: {a: b}, annotations: {inject.istio.io/templates: gateway}},
    spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			[]string{"Deployment edge/gateway"},
		},
		"one of several injection templates": {
			meshtest.Deployment("gateway", `{metadata: {labels: {a: b}, annotations: {inject.istio.io/templates: "gateway, extra"}},
    spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			[]string{"Deployment edge/gateway"},
		},
		"proxy without application": {
			meshtest.Deployment("gateway", `{metadata: {labels: {a: b}}, spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			[]string{"Deployment edge/gateway"},
		},
		"injection template of a waypoint": {
			meshtest.Deployment("gateway", `{metadata: {labels: {a: b}, annotations: {inject.istio.io/templates: waypoint}},
    spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			nil,
		},
		"application named like a gateway": {
			meshtest.Deployment("istio-ingressgateway", `{metadata: {labels: {istio: ingressgateway}}, spec: {containers: [{name: app}]}}`),
			nil,
		},
		"application with a sidecar of its own settings": {
			meshtest.Deployment("app", `{metadata: {labels: {a: b}}, spec: {containers: [{name: app}, {name: istio-proxy, image: auto}]}}`),
			nil,
		},
		"sidecar, waypoint": {
			meshtest.Documents(
				meshtest.Deployment("app", `{metadata: {labels: {a: b}}, spec: {containers: [{name: istio-proxy, args: [proxy, sidecar]}]}}`),
				meshtest.Deployment("waypoint", `{metadata: {labels: {a: b}}, spec: {containers: [{name: istio-proxy, args: [proxy, waypoint]}]}}`)),
			nil,
		},
		"egress, east-west, and what the Gateway API's controller made": {
			meshtest.Documents(
				meshtest.Deployment("e", `{metadata: {labels: {istio: egressgateway}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`),
				meshtest.Deployment("w", `{metadata: {labels: {istio: eastwestgateway}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`),
				meshtest.Deployment("g", `{metadata: {labels: {gateway.networking.k8s.io/gateway-name: g}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`)),
			nil,
		},
		"native sidecar beside an application": {
			meshtest.Deployment("app", `{metadata: {labels: {a: b}}, spec: {containers: [{name: app}],
    initContainers: [{name: istio-proxy, restartPolicy: Always, args: [proxy, sidecar]}]}}`),
			nil,
		},
		"pods without a known owner": {
			meshtest.Documents(podOf("gw-1", "istio: gw, pod-template-hash: a1"), podOf("gw-2", "istio: gw, pod-template-hash: b2")),
			[]string{"Pod edge/gw-1"},
		},
		"pods of a DaemonSet in the middle of an update": {
			meshtest.Documents(podOf("gw-1", "istio: gw, pod-template-generation: '1'"), podOf("gw-2", "istio: gw, pod-template-generation: '2'")),
			[]string{"Pod edge/gw-1"},
		},
		"pods with nothing but metadata, that a Gateway selects and a Service is in front of": {
			meshtest.Documents(`{apiVersion: v1, kind: Pod, metadata: {name: gw, namespace: edge, labels: {istio: gw}}}`,
				`{apiVersion: v1, kind: Service, metadata: {name: gw, namespace: edge}, spec: {selector: {istio: gw}, ports: [{port: 80}]}}`,
				`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: shop}, spec: {selector: {istio: gw}}}`),
			[]string{"Pod edge/gw"},
		},
		"pods with nothing but metadata, that nothing selects": {
			`{apiVersion: v1, kind: Pod, metadata: {name: gw, namespace: edge, labels: {istio: gw}}}`,
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, workload := range proxy.GatewayWorkloads(meshtest.Snapshot(t, test.objects)) {
				got = append(got, workload.String())
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func podOf(name, labels string) string {
	return `{apiVersion: v1, kind: Pod, metadata: {name: ` + name + `, namespace: edge, labels: {` + labels + `}},
  spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}}`
}

func TestGatewayWorkloadsSelected(t *testing.T) {
	for selector, want := range map[string]bool{
		`{istio: ingress}`:             true,
		`{istio: ingress, team: edge}`: true,
		`{}`:                           true,
		`{istio: ingressgateway}`:      false,
		`{istio: ingress, team: shop}`: false,
		`{app: orders}`:                false,
	} {
		t.Run(selector, func(t *testing.T) {
			s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress,
				meshtest.Deployment("orders", `{metadata: {labels: {app: orders}}, spec: {containers: [{name: orders}]}}`),
				`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: shop}, spec: {selector: `+selector+`}}`))
			gateway := s.Gateways().All()[0]
			assert.Equal(t, want, len(proxy.GatewayWorkloadsSelected(s, gateway)) == 1)
		})
	}
}

func TestGatewayInScope(t *testing.T) {
	istiod := func(revision, scoped string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod-` + revision + `, namespace: istio-system},
  spec: {selector: {matchLabels: {app: istiod}}, template: {metadata: {labels: {app: istiod}}, spec: {containers: [
    {name: discovery, args: [discovery], env: [{name: REVISION, value: ` + revision + `}, {name: PILOT_SCOPE_GATEWAY_TO_NAMESPACE, value: "` + scoped + `"}]}]}}}}`
	}
	gw := func(revision string) string {
		return meshtest.Deployment("gw", `{metadata: {labels: {istio: gw`+revision+`}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`)
	}
	elsewhere := `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: shop},
  spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: a, protocol: GRPC}, hosts: ["*"]}]}}`
	for name, test := range map[string]struct {
		objects string
		want    bool
	}{
		"no control plane":            {meshtest.Documents(gw(""), elsewhere), true},
		"not scoped":                  {meshtest.Documents(istiod("a", "false"), gw(""), elsewhere), true},
		"scoped":                      {meshtest.Documents(istiod("a", "true"), gw(""), elsewhere), false},
		"another revision is scoped":  {meshtest.Documents(istiod("a", "true"), istiod("b", "false"), gw(", istio.io/rev: b"), elsewhere), true},
		"its own revision is scoped":  {meshtest.Documents(istiod("a", "false"), istiod("b", "true"), gw(", istio.io/rev: b"), elsewhere), false},
		"its revision is a tag":       {meshtest.Documents(istiod("a", "true"), gw(", istio.io/rev: stable"), elsewhere), false},
		"scoped, in the same place":   {meshtest.Documents(istiod("a", "true"), gw(""), elsewhereIn("edge")), true},
		"a value that is not boolean": {meshtest.Documents(istiod("a", "yes"), gw(""), elsewhere), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, test.objects)
			workload := onlygateway.OnlyGateway(t, s)
			require.Len(t, proxy.GatewayWorkloadsSelected(s, s.Gateways().All()[0]), 1, "the selector has nothing to do with it")
			assert.Equal(t, test.want, proxy.GatewayInScope(s, s.Gateways().All()[0], workload))
			assert.Equal(t, test.want, len(gateway.Servers(s, workload)) == 1)
		})
	}
}

func elsewhereIn(namespace string) string {
	return `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: ` + namespace + `},
  spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: a, protocol: GRPC}, hosts: ["*"]}]}}`
}
