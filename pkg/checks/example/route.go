package example

import "strings"

// RoutedServer is the application of these checks' examples: a gRPC server behind a Service, in an injected namespace.
const RoutedServer = `apiVersion: v1
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
        image: registry.example.com/orders:1
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

// RoutingGateway is their Gateway.
const RoutingGateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc-8000, protocol: GRPC}
    hosts: [orders.example.com]
---
`

// RouteWith is their VirtualService, with these http rules (indented by two).
func RouteWith(rules string) string {
	return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  gateways: [public]
  http:
` + rules
}

// TwoRoutes are two VirtualServices of one host, the older for orders and the younger for carts.
func TwoRoutes(older, younger string) string {
	_, workload, _ := strings.Cut(RoutedServer, "---\n")
	return strings.ReplaceAll(workload, "orders", "carts") + `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop, creationTimestamp: "2026-01-05T10:00:00Z"}
spec:
  hosts: [orders.example.com]
  gateways: [public]
  http: [{` + older + `route: [{destination: {host: orders, port: {number: 8000}}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: carts, namespace: shop, creationTimestamp: "2026-02-05T10:00:00Z"}
spec:
  hosts: [orders.example.com]
  gateways: [public]
  http: [{` + younger + `route: [{destination: {host: carts, port: {number: 8000}}}]}]
`
}
