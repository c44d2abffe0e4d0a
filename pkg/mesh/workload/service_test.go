package workload

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

const twoWorkloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  template:
    metadata: {labels: {app: orders, version: v1}}
    spec:
      initContainers:
      - {name: migrate, ports: [{name: early, containerPort: 1}]}
      - {name: front, restartPolicy: Always, ports: [{name: front, containerPort: 2}]}
      containers:
      - {name: orders, ports: [{name: grpc, containerPort: 50051}, {name: quic, containerPort: 50051, protocol: UDP}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: orders-db, namespace: shop}
spec:
  template: {metadata: {labels: {app: orders, role: db}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: elsewhere}
spec:
  template: {metadata: {labels: {app: orders, version: v1}}}
---
apiVersion: v1
kind: Service
metadata: {name: both, namespace: shop}
spec: {selector: {app: orders}}
---
apiVersion: v1
kind: Service
metadata: {name: one, namespace: shop}
spec: {selector: {app: orders, version: v1}}
---
apiVersion: v1
kind: Service
metadata: {name: none, namespace: shop}
spec: {selector: {app: orders, version: v2}}
---
apiVersion: v1
kind: Service
metadata: {name: of-one-pod, namespace: shop}
spec: {selector: {statefulset.kubernetes.io/pod-name: orders-db-0, role: db}}
---
apiVersion: v1
kind: Service
metadata: {name: of-no-pod, namespace: shop}
spec: {selector: {statefulset.kubernetes.io/pod-name: orders-0}}
---
apiVersion: v1
kind: Service
metadata: {name: without-selector, namespace: shop}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: shop}
spec: {type: ExternalName, externalName: example.net, selector: {app: orders}}
---
apiVersion: v1
kind: Pod
metadata: {name: orders-1, namespace: shop, labels: {app: orders}}
---
apiVersion: v1
kind: Pod
metadata: {name: orders-ended, namespace: shop, labels: {app: orders}}
status: {phase: Succeeded}
`

func TestSelections(t *testing.T) {
	s := meshtest.Snapshot(t, twoWorkloads)
	workloads := map[string][]string{}
	for _, service := range s.Services().All() {
		for _, workload := range WorkloadsOf(s, service) {
			workloads[service.Name] = append(workloads[service.Name], workload.Key.String())
		}
	}
	assert.Equal(t, map[string][]string{
		"both":       {"Deployment shop/orders", "StatefulSet shop/orders-db"},
		"one":        {"Deployment shop/orders"},
		"of-one-pod": {"StatefulSet shop/orders-db"},
	}, workloads)

	var services []string
	for _, service := range ServicesSelecting(s, WorkloadsIn(s, "shop")[0]) {
		services = append(services, service.Name)
	}
	assert.Equal(t, []string{"both", "one"}, services)

	pods := PodsSelected(s, "shop", map[string]string{"app": "orders"})
	require.Len(t, pods, 1)
	assert.Equal(t, "orders-1", pods[0].Name)
	assert.Empty(t, PodsSelected(s, "shop", nil))
	assert.Empty(t, PodsSelected(s, "shop", map[string]string{"app": "orders", "version": "v1"}))
}

func TestTargetPort(t *testing.T) {
	template := WorkloadsIn(meshtest.Snapshot(t, twoWorkloads), "shop")[0].Template
	for _, test := range []struct {
		target    intstr.IntOrString
		transport core.Protocol
		number    int32
		container string
		ok        bool
	}{
		{intstr.FromString("grpc"), core.ProtocolTCP, 50051, "orders", true},
		{intstr.FromString("grpc"), core.ProtocolUDP, 0, "", false},
		{intstr.FromString("quic"), core.ProtocolTCP, 0, "", false},
		{intstr.FromString("quic"), core.ProtocolUDP, 50051, "orders", true},
		{intstr.FromString("front"), core.ProtocolTCP, 2, "front", true},
		{intstr.FromString("early"), core.ProtocolTCP, 0, "", false},
		{intstr.FromString("missing"), core.ProtocolTCP, 0, "", false},
		{intstr.FromInt32(50051), core.ProtocolTCP, 50051, "orders", true},
		{intstr.FromInt32(50051), core.ProtocolSCTP, 50051, "", true},
		{intstr.FromInt32(9090), core.ProtocolTCP, 9090, "", true},
	} {
		port := &core.ServicePort{Port: 8000, Protocol: test.transport, TargetPort: test.target}
		number, container, ok := TargetPort(port, template)
		name := ""
		if container != nil {
			name = container.Name
		}
		assert.Equal(t, []any{test.number, test.container, test.ok}, []any{number, name, ok}, "%+v", test)
	}
}
