package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// policyReads are the kinds on which a check of policies of these kinds rests.
func policyReads(decisive ...mesh.Kind) []mesh.Kind { return slices.Concat(decisive, exposureReads) }

// policyConsults are the kinds that say besides whom a port is called by and what its pods are, given those that decide.
func policyConsults(decisive ...mesh.Kind) []mesh.Kind {
	consulted := slices.Concat(exposureConsults, []mesh.Kind{mesh.KindWebhook, mesh.KindDestinationRule, mesh.KindPeerAuthentication})
	return slices.DeleteFunc(consulted, func(kind mesh.Kind) bool { return slices.Contains(decisive, kind) })
}

// The example that most of these checks document themselves with: a gRPC server in an injected namespace behind a gateway.
const exampleShopServer = `apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {istio-injection: enabled}
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
      containers:
      - name: orders
        image: registry.example.com/shop/orders:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec:
  selector: {app: orders}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
---
`

// exampleShopRoute leads from the gateway to the server.
const exampleShopRoute = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [orders.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  gateways: [orders]
  http:
  - route:
    - destination: {host: orders, port: {number: 8000}}
---
`
