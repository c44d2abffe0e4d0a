package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGatewayWorkloads(t *testing.T) {
	for name, test := range map[string]struct {
		objects string
		want    []string
	}{
		"command line of a router": {
			deployment("any-name", `{metadata: {labels: {a: b}}, spec: {containers: [{name: proxy, args: [proxy, router]}]}}`),
			[]string{"Deployment edge/any-name"},
		},
		"injection template": {
			deployment("gateway", `{metadata: {labels: {a: b}, annotations: {inject.istio.io/templates: gateway}},
    spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			[]string{"Deployment edge/gateway"},
		},
		"one of several injection templates": {
			deployment("gateway", `{metadata: {labels: {a: b}, annotations: {inject.istio.io/templates: "gateway, extra"}},
    spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			[]string{"Deployment edge/gateway"},
		},
		"proxy without application": {
			deployment("gateway", `{metadata: {labels: {a: b}}, spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			[]string{"Deployment edge/gateway"},
		},
		"injection template of a waypoint": {
			deployment("gateway", `{metadata: {labels: {a: b}, annotations: {inject.istio.io/templates: waypoint}},
    spec: {containers: [{name: istio-proxy, image: auto}]}}`),
			nil,
		},
		"application named like a gateway": {
			deployment("istio-ingressgateway", `{metadata: {labels: {istio: ingressgateway}}, spec: {containers: [{name: app}]}}`),
			nil,
		},
		"application with a sidecar of its own settings": {
			deployment("app", `{metadata: {labels: {a: b}}, spec: {containers: [{name: app}, {name: istio-proxy, image: auto}]}}`),
			nil,
		},
		"sidecar, waypoint": {
			documents(
				deployment("app", `{metadata: {labels: {a: b}}, spec: {containers: [{name: istio-proxy, args: [proxy, sidecar]}]}}`),
				deployment("waypoint", `{metadata: {labels: {a: b}}, spec: {containers: [{name: istio-proxy, args: [proxy, waypoint]}]}}`)),
			nil,
		},
		"egress, east-west, and what the Gateway API's controller made": {
			documents(
				deployment("e", `{metadata: {labels: {istio: egressgateway}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`),
				deployment("w", `{metadata: {labels: {istio: eastwestgateway}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`),
				deployment("g", `{metadata: {labels: {gateway.networking.k8s.io/gateway-name: g}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`)),
			nil,
		},
		"native sidecar beside an application": {
			deployment("app", `{metadata: {labels: {a: b}}, spec: {containers: [{name: app}],
    initContainers: [{name: istio-proxy, restartPolicy: Always, args: [proxy, sidecar]}]}}`),
			nil,
		},
		"pods without a known owner": {
			documents(podOf("gw-1", "istio: gw, pod-template-hash: a1"), podOf("gw-2", "istio: gw, pod-template-hash: b2")),
			[]string{"Pod edge/gw-1"},
		},
		"pods with nothing but metadata, that a Gateway selects and a Service is in front of": {
			documents(`{apiVersion: v1, kind: Pod, metadata: {name: gw, namespace: edge, labels: {istio: gw}}}`,
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
			for _, workload := range snapshot(t, test.objects).GatewayWorkloads() {
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
			s := snapshot(t, documents(ingress,
				deployment("orders", `{metadata: {labels: {app: orders}}, spec: {containers: [{name: orders}]}}`),
				`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: shop}, spec: {selector: `+selector+`}}`))
			gateway := s.Gateways().All()[0]
			assert.Equal(t, want, len(s.GatewayWorkloadsSelected(gateway)) == 1)
		})
	}
}

func TestGatewayInScope(t *testing.T) {
	istiod := func(revision, scoped string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: istiod-` + revision + `, namespace: istio-system},
  spec: {selector: {matchLabels: {app: istiod}}, template: {metadata: {labels: {app: istiod}}, spec: {containers: [
    {name: discovery, args: [discovery], env: [{name: REVISION, value: ` + revision + `}, {name: PILOT_SCOPE_GATEWAY_TO_NAMESPACE, value: "` + scoped + `"}]}]}}}}`
	}
	gateway := func(revision string) string {
		return deployment("gw", `{metadata: {labels: {istio: gw`+revision+`}}, spec: {containers: [{name: p, args: [proxy, router]}]}}`)
	}
	elsewhere := `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: shop},
  spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: a, protocol: GRPC}, hosts: ["*"]}]}}`
	for name, test := range map[string]struct {
		objects string
		want    bool
	}{
		"no control plane":            {documents(gateway(""), elsewhere), true},
		"not scoped":                  {documents(istiod("a", "false"), gateway(""), elsewhere), true},
		"scoped":                      {documents(istiod("a", "true"), gateway(""), elsewhere), false},
		"another revision is scoped":  {documents(istiod("a", "true"), istiod("b", "false"), gateway(", istio.io/rev: b"), elsewhere), true},
		"its own revision is scoped":  {documents(istiod("a", "false"), istiod("b", "true"), gateway(", istio.io/rev: b"), elsewhere), false},
		"its revision is a tag":       {documents(istiod("a", "true"), gateway(", istio.io/rev: stable"), elsewhere), false},
		"scoped, in the same place":   {documents(istiod("a", "true"), gateway(""), elsewhereIn("edge")), true},
		"a value that is not boolean": {documents(istiod("a", "yes"), gateway(""), elsewhere), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, test.objects)
			workload := onlyGateway(t, s)
			require.Len(t, s.GatewayWorkloadsSelected(s.Gateways().All()[0]), 1, "the selector has nothing to do with it")
			assert.Equal(t, test.want, s.GatewayInScope(s.Gateways().All()[0], workload))
			assert.Equal(t, test.want, len(s.Servers(workload)) == 1)
		})
	}
}

func elsewhereIn(namespace string) string {
	return `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: ` + namespace + `},
  spec: {selector: {istio: gw}, servers: [{port: {number: 80, name: a, protocol: GRPC}, hosts: ["*"]}]}}`
}
