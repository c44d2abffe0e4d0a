package gatewayapi

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestStreamRoutesAreTakenByProtocol(t *testing.T) {
	const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - {name: it, port: 443, hostname: "*.example.com", `
	routes := `}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: tcp, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: orders, port: 8000}, {name: idle, port: 8000, weight: 0}]}]
---
apiVersion: gateway.networking.k8s.io/v1alpha3
kind: TLSRoute
metadata: {name: tls, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.com]
  rules: [{backendRefs: [{name: orders, port: 8000}]}]
`
	for listener, want := range map[string][]string{
		"protocol: TCP": {"tcp"},
		"protocol: TLS, tls: {mode: Passthrough}":                                      {"tls"},
		"protocol: TLS, tls: {mode: Terminate, certificateRefs: [{name: orders}]}":     {"tcp", "tls"},
		"protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{name: orders}]}":   nil,
		"protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: X}]}": nil,
	} {
		s := meshtest.Snapshot(t, gateway+listener+routes)
		var taken []string
		for _, route := range StreamRoutes(s) {
			assert.Len(t, route.Backends, 1)
			if parents := GatewayParents(s, route); parents[0].Attached() {
				taken = append(taken, route.Key.Name)
			}
		}
		assert.Equal(t, want, taken, listener)
	}
}

func TestMeshParentKind(t *testing.T) {
	s := meshtest.Snapshot(t, `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs:
  - {name: a, kind: Service, group: ""}
  - {name: b, kind: ServiceEntry, group: networking.istio.io}
  - {name: c, kind: Service}
  - {name: d}
`)
	var kinds []string
	for _, reference := range APIRoutes(s)[0].Parents {
		kind, ok := MeshParentKind(reference)
		if !ok {
			kind = "none"
		}
		kinds = append(kinds, string(kind))
	}
	assert.Equal(t, []string{"Service", "ServiceEntry", "none", "none"}, kinds)
}
