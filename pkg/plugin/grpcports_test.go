package plugin

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const untold = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      containers: [{name: orders, image: registry.example.com/orders:1, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: web, port: 80, targetPort: 8080}]}
`

// TestGRPCPortIsTold holds that lint and create take the user's word for a port of which nothing else says that it is gRPC.
func TestGRPCPortIsTold(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("untold.yaml", []byte(untold), 0o600))
	got := command(t, "lint", "-f", "untold.yaml", "-o", "table")
	assert.Equal(t, ExitFine, got.code)
	assert.Contains(t, got.out, "No gRPC path seen in 3 objects: nothing to check.")
	assert.Contains(t, command(t, "create", "deployment/orders", "-f", "untold.yaml", "-o", "yaml").err, "error: ")

	for _, port := range []string{"orders:8080", "orders:web"} {
		got = command(t, "lint", "-f", "untold.yaml", "--grpc-port", port)
		assert.Equal(t, ExitBad, got.code, port)
		assert.Contains(t, got.out, "GX301", port)
		assert.Contains(t, got.out, "--grpc-port "+port+" says so")
	}
	got = command(t, "create", "deployment/orders", "-f", "untold.yaml", "--grpc-port", "orders:8080", "-o", "yaml")
	assert.Equal(t, ExitFine, got.code, got.err)
	assert.Contains(t, got.out, "appProtocol: grpc")
	for _, wrong := range []string{"orders", ":8080", "orders:"} {
		assert.Contains(t, command(t, "lint", "-f", "untold.yaml", "--grpc-port", wrong).err, "give the name of a Service or workload and a port of it, as orders:8080", wrong)
	}
}
