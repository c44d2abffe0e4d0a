package exposure

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesOfHTTPServersBesideGRPC(t *testing.T) {
	for _, name := range []string{"grpc-gateway", "http-grpc-gateway", "grpc-web", "grpc-web-admin", "grpc-rest", "grpc-swagger", "non-grpc", "grpc-metrics", "grpcweb", "http"} {
		assert.False(t, SaysGRPC(name), name)
		assert.False(t, HasGRPCToken(name), name)
	}
	for _, name := range []string{"grpc", "GRPC", "grpc-api", "otlp-grpc", "grpc-websocketless", "https-grpc"} {
		assert.True(t, SaysGRPC(name), name)
		assert.True(t, HasGRPCToken(name), name)
	}
}

func TestCounterEvidence(t *testing.T) {
	httpProbe := `readinessProbe: {httpGet: {path: /healthz, port: 9000}}`
	for name, test := range map[string]struct {
		container, port string
		want            map[int32][]string
	}{
		"an HTTP probe on the very port takes the names' word": {
			`{name: orders, ports: [{name: grpc, containerPort: 9000}], ` + httpProbe + `}`, `{name: grpc, port: 80, targetPort: grpc}`, map[int32][]string{},
		},
		"an HTTP probe on another port says nothing": {
			`{name: orders, ports: [{name: grpc, containerPort: 9001}], ` + httpProbe + `}`, `{name: http, port: 80, targetPort: 9001}`,
			map[int32][]string{80: {"port 9001 of container orders is named grpc"}},
		},
		"an HTTPS probe is for a server that ends TLS itself": {
			`{name: orders, ports: [{name: grpc, containerPort: 9000}], readinessProbe: {httpGet: {port: 9000, scheme: HTTPS}}}`, `{name: http, port: 80, targetPort: 9000}`,
			map[int32][]string{80: {"port 9000 of container orders is named grpc"}},
		},
		"a server of both, as the Service says": {
			`{name: orders, ports: [{containerPort: 9000}], ` + httpProbe + `}`, `{name: http, port: 80, targetPort: 9000}, {name: grpc, port: 81, targetPort: 9000}`,
			map[int32][]string{81: {"the Service port is named grpc"}},
		},
		"OTLP by custom": {
			`{name: orders, ports: [{name: otlp, containerPort: 4317}]}`, `{name: otlp, port: 80, targetPort: otlp}`,
			map[int32][]string{80: {"its target is port 4317, the custom of OTLP over gRPC"}},
		},
		"an argument": {
			`{name: orders, args: ["--grpc-address=:9000"]}`, `{name: api, port: 80, targetPort: 9000}`,
			map[int32][]string{80: {"container orders has argument --grpc-address=:9000"}},
		},
		"an argument and its value": {
			`{name: orders, args: [--grpc-port, "9000"]}`, `{name: api, port: 80, targetPort: 9000}`,
			map[int32][]string{80: {"container orders has argument --grpc-port 9000"}},
		},
		"a variable": {
			`{name: orders, env: [{name: GRPC_PORT, value: "9000"}]}`, `{name: api, port: 80, targetPort: 9000}`,
			map[int32][]string{80: {"container orders has variable GRPC_PORT=9000"}},
		},
		"the variable of a server that it calls": {
			`{name: orders, env: [{name: PAYMENTS_GRPC_PORT, value: "9000"}, {name: GRPC_ADDRESS, value: "payments:9000"}]}`, `{name: api, port: 80, targetPort: 9000}`, map[int32][]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, exposedAs(t, ordersWith(test.container, test.port)))
		})
	}
}

func TestAnnotationSaysWhichPorts(t *testing.T) {
	with := func(value string) string {
		return ordersWith(`{name: orders, ports: [{name: grpc, containerPort: 9000}]}`, `{name: api, port: 80, targetPort: 9001}, {name: grpc, port: 81, targetPort: 9000}`) +
			"---\napiVersion: v1\nkind: Service\nmetadata: {name: orders, namespace: shop, annotations: {grpcexpose/grpc-ports: \"" + value + "\"}}\n" +
			"spec:\n  selector: {app: orders}\n  ports: [{name: api, port: 80, targetPort: 9001}, {name: grpc, port: 81, targetPort: 9000}]\n"
	}
	assert.Empty(t, exposedAs(t, with("none")))
	said := []string{"annotation grpcexpose/grpc-ports of Service shop/orders says so"}
	assert.Equal(t, said, exposedAs(t, with("80, 7"))[80])
	assert.Equal(t, said, exposedAs(t, with("api"))[80])
}
