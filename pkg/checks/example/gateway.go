package example

import "fmt"

// The examples of the checks of gateways are put together from these objects, on top of a mesh with a default Istio.

// Orders is a gRPC server with its Service.
const Orders = `apiVersion: v1
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
    metadata:
      labels: {app: orders}
    spec:
      containers:
      - name: orders
        image: registry.example.com/orders:1.4
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec:
  selector: {app: orders}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
`

// route leads from Gateway orders to Service orders.
const route = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  gateways: [orders]
  http:
  - route:
    - destination: {host: orders, port: {number: 8000}}
`

// Gateway is Gateway orders with one server, of that selector and port (and more lines of the server), and a route.
func Gateway(selector, port string, more ...string) string {
	gateway := fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: orders
  namespace: shop
  creationTimestamp: "2026-03-02T10:00:00Z"
spec:
  selector: {%s}
  servers:
  - port: %s
    hosts: [orders.example.com]
`, selector, port)
	for _, line := range more {
		gateway += "    " + line + "\n"
	}
	return gateway + route
}

// Files is a certificate that is mounted into the gateway's pods.
const Files = "tls: {mode: SIMPLE, serverCertificate: /etc/certs/tls.crt, privateKey: /etc/certs/tls.key}"

// TLSGateway ends TLS for orders.
var TLSGateway = Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}", Files)

// OlderGateway is another team's, made before Gateway orders; with TLS it has a route.
func OlderGateway(port, host, tls string) string {
	gateway := fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: older
  namespace: shop
  creationTimestamp: "2025-11-05T10:00:00Z"
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: %s
    hosts: [%s]
`, port, host)
	if tls == "" {
		return gateway
	}
	return gateway + fmt.Sprintf(`    %s
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: older, namespace: shop}
spec:
  hosts: [%s]
  gateways: [older]
  http:
  - route:
    - destination: {host: orders, port: {number: 8000}}
`, tls, host)
}

// GatewayAlone has no route.
const GatewayAlone = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [orders.example.com]
`

// TCPGateway leads to orders by a tcp route.
func TCPGateway(port string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: %s
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: ["*"]
  gateways: [orders]
  tcp:
  - route:
    - destination: {host: orders, port: {number: 8000}}
`, port)
}

// RedirectBesideHTTPS redirects browsers, and takes calls with TLS.
const RedirectBesideHTTPS = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [orders.example.com]
    tls: {httpsRedirect: true}
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [orders.example.com]
    ` + Files + "\n" + route

// ScopedIstiod is istiod with a setting that keeps Gateways to their own namespace.
const ScopedIstiod = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: istiod
  namespace: istio-system
  labels: {app: istiod, istio.io/rev: default}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata:
      labels: {app: istiod, istio: pilot, istio.io/rev: default, sidecar.istio.io/inject: "false"}
    spec:
      containers:
      - name: discovery
        image: docker.io/istio/pilot:1.26.4
        args: [discovery]
        env:
        - {name: REVISION, value: default}
        - {name: PILOT_SCOPE_GATEWAY_TO_NAMESPACE, value: "true"}
---
`

// SharedGateway stands in the namespace of the gateway's pods.
const SharedGateway = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: istio-system}
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
  gateways: [istio-system/orders]
  http:
  - route:
    - destination: {host: orders, port: {number: 8000}}
`

// edge is a gateway beside Istio's own.
type edge struct {
	replicas     int
	serviceType  string
	annotation   string
	port, target string
	address      string
}

func (e edge) yaml() string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-gateway, namespace: edge}
spec:
  replicas: %d
  selector: {matchLabels: {istio: edge}}
  template:
    metadata:
      labels: {istio: edge, sidecar.istio.io/inject: "false"}
    spec:
      containers:
      - name: istio-proxy
        image: docker.io/istio/proxyv2:1.26.4
        args: [proxy, router]
        env: [{name: ISTIO_META_UNPRIVILEGED_POD, value: "true"}]
---
apiVersion: v1
kind: Service
metadata:
  name: edge-gateway
  namespace: edge
  annotations: {%s}
spec:
  type: %s
  clusterIP: 10.96.10.31
  selector: {istio: edge}
  ports: [{name: grpc, port: %s, targetPort: %s}]
status:
  loadBalancer: {ingress: [%s]}
`, e.replicas, e.annotation, e.serviceType, e.port, e.target, e.address)
}

const edgeAddress = "{ip: 203.0.113.31}"

// EdgeGateway is a gateway with a LoadBalancer that has an address.
func EdgeGateway(port, target string) string {
	return edge{replicas: 1, serviceType: "LoadBalancer", port: port, target: target, address: edgeAddress}.yaml()
}

// EdgeWithout is a gateway whose Service has a type and no address.
func EdgeWithout(serviceType string) string {
	return edge{replicas: 1, serviceType: serviceType, port: "8000", target: "8000"}.yaml()
}

// EdgeAnnotated is EdgeGateway with an annotation on its Service.
func EdgeAnnotated(annotation string) string {
	return edge{
		replicas: 1, serviceType: "LoadBalancer", annotation: annotation, port: "8000", target: "8000", address: edgeAddress,
	}.yaml()
}

// EdgeScaledToZero is EdgeGateway without pods.
var EdgeScaledToZero = edge{
	serviceType: "LoadBalancer", port: "8000", target: "8000", address: edgeAddress,
}.yaml()

// Certificate is for orders.example.com, from 2025 to 2035.
const Certificate = `---
apiVersion: v1
kind: Secret
metadata: {name: orders-cert, namespace: istio-system}
type: kubernetes.io/tls
data:
  tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJNVENCMktBREFnRUNBZ0VCTUFvR0NDcUdTTTQ5QkFNQ01CRXhEekFOQmdOVkJBTVRCbTl5WkdWeWN6QWUKRncweU5UQXhNREV3TURBd01EQmFGdzB6TlRBeE1ERXdNREF3TURCYU1CRXhEekFOQmdOVkJBTVRCbTl5WkdWeQpjekJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCQWZCZWdRbEd4UmlFL0cvTFIzL1F5SHJVNk10CmRFYnZUTHhVdzMzTk9JWk9hTWdORStWVDJVUmZpUEloT0w4R05BajQ2WndSZzZrbHR1RjhrMllMNlpxaklUQWYKTUIwR0ExVWRFUVFXTUJTQ0VtOXlaR1Z5Y3k1bGVHRnRjR3hsTG1OdmJUQUtCZ2dxaGtqT1BRUURBZ05JQURCRgpBaUVBd240Z2I5d0NOU2JiVnhXM0hNY2tTRC9GdkZUREFCQkdYdlozTEJZUHJ6a0NJSHBtM09aNll1NnlPZk4vClZNVk90c1pDZmxZMHQrYWxIWUdCeVlCdEIycVEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
  tls.key: LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFSU1vNldvOXlER0NEbDJTVlUxNmo3SW9ndnExbnliTTMxenVxaHRzTE1PckxvQW9HQ0NxR1NNNDkKQXdFSG9VUURRZ0FFQjhGNkJDVWJGR0lUOGI4dEhmOURJZXRUb3kxMFJ1OU12RlREZmMwNGhrNW95QTBUNVZQWgpSRitJOGlFNHZ3WTBDUGpwbkJHRHFTVzI0WHlUWmd2cG1nPT0KLS0tLS1FTkQgRUMgUFJJVkFURSBLRVktLS0tLQo=
`

// OtherCertificate is for orders.internal.example.com.
const OtherCertificate = `---
apiVersion: v1
kind: Secret
metadata: {name: orders-cert, namespace: istio-system}
type: kubernetes.io/tls
data:
  tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJPakNCNGFBREFnRUNBZ0VCTUFvR0NDcUdTTTQ5QkFNQ01CRXhEekFOQmdOVkJBTVRCbTl5WkdWeWN6QWUKRncweU5UQXhNREV3TURBd01EQmFGdzB6TlRBeE1ERXdNREF3TURCYU1CRXhEekFOQmdOVkJBTVRCbTl5WkdWeQpjekJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCQlNLSVpqMW9lODZac0pQUVk2Sk5vQm9MSlM4CmhuSnBwNXBFRy9VbUxNblA0YzNGVEJBMEJvY1duN2VMeGxiL1VERjUxeEpxRHhGaEV1S28xUEtMemYraktqQW8KTUNZR0ExVWRFUVFmTUIyQ0cyOXlaR1Z5Y3k1cGJuUmxjbTVoYkM1bGVHRnRjR3hsTG1OdmJUQUtCZ2dxaGtqTwpQUVFEQWdOSUFEQkZBaUVBaWRsMGp3bGgwTDZlczN1aW8wUndRdjBjQ041Nk9SSVF0RjZpTzZ2ci9pOENJRFJWCkM2NmlTbGxuRzZBU0MyRkttd2tzWFZBaU1FdEdOUzE1TEFaNFZyNk4KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
  tls.key: LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFSUdFbFl5ZEg2NVltcC9CQUhvS0UzSnRHeTNoNEVsR3d3YXg3MWtuQVByL3lvQW9HQ0NxR1NNNDkKQXdFSG9VUURRZ0FFRklvaG1QV2g3enBtd2s5QmpvazJnR2dzbEx5R2NtbW5ta1FiOVNZc3ljL2h6Y1ZNRURRRwpoeGFmdDR2R1Z2OVFNWG5YRW1vUEVXRVM0cWpVOG92Ti93PT0KLS0tLS1FTkQgRUMgUFJJVkFURSBLRVktLS0tLQo=
`

// CertificateWithoutKey cannot be used.
const CertificateWithoutKey = `---
apiVersion: v1
kind: Secret
metadata: {name: orders-cert, namespace: istio-system}
type: Opaque
data:
  tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJNVENCMktBREFnRUNBZ0VCTUFvR0NDcUdTTTQ5QkFNQ01CRXhEekFOQmdOVkJBTVRCbTl5WkdWeWN6QWUKRncweU5UQXhNREV3TURBd01EQmFGdzB6TlRBeE1ERXdNREF3TURCYU1CRXhEekFOQmdOVkJBTVRCbTl5WkdWeQpjekJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEEwSUFCQWZCZWdRbEd4UmlFL0cvTFIzL1F5SHJVNk10CmRFYnZUTHhVdzMzTk9JWk9hTWdORStWVDJVUmZpUEloT0w4R05BajQ2WndSZzZrbHR1RjhrMllMNlpxaklUQWYKTUIwR0ExVWRFUVFXTUJTQ0VtOXlaR1Z5Y3k1bGVHRnRjR3hsTG1OdmJUQUtCZ2dxaGtqT1BRUURBZ05JQURCRgpBaUVBd240Z2I5d0NOU2JiVnhXM0hNY2tTRC9GdkZUREFCQkdYdlozTEJZUHJ6a0NJSHBtM09aNll1NnlPZk4vClZNVk90c1pDZmxZMHQrYWxIWUdCeVlCdEIycVEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
`
