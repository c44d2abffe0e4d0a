package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

func TestInfrastructure(t *testing.T) {
	for name, test := range map[string]struct {
		metadata, template, container string
		want                          bool
	}{
		"istiod":                      {`{name: x, labels: {operator.istio.io/component: Pilot}}`, `{labels: {app: x}}`, `{name: discovery}`, true},
		"istiod by its pods' labels":  {`{name: x}`, `{labels: {app: istiod}}`, `{name: discovery}`, true},
		"ztunnel":                     {`{name: x}`, `{labels: {app: ztunnel}}`, `{name: istio-proxy, args: [proxy, ztunnel]}`, true},
		"a gateway of the old chart":  {`{name: x}`, `{labels: {app: x}}`, `{name: istio-proxy, args: [proxy, router]}`, true},
		"a gateway of the new chart":  {`{name: x}`, `{labels: {app: x}, annotations: {inject.istio.io/templates: gateway}}`, `{name: istio-proxy, image: auto}`, true},
		"a gateway with a helper":     {`{name: x}`, `{labels: {app: x}}`, `{name: istio-proxy, args: [proxy, router]}, {name: helper}`, true},
		"made by the Gateway API":     {`{name: x}`, `{labels: {gateway.networking.k8s.io/gateway-name: x}}`, `{name: istio-proxy}`, true},
		"a waypoint":                  {`{name: x}`, `{labels: {gateway.istio.io/managed: istio.io-mesh-controller}}`, `{name: istio-proxy, args: [proxy, waypoint]}`, true},
		"an application":              {`{name: x}`, `{labels: {app: x}}`, `{name: server}`, false},
		"one with a sidecar":          {`{name: x}`, `{labels: {app: x}}`, `{name: server}, {name: istio-proxy, args: [proxy, sidecar]}`, false},
		"one that is called pilot":    {`{name: x}`, `{labels: {app: pilot}}`, `{name: server}`, false},
		"one with a proxy of its own": {`{name: x}`, `{labels: {app: x}}`, `{name: server, args: [router]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, `
apiVersion: apps/v1
kind: Deployment
metadata: `+test.metadata+`
spec:
  template:
    metadata: `+test.template+`
    spec: {containers: [`+test.container+`]}
`)
			require.Len(t, workload.Workloads(s), 1)
			assert.Equal(t, test.want, IsInfrastructure(workload.Workloads(s)[0]))
		})
	}
}

func TestInfrastructureService(t *testing.T) {
	const pods = `
apiVersion: v1
kind: Pod
metadata: {name: edge-1, namespace: a, labels: {edge: "yes"}}
spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server-1, namespace: a, labels: {server: "yes", tier: web}}
spec: {containers: [{name: server}]}
---
apiVersion: v1
kind: Service
metadata: {name: x, namespace: a`
	for spec, want := range map[string]bool{
		`}` + "\n" + `spec: {selector: {edge: "yes"}}`:                                true,
		`}` + "\n" + `spec: {selector: {server: "yes"}}`:                              false,
		`}` + "\n" + `spec: {selector: {app: gone}}`:                                  false,
		`}` + "\n" + `spec: {selector: {istio: ingressgateway}}`:                      true,
		`, labels: {app: istiod}}` + "\n" + `spec: {selector: {app: gone}}`:           true,
		`, labels: {istio: ingressgateway}}` + "\n" + `spec: {selector: {tier: web}}`: false,
	} {
		s := meshtest.Snapshot(t, pods+spec)
		assert.Equal(t, want, IsInfrastructureService(s, s.Services().All()[0]), spec)
	}
}
