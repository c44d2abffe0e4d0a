package oracle

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"istio.io/istio/pkg/config/kube"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// TestPortProtocol compares the protocol of every Service port that the words below make with Istio's own.
func TestPortProtocol(t *testing.T) {
	words := []string{"", "grpc", "GRPC", "gRPC-x", "grpc-", "grpc-web", "grpc-web-x", "GRPC-Web", "grpcweb", "grpc_x", "xgrpc", "http",
		"http-x", "http2", "HTTP2-x", "http3", "https", "tls", "tcp", "tcp-grpc", "udp", "udp-x", "mongo", "redis", "mysql", "-grpc",
		"http_proxy", "HTTP_PROXY-x", "unsupported", "kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss", "kubernetes.io/H2C",
		"kubernetes.io/h2c-x", "example.com/grpc", "grpc-web/x", "h2c", "hbone", "double-hbone", "auto", "dns"}
	for _, transport := range []core.Protocol{core.ProtocolTCP, core.ProtocolUDP, core.ProtocolSCTP, ""} {
		for _, number := range []int32{80, 443, 8000, 25, 53, 3306, 27017, 15012} {
			for _, name := range words {
				compareProtocol(t, core.ServicePort{Name: name, Port: number, Protocol: transport})
				for _, application := range words {
					compareProtocol(t, core.ServicePort{Name: name, Port: number, Protocol: transport, AppProtocol: &application})
				}
			}
		}
	}
}

func compareProtocol(t *testing.T, port core.ServicePort) {
	t.Helper()
	istio := kube.ConvertProtocol(port.Port, port.Name, port.Protocol, port.AppProtocol)
	application := "none"
	if port.AppProtocol != nil {
		application = fmt.Sprintf("%q", *port.AppProtocol)
	}
	want := workload.Protocol(istio)
	if istio.IsUnsupported() {
		want = workload.ProtocolUnsupported
	}
	assert.Equalf(t, want, workload.ServicePortProtocol(&port),
		"port %d/%s named %q with appProtocol %s", port.Port, port.Protocol, port.Name, application)
	assert.Equal(t, istio.IsHTTP2(), workload.ServicePortProtocol(&port).IsHTTP2())
	assert.Equal(t, istio.IsHTTP(), workload.ServicePortProtocol(&port).IsHTTP())
}
