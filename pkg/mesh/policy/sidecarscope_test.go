package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestSidecarFor(t *testing.T) {
	s := meshtest.Snapshot(t, `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: younger, namespace: web, creationTimestamp: "2026-01-02T00:00:00Z"}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: zolder, namespace: web, creationTimestamp: "2026-01-01T00:00:00Z"}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: frontend, namespace: web, creationTimestamp: "2026-01-03T00:00:00Z"}
spec: {workloadSelector: {labels: {app: frontend}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: root, namespace: istio-system}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: rootselected, namespace: istio-system, creationTimestamp: "2020-01-01T00:00:00Z"}
spec: {workloadSelector: {labels: {app: frontend}}}
`)
	for _, test := range []struct{ namespace, app, want string }{
		{"web", "frontend", "frontend"},
		{"web", "other", "zolder"},
		{"shop", "frontend", "root"},
	} {
		sidecar := SidecarFor(s, test.namespace, map[string]string{"app": test.app})
		require.NotNil(t, sidecar)
		assert.Equal(t, test.want, sidecar.Name)
	}
	assert.Nil(t, SidecarFor(meshtest.Snapshot(t, ""), "web", nil))
}

func TestEgressIncludes(t *testing.T) {
	service := &core.Service{ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: "shop"}}
	for spec, want := range map[string]bool{
		"{}":                                     true,
		"{egress: [{hosts: ['*/*']}]}":           true,
		"{egress: [{hosts: ['./*']}]}":           false,
		"{egress: [{hosts: ['./*', 'shop/*']}]}": true,
		"{egress: [{hosts: ['./*']}, {hosts: ['shop/*']}]}":                        true,
		"{egress: [{hosts: ['shop/orders.shop.svc.cluster.local']}]}":              true,
		"{egress: [{hosts: ['shop/*.shop.svc.cluster.local']}]}":                   true,
		"{egress: [{hosts: ['*/carts.shop.svc.cluster.local']}]}":                  false,
		"{egress: [{hosts: ['shop/orders']}]}":                                     false,
		"{egress: [{hosts: ['orders.shop.svc.cluster.local']}]}":                   false,
		"{egress: [{hosts: ['~/*']}]}":                                             false,
		"{egress: [{hosts: ['*/*', '~shop/*']}]}":                                  false,
		"{egress: [{hosts: ['*/*', '~web/*']}]}":                                   true,
		"{egress: [{port: {number: 9000, protocol: GRPC}, hosts: ['*/*']}]}":       false,
		"{egress: [{port: {number: 8000, protocol: GRPC}, hosts: ['*/*']}]}":       true,
		"{egress: [{port: {number: 3128, protocol: HTTP_PROXY}, hosts: ['*/*']}]}": true,
	} {
		s := meshtest.Snapshot(t, "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, namespace: web}\nspec: "+spec+"\n")
		assert.Equal(t, want, EgressIncludes(s, s.Sidecars().All()[0], "web", service, 8000), spec)
	}
}
