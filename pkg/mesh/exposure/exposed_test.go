package exposure

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// exposedAs is what the snapshot says of the ports of Service shop/orders, each as its number and its evidence.
func exposedAs(t *testing.T, text string) map[int32][]string {
	t.Helper()
	s := meshtest.Snapshot(t, text)
	service, ok := s.Services().Get("shop", "orders")
	require.True(t, ok)
	exposed := map[int32][]string{}
	for _, port := range ExposedPortsOf(s, service) {
		for _, evidence := range port.Evidence {
			exposed[port.Port.Port] = append(exposed[port.Port.Port], evidence.Text)
		}
	}
	return exposed
}

func ordersWith(container, port string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec: {containers: [` + container + `]}
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec:
  selector: {app: orders}
  ports: [` + port + `]
`
}

func TestEvidence(t *testing.T) {
	const plain = `{name: orders}`
	for name, test := range map[string]struct {
		container, port string
		want            map[int32][]string
	}{
		"a container port named grpc": {
			`{name: orders, ports: [{name: grpc-api, containerPort: 9000}]}`, `{name: http, port: 80, targetPort: 9000}`,
			map[int32][]string{80: {"port 9000 of container orders is named grpc-api"}},
		},
		"a targetPort named grpc, whatever the container says": {
			plain, `{name: http, port: 80, targetPort: api-grpc}`, map[int32][]string{80: {"its targetPort is named api-grpc"}},
		},
		"a gRPC probe on the port": {
			`{name: orders, livenessProbe: {grpc: {port: 9000}}}`, `{name: http, port: 80, targetPort: 9000}`,
			map[int32][]string{80: {"the liveness probe of container orders calls gRPC on port 9000"}},
		},
		"a gRPC probe on another port": {
			`{name: orders, livenessProbe: {grpc: {port: 9001}}}`, `{name: http, port: 80, targetPort: 9000}`, map[int32][]string{},
		},
		"a name that ends in grpc": {
			plain, `{name: otlpgrpc, port: 80}`, map[int32][]string{80: {"the Service port is named otlpgrpc"}},
		},
		"a name with grpc inside a word": {plain, `{name: my-agrpcx, port: 80}`, map[int32][]string{}},
		"an appProtocol that is gRPC": {
			plain, `{name: api, port: 80, appProtocol: grpc}`, map[int32][]string{80: {"its appProtocol is grpc"}},
		},
		"an appProtocol that is meant for gRPC": {
			plain, `{name: api, port: 80, appProtocol: k8s.io/grpc}`, map[int32][]string{80: {"its appProtocol is k8s.io/grpc"}},
		},
		"the port of the examples, through a name": {
			`{name: orders, ports: [{name: api, containerPort: 50051}]}`, `{name: http, port: 80, targetPort: api}`,
			map[int32][]string{80: {"its target is port 50051, the custom of gRPC's examples"}},
		},
		"ports of the proxy": {
			`{name: orders}, {name: istio-proxy, ports: [{name: grpc, containerPort: 9000}]}`, `{name: http, port: 80, targetPort: 9000}`,
			map[int32][]string{},
		},
		"the UDP twin of a gRPC port": {
			`{name: orders, ports: [{name: grpc, containerPort: 9000}]}`,
			`{name: grpc, port: 80, targetPort: 9000}, {name: http3, port: 81, protocol: UDP, targetPort: 9000}`,
			map[int32][]string{80: {"port 9000 of container orders is named grpc", "the Service port is named grpc"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, exposedAs(t, ordersWith(test.container, test.port)))
		})
	}
}

// routedOrders is a gateway with a server of protocol GRPC, and the http rule that it has for the host.
func routedOrders(port, rule string) string {
	return ordersWith(`{name: orders, ports: [{name: web, containerPort: 8080}]}`, port) + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: istio-system}
spec:
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: x, protocol: GRPC}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: ["*"]
  gateways: [public]
  http: [` + rule + `]
`
}

func TestRouteEvidence(t *testing.T) {
	const server = "the server of Gateway shop/public that leads to it has protocol GRPC"
	const lead = `{route: [{destination: {host: orders, port: {number: 80}}}]}`
	for name, test := range map[string]struct {
		port, rule string
		want       map[int32][]string
	}{
		"the only port behind a server of protocol GRPC": {
			`{name: http, port: 80, targetPort: 8080}`, lead, map[int32][]string{80: {server}},
		},
		"one of two ports behind it, http by name": {
			`{name: http, port: 80, targetPort: 8080}, {name: api, port: 81, targetPort: 8081}`,
			`{match: [{uri: {prefix: /web}}], ` + lead[1:] + `, {route: [{destination: {host: orders, port: {number: 81}}}]}`,
			map[int32][]string{81: {server}},
		},
		"a match on the path of a service": {
			`{name: http, port: 80, targetPort: 8080}`, `{match: [{uri: {prefix: /shop.v1.Orders/}}], ` + lead[1:],
			map[int32][]string{80: {"VirtualService shop/orders matches /shop.v1.Orders/", server}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, exposedAs(t, routedOrders(test.port, test.rule)))
		})
	}
}

func TestIsMethodPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/helloworld.Greeter/":           true,
		"/helloworld.Greeter/SayHello":   true,
		"/grpc.health.v1.Health/Check":   true,
		"/my_pkg.v1beta1.Search_Engine/": true,
		"/helloworld.Greeter":            false,
		"/Greeter/SayHello":              false,
		"/api/v1.0/users":                false,
		"/static.files/":                 false,
		"/pkg.Service/Method/more":       false,
		"pkg.Service/Method":             false,
		"/":                              false,
		"":                               false,
	} {
		assert.Equal(t, want, host.IsMethodPath(path), path)
	}
}

func TestGRPCCandidates(t *testing.T) {
	for name, test := range map[string]struct {
		container, port string
		want            []int32
	}{
		"names before probes, probes before Services": {
			`{name: orders, ports: [{name: grpc, containerPort: 9002}], readinessProbe: {grpc: {port: 9001}}}`,
			`{name: grpc, port: 80, targetPort: 9000}`,
			[]int32{9002, 9001, 9000},
		},
		"a weak one alone":          {`{name: orders, ports: [{containerPort: 50051}, {containerPort: 80}]}`, `{port: 80}`, []int32{50051}},
		"a weak one beside another": {`{name: orders, ports: [{containerPort: 50051}, {name: grpc, containerPort: 9000}]}`, `{port: 80}`, []int32{9000}},
		"UDP is no candidate":       {`{name: orders, ports: [{name: grpc, containerPort: 9000, protocol: UDP}]}`, `{name: grpc, port: 80, protocol: UDP}`, nil},
		"a name that leads nowhere": {`{name: orders}`, `{name: grpc, port: 80, targetPort: grpc}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, ordersWith(test.container, test.port))
			var numbers []int32
			for _, candidate := range GRPCCandidates(s, workload.Workloads(s)[0]) {
				numbers = append(numbers, candidate.Number)
			}
			assert.Equal(t, test.want, numbers)
		})
	}
}
