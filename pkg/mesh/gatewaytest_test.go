package mesh

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ingress is a gateway with a Service in front: 80 leads to 8080, 443 to 8443, and 8000 to the container port named grpc.
const ingress = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: edge}
spec:
  selector: {matchLabels: {istio: ingress}}
  template:
    metadata: {labels: {istio: ingress, team: edge}}
    spec:
      containers:
      - name: istio-proxy
        args: [proxy, router, --domain, edge.svc.cluster.local]
        env: [{name: ISTIO_META_UNPRIVILEGED_POD, value: "true"}]
        ports: [{name: grpc, containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: edge, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  type: LoadBalancer
  selector: {istio: ingress}
  ports:
  - {name: http2, port: 80, targetPort: 8080, nodePort: 31380}
  - {name: https, port: 443, targetPort: 8443}
  - {name: grpc, port: 8000, targetPort: grpc}
  - {name: http3, port: 9443, targetPort: 9443, protocol: UDP}
`

// onlyGateway is the one gateway workload of a snapshot.
func onlyGateway(t testing.TB, s *Snapshot) *GatewayWorkload {
	t.Helper()
	workloads := s.GatewayWorkloads()
	require.Len(t, workloads, 1)
	return workloads[0]
}

func documents(parts ...string) string { return strings.Join(parts, "\n---\n") }
