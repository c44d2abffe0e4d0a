package gateway

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// Server is one server of a Gateway on one gateway workload and listener.
type Server struct {
	Gateway *networking.Gateway
	Index   int
	Spec    *networkingapi.Server
	// Hosts are the server's, as istiod rewrites them: "./x" is "<namespace>/x", "*/x" is "x".
	Hosts    []string
	Workload *proxy.GatewayWorkload
	// ListenerPort is the port after resolution, Bind the address ("" for all).
	ListenerPort int32
	Bind         string
	// DroppedBy is the older server because of which this one does not live, nil if it lives; DropReason says how.
	DroppedBy  *Server
	DropReason string
	// Drop is the rule by which it does not live, empty if it does.
	Drop Drop
	// RefusedFor is a server that makes Envoy refuse the listener which this one, itself without fault, is on; nil if none does.
	RefusedFor *Server
	// LeftOut says why istiod makes no listener of it at all (a port below 1024 on an unprivileged pod), empty if it does.
	LeftOut string

	// chain is the same for the plaintext servers of a listener that istiod merges.
	chain string
}

// Drop is a rule by which a server does not live beside an older one.
type Drop string

// The rules.
const (
	// DropProtocol: istiod leaves out a server whose protocol cannot share the port.
	DropProtocol Drop = "protocol"
	// DropHost: istiod leaves out a TLS server of which a host is on the port already.
	DropHost Drop = "host"
	// DropSNI: istiod keeps both, but they are one server name to Envoy, which refuses the listener.
	DropSNI Drop = "server name"
	// DropMatchAll: istiod keeps both, but TLS for "*" and plaintext match the same, or plaintext ones that it has not merged
	// (servers of another bind stand between them), and Envoy refuses the listener.
	DropMatchAll Drop = "match all"
	// DropName: istiod leaves out an HTTPS server with the number and port name of another one of its Gateway.
	DropName Drop = "port name"
)

// Lives reports whether the proxy has the server.
func (v *Server) Lives() bool { return v.Drop == "" && v.LeftOut == "" }

// address is where the server listens: no bind is all of them, as 0.0.0.0 is.
// Source: Istio pilot/pkg/networking/core/listener_address.go (getWildcardsAndLocalHost).
func (v *Server) address() string { return cmp.Or(v.Bind, "0.0.0.0") }

// IsHTTP reports whether istiod makes an HTTP connection manager of the server (plaintext HTTP-class, or terminating HTTPS).
// Source: Istio pkg/config/gateway/gateway.go (IsHTTPServer).
func (v *Server) IsHTTP() bool { return ServerIsHTTP(v.Spec) }

// RouteConfiguration is the name of the routes that the proxy serves the server's calls by, empty for one that is not HTTP. The
// plaintext servers of a port have one together.
// Source: Istio pilot/pkg/model/gateway.go (gatewayRDSRouteName).
func (v *Server) RouteConfiguration() string {
	var parts []string
	switch {
	case ServerIsPlaintextHTTP(v.Spec):
		parts = []string{"http", strconv.Itoa(int(v.ListenerPort))}
	case v.IsHTTP():
		parts = []string{"https", strconv.Itoa(int(v.Spec.GetPort().GetNumber())), v.Spec.GetPort().GetName(), v.Gateway.Name, v.Gateway.Namespace}
	default:
		return ""
	}
	if v.Bind != "" {
		parts = append(parts, v.Bind)
	}
	return strings.Join(parts, ".")
}

// ServerIsHTTP is Server.IsHTTP for a server that is on no workload.
func ServerIsHTTP(server *networkingapi.Server) bool {
	return ServerIsPlaintextHTTP(server) || (protocolIs(server, "https") && !ServerIsPassthrough(server))
}

// ServerIsPlaintextHTTP reports whether the server's protocol is HTTP, HTTP2, GRPC, GRPC-Web or HTTP_PROXY, in any case.
// Source: Istio pkg/config/protocol/instance.go (Parse, IsHTTP).
func ServerIsPlaintextHTTP(server *networkingapi.Server) bool {
	return protocolIs(server, "http", "http2", "grpc", "grpc-web", "http_proxy")
}

// ServerIsPassthrough reports whether the server hands TLS on as it is.
// Source: Istio pkg/config/gateway/gateway.go (IsPassThroughServer).
func ServerIsPassthrough(server *networkingapi.Server) bool {
	mode := server.GetTls().GetMode()
	return server.GetTls() != nil &&
		(mode == networkingapi.ServerTLSSettings_PASSTHROUGH || mode == networkingapi.ServerTLSSettings_AUTO_PASSTHROUGH)
}

// IsTLS reports whether the server takes TLS (terminated or passed through).
// Source: Istio pkg/config/gateway/gateway.go (IsTLSServer): a plaintext server that redirects to https has tls, but takes none.
func (v *Server) IsTLS() bool { return ServerIsTLS(v.Spec) }

// ServerIsTLS is Server.IsTLS for a server that is on no workload.
func ServerIsTLS(server *networkingapi.Server) bool {
	return server.GetTls() != nil && !ServerIsPlaintextHTTP(server)
}

func protocolIs(server *networkingapi.Server, names ...string) bool {
	return slices.Contains(names, strings.ToLower(server.GetPort().GetProtocol()))
}

// Servers are all servers on a workload, in istiod's order (age, then name and namespace), dropped ones too.
// Source: Istio pilot/pkg/model/push_context.go (mergeGateways), gateway.go (mergeGateways, resolvePorts).
func Servers(s *mesh.Snapshot, w *proxy.GatewayWorkload) []*Server {
	return mesh.Remember(s, serversMemory{w}, func() []*Server {
		var servers []*Server
		for _, gateway := range proxy.GatewaysSelecting(s, w) {
			for index, spec := range gateway.Spec.GetServers() {
				if spec.GetPort() == nil {
					continue
				}
				ports, _ := ListenerPorts(s, w, spec.GetPort().GetNumber())
				for _, port := range ports {
					servers = append(servers, &Server{
						Gateway: gateway, Index: index, Spec: spec, Hosts: sanitizedHosts(spec.GetHosts(), gateway.Namespace),
						Workload: w, ListenerPort: port, Bind: spec.GetBind(), LeftOut: leftOut(w, port),
					})
				}
			}
		}
		mergeServers(servers)
		refuseListeners(s, servers)
		return servers
	})
}

type serversMemory struct{ workload *proxy.GatewayWorkload }

// ServersOf are the servers that a Gateway's entries become, over all workloads that it selects.
func ServersOf(s *mesh.Snapshot, gateway *networking.Gateway) []*Server {
	byGateway := mesh.Remember(s, serversByGatewayMemory{}, func() map[mesh.Key][]*Server {
		servers := map[mesh.Key][]*Server{}
		for _, workload := range proxy.GatewayCandidates(s) {
			for _, server := range Servers(s, workload) {
				key := mesh.KeyOf(server.Gateway)
				servers[key] = append(servers[key], server)
			}
		}
		return servers
	})
	return byGateway[mesh.KeyOf(gateway)]
}

type serversByGatewayMemory struct{}

// sanitizedHosts follows sanitizeServerHostNamespace in Istio's pilot/pkg/model/gateway.go.
func sanitizedHosts(hosts []string, namespace string) []string {
	sanitized := make([]string, 0, len(hosts))
	for _, host := range hosts {
		prefix, name, found := strings.Cut(host, "/")
		switch {
		case !found:
			sanitized = append(sanitized, host)
		case prefix == "*" && name == "*":
			return []string{"*"}
		case prefix == "*":
			sanitized = append(sanitized, name)
		case prefix == ".":
			sanitized = append(sanitized, namespace+"/"+name)
		default:
			sanitized = append(sanitized, host)
		}
	}
	return sanitized
}

// leftOut follows buildGatewayListeners in Istio's pilot/pkg/networking/core/gateway.go.
func leftOut(w *proxy.GatewayWorkload, port int32) string {
	if port < 1024 && w.IsUnprivileged() {
		return "istiod makes no listener below 1024 for pods with " + proxy.UnprivilegedPodEnvironment + "=true"
	}
	return ""
}
