package example

// Pieces that the examples of several checks share: a workload that serves gRPC, its Service, and the way in from outside.
const (
	GreeterNamespace = `apiVersion: v1
kind: Namespace
metadata:
  name: demo
  labels: {istio-injection: enabled}
`
	GreeterWorkload = GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
`
	GreeterService = `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
`
	GreeterRoute = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: greeter, namespace: demo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [greeter.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: greeter, namespace: demo}
spec:
  hosts: [greeter.example.com]
  gateways: [greeter]
  http:
  - route:
    - destination: {host: greeter, port: {number: 8000}}
`
)

// GreeterWorker is a second workload with the labels that the Service selects.
const GreeterWorker = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter-worker, namespace: demo}
spec:
  replicas: 1
  selector: {matchLabels: {app: greeter, role: worker}}
  template:
    metadata: {labels: {app: greeter, role: worker}}
    spec:
      containers:
      - name: worker
        image: registry.example.com/greeter-worker:1.0
        ports: [{name: metrics, containerPort: 9090}]
        readinessProbe: {tcpSocket: {port: 9090}}
`
