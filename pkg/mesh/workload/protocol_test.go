package workload

import (
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
)

func TestServicePortProtocol(t *testing.T) {
	said := func(value string) *string { return &value }
	for _, test := range []struct {
		name      string
		number    int32
		transport core.Protocol
		app       *string
		want      Protocol
	}{
		{name: "grpc", want: ProtocolGRPC},
		{name: "grpc-api", want: ProtocolGRPC},
		{name: "GRPC-api", want: ProtocolGRPC},
		{name: "grpcapi", want: ProtocolUnsupported},
		{name: "api-grpc", want: ProtocolUnsupported},
		{name: "grpc-web", want: ProtocolGRPCWeb},
		{name: "gRPC-Web-public", want: ProtocolGRPCWeb},
		{name: "grpc-webhook", want: ProtocolGRPCWeb},
		{name: "http", want: ProtocolHTTP},
		{name: "http2-api", want: ProtocolHTTP2},
		{name: "http_proxy", want: ProtocolHTTPProxy},
		{name: "https", want: ProtocolHTTPS},
		{name: "tls-grpc", want: ProtocolTLS},
		{name: "tcp", want: ProtocolTCP},
		{name: "mongo", want: ProtocolMongo},
		{name: "redis-cache", want: ProtocolRedis},
		{name: "mysql", want: ProtocolMySQL},
		{name: "h2c", want: ProtocolUnsupported},
		{name: "", want: ProtocolUnsupported},
		{name: "", number: 53, want: ProtocolTCP},
		{name: "dns", number: 53, want: ProtocolTCP},
		{name: "http", number: 53, want: ProtocolHTTP},
		{name: "", number: 3306, want: ProtocolTCP},
		{name: "", number: 27017, want: ProtocolTCP},
		{name: "", number: 25, want: ProtocolTCP},
		{name: "grpc", transport: core.ProtocolUDP, want: ProtocolUDP},
		{name: "grpc", transport: core.ProtocolUDP, app: said("grpc"), want: ProtocolUDP},
		{name: "grpc", transport: core.ProtocolSCTP, want: ProtocolGRPC},
		{name: "grpc", app: said("http"), want: ProtocolHTTP},
		{name: "grpc", app: said("h2c"), want: ProtocolUnsupported},
		{name: "grpc", app: said("k8s.io/grpc"), want: ProtocolUnsupported},
		{name: "grpc", app: said(""), want: ProtocolUnsupported},
		{name: "http", app: said("kubernetes.io/h2c"), want: ProtocolHTTP2},
		{name: "http", app: said("Kubernetes.io/h2c"), want: ProtocolUnsupported},
		{name: "grpc", app: said("kubernetes.io/ws"), want: ProtocolHTTP},
		{name: "grpc", app: said("kubernetes.io/wss"), want: ProtocolHTTPS},
		{name: "http", app: said("GRPC"), want: ProtocolGRPC},
		{name: "http", app: said("grpc-web"), want: ProtocolGRPCWeb},
		{name: "kubernetes.io/h2c", want: ProtocolUnsupported},
	} {
		port := &core.ServicePort{Name: test.name, Port: 8000, Protocol: core.ProtocolTCP, AppProtocol: test.app}
		if test.number != 0 {
			port.Port = test.number
		}
		if test.transport != "" {
			port.Protocol = test.transport
		}
		assert.Equal(t, test.want, ServicePortProtocol(port), "%+v", test)
	}
}

func TestProtocolClasses(t *testing.T) {
	for protocol, want := range map[Protocol]struct{ http2, http, grpc bool }{
		ProtocolGRPC:        {true, true, true},
		ProtocolGRPCWeb:     {true, true, true},
		ProtocolHTTP2:       {true, true, false},
		ProtocolHTTP:        {false, true, false},
		ProtocolHTTPProxy:   {false, true, false},
		ProtocolHTTPS:       {},
		ProtocolTCP:         {},
		ProtocolUnsupported: {},
	} {
		assert.Equal(t, want.http2, protocol.IsHTTP2(), protocol)
		assert.Equal(t, want.http, protocol.IsHTTP(), protocol)
		assert.Equal(t, want.grpc, protocol.IsGRPC(), protocol)
	}
}
