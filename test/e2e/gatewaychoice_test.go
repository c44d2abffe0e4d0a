package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secondGateway is another ingress gateway beside Istio's own.
const secondGateway = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: partners, namespace: istio-system}
spec:
  selector: {matchLabels: {app: partners, istio: partners}}
  template:
    metadata: {labels: {app: partners, istio: partners, sidecar.istio.io/inject: "false"}}
    spec: {containers: [{name: istio-proxy, image: example.com/proxy, args: [proxy, router]}]}
---
apiVersion: v1
kind: Service
metadata: {name: partners, namespace: istio-system}
spec: {type: LoadBalancer, selector: {app: partners}, ports: [{name: grpc, port: 8000}]}
`

func TestSeveralGateways(t *testing.T) {
	s := on(t, onOrdinary)
	require.NoError(t, s.Apply(t.Context(), secondGateway))
	t.Cleanup(func() {
		_, err := s.Kubectl(cleanup, "delete", "deployment,service", "partners", "-n", "istio-system", "--wait")
		assert.NoError(t, err)
	})
	s.kubectl("rollout", "status", "deployment/partners", "-n", "istio-system")
	s.given(server)
	s.refuses(recipe()...)
	s.create("--gateway-selector", "istio=partners").exits(0).says("GX415") // nobody gives its load balancer an address
	s.show("gateways.networking.istio.io", "server")
	s.delete().exits(0)
	s.golden()
}

func TestNoGateway(t *testing.T) {
	s := on(t, onOrdinary)
	s.given(server)
	before := s.get("deployments.apps", "istio-system/istio-ingressgateway")
	s.kubectl("delete", "deployment", "istio-ingressgateway", "-n", "istio-system", "--cascade=foreground", "--wait")
	t.Cleanup(func() { s.remake("deployments.apps", "istio-system", before) })
	s.refuses(recipe()...)
	s.golden()
}
