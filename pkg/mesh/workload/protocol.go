package workload

import (
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
)

// Protocol of a port as Istio sees it.
type Protocol string

// The protocols that a port can have. Source: Istio pkg/config/protocol/instance.go.
const (
	ProtocolGRPC      Protocol = "GRPC"
	ProtocolGRPCWeb   Protocol = "GRPC-Web"
	ProtocolHTTP2     Protocol = "HTTP2"
	ProtocolHTTP      Protocol = "HTTP"
	ProtocolHTTPProxy Protocol = "HTTP_PROXY"
	ProtocolHTTPS     Protocol = "HTTPS"
	ProtocolTLS       Protocol = "TLS"
	ProtocolTCP       Protocol = "TCP"
	ProtocolUDP       Protocol = "UDP"
	ProtocolMongo     Protocol = "Mongo"
	ProtocolRedis     Protocol = "Redis"
	ProtocolMySQL     Protocol = "MySQL"
	// ProtocolUnsupported is that of a port that declares none: a sidecar sniffs it, a gateway does not.
	ProtocolUnsupported Protocol = "UNSUPPORTED"
)

// protocolNames are the words for protocols in port names, appProtocol, and the ports of Gateways and ServiceEntries.
var protocolNames = map[string]Protocol{
	"tcp": ProtocolTCP, "udp": ProtocolUDP, "grpc": ProtocolGRPC, "grpc-web": ProtocolGRPCWeb, "http": ProtocolHTTP,
	"http_proxy": ProtocolHTTPProxy, "http2": ProtocolHTTP2, "https": ProtocolHTTPS, "tls": ProtocolTLS,
	"mongo": ProtocolMongo, "redis": ProtocolRedis, "mysql": ProtocolMySQL,
}

// ParseProtocol is the protocol of a name, in any case; ProtocolUnsupported for a name that Istio does not know.
// Source: Istio pkg/config/protocol/instance.go, Parse.
func ParseProtocol(name string) Protocol {
	if protocol, known := protocolNames[strings.ToLower(name)]; known {
		return protocol
	}
	return ProtocolUnsupported
}

// neverSniffed are the ports (SMTP, DNS, MySQL, MongoDB) that are TCP when they declare no protocol.
var neverSniffed = []int32{25, 53, 3306, 27017}

// ServicePortProtocol is the protocol that Istio takes a Service port for: by appProtocol if it is set at all, even to a value
// that Istio does not know, else by the port's name.
// Source: Istio pkg/config/kube/conversion.go, ConvertProtocol.
func ServicePortProtocol(port *core.ServicePort) Protocol {
	if port.Protocol == core.ProtocolUDP {
		return ProtocolUDP
	}
	name := port.Name
	if port.AppProtocol != nil {
		name = *port.AppProtocol
		switch name {
		case "kubernetes.io/h2c":
			return ProtocolHTTP2
		case "kubernetes.io/ws":
			return ProtocolHTTP
		case "kubernetes.io/wss":
			return ProtocolHTTPS
		}
	}
	const grpcWeb = string(ProtocolGRPCWeb)
	if len(name) >= len(grpcWeb) && strings.EqualFold(name[:len(grpcWeb)], grpcWeb) {
		return ProtocolGRPCWeb
	}
	prefix, _, _ := strings.Cut(name, "-")
	protocol := ParseProtocol(prefix)
	if protocol == ProtocolUnsupported && slices.Contains(neverSniffed, port.Port) {
		return ProtocolTCP
	}
	return protocol
}

// IsHTTP2 reports whether a gateway speaks HTTP/2 to a port of this protocol.
// Source: Istio pkg/config/protocol/instance.go, IsHTTP2.
func (p Protocol) IsHTTP2() bool {
	return p == ProtocolGRPC || p == ProtocolGRPCWeb || p == ProtocolHTTP2
}

// IsHTTP reports whether proxies read the calls of a port of this protocol as HTTP.
// Source: Istio pkg/config/protocol/instance.go, IsHTTP.
func (p Protocol) IsHTTP() bool {
	return p.IsHTTP2() || p == ProtocolHTTP || p == ProtocolHTTPProxy
}

// IsGRPC reports whether the protocol is gRPC or gRPC-Web.
func (p Protocol) IsGRPC() bool { return p == ProtocolGRPC || p == ProtocolGRPCWeb }
