package gateway

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// refuseListeners finds servers that istiod keeps side by side, but whose filter chains match the same connections: Envoy
// then refuses the whole listener. The younger server is taken to be the one at fault.
// Source: Istio pilot/pkg/networking/core/listener.go (toFilterChainMatch: a server for "*" has no server names to match),
// gateway.go (buildGatewayTCPBasedFilterChains; getListenerName: servers of one address share a listener); Envoy rejects "multiple filter chains with the same matching rules".
func refuseListeners(s *mesh.Snapshot, servers []*Server) {
	type listener struct {
		port int32
		bind string
	}
	chains := map[listener]map[string]*Server{}
	refusedFor := map[listener]*Server{}
	for _, server := range servers {
		if !server.Lives() {
			continue
		}
		at := listener{server.ListenerPort, server.address()}
		if chains[at] == nil {
			chains[at] = map[string]*Server{}
		}
		for _, name := range chainNames(s, server) {
			older := chains[at][name]
			if older == nil {
				chains[at][name] = server
				continue
			}
			if rule, reason := clash(older, server, name); rule != "" {
				server.drop(rule, older, reason)
				refusedFor[at] = server
				break
			}
		}
	}
	for _, server := range servers {
		if server.Lives() {
			server.RefusedFor = refusedFor[listener{server.ListenerPort, server.address()}]
		}
	}
}

// ServersShareListener reports whether two servers live on one listener whichever is older: both are plaintext HTTP, or both take TLS
// for different names.
func ServersShareListener(a, b *networkingapi.Server) bool {
	if ServerIsPlaintextHTTP(a) && ServerIsPlaintextHTTP(b) {
		return true
	}
	one, other := &Server{Spec: a, Hosts: a.GetHosts()}, &Server{Spec: b, Hosts: b.GetHosts()}
	names := serverNames(other)
	return one.IsTLS() && other.IsTLS() &&
		!slices.ContainsFunc(serverNames(one), func(name string) bool { return slices.Contains(names, name) })
}

// clash says by what rule a filter chain of a younger server, that matches the same name as an older one's, is too many.
func clash(older, server *Server, name string) (rule Drop, reason string) {
	switch {
	case older == server:
		return "", ""
	case !older.IsTLS() && !server.IsTLS():
		if older.chain == server.chain {
			return "", ""
		}
		return DropMatchAll, "both take every plaintext connection, and istiod does not merge " + older.protocol() + " and " +
			server.protocol() + " where their bind differs, or that of a server between them"
	case isAutoPassthrough(older) && isAutoPassthrough(server):
		return DropSNI, "both hand on the Service with the server name " + name
	case ServerIsPassthrough(older.Spec) && ServerIsPassthrough(server.Spec):
		// istiod itself leaves out the second route for a name that is passed through.
		return "", ""
	case older.IsTLS() && server.IsTLS():
		return DropSNI, "to Envoy both are the server name " + name
	default:
		return DropMatchAll, "TLS for every host and plaintext match the same connections"
	}
}

// chainNames are the server names that the server's filter chains match; "*" is every connection. A server that is no HTTP
// server has filter chains only where a VirtualService has rules of its kind.
// Source: Istio pilot/pkg/networking/core/gateway.go (createGatewayTCPFilterChainOpts).
func chainNames(s *mesh.Snapshot, server *Server) []string {
	switch {
	case server.IsHTTP():
		return serverNames(server)
	case isAutoPassthrough(server):
		return autoPassthroughNames(s, server)
	case ServerIsPassthrough(server.Spec):
		return passthroughNames(s, server)
	case hasTCPRoute(s, server):
		return serverNames(server)
	default:
		return nil
	}
}

// serverNames are the names that the server's filter chain matches in the TLS handshake, which Envoy compares without case.
// Source: Envoy source/common/listener_manager/filter_chain_manager_impl.cc (setupFilterChainMatcher).
func serverNames(server *Server) []string {
	if !server.IsTLS() {
		return []string{"*"}
	}
	var names []string
	for _, host := range server.Hosts {
		name := strings.ToLower(host[strings.IndexByte(host, '/')+1:])
		if name == "*" {
			return []string{"*"}
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func isAutoPassthrough(server *Server) bool {
	return server.Spec.GetTls().GetMode() == networkingapi.ServerTLSSettings_AUTO_PASSTHROUGH
}

// autoPassthroughNames are those by which the mesh's own proxies call the Services among the server's hosts.
// Source: Istio pilot/pkg/networking/core/gateway.go (builtAutoPassthroughFilterChains), pilot/pkg/model/push_context.go
// (BuildDNSSrvSubsetKey).
func autoPassthroughNames(s *mesh.Snapshot, server *Server) []string {
	var names []string
	for _, service := range s.Services().All() {
		name := host.ServiceHost(service)
		taken := slices.ContainsFunc(server.Hosts, func(offer string) bool {
			return host.HostSubsetOf(name, offer[strings.IndexByte(offer, '/')+1:])
		})
		if !taken || !host.ServiceVisibleTo(s, service, server.Workload.Namespace) {
			continue
		}
		for i := range service.Spec.Ports {
			if port := &service.Spec.Ports[i]; workload.ServicePortProtocol(port) != workload.ProtocolUDP {
				names = append(names, fmt.Sprintf("outbound_.%d_._.%s", port.Port, name))
			}
		}
	}
	return names
}

// passthroughNames are the names in the tls rules on a server that hands TLS on.
// Source: Istio pilot/pkg/networking/core/gateway.go (buildGatewayNetworkFiltersFromTLSRoutes).
func passthroughNames(s *mesh.Snapshot, server *Server) []string {
	var names []string
	for _, virtualService := range routesOnHosts(s, server) {
		for _, rule := range virtualService.Spec.Tls {
			for _, match := range rule.GetMatch() {
				if len(rule.GetRoute()) > 0 && isFor(server, virtualService, match.GetPort(), match.GetGateways()) {
					names = append(names, match.GetSniHosts()...)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hasTCPRoute follows buildGatewayNetworkFiltersFromTCPRoutes in Istio's pilot/pkg/networking/core/gateway.go.
func hasTCPRoute(s *mesh.Snapshot, server *Server) bool {
	return slices.ContainsFunc(routesOnHosts(s, server), func(virtualService *networking.VirtualService) bool {
		return slices.ContainsFunc(virtualService.Spec.Tcp, func(rule *networkingapi.TCPRoute) bool {
			matches := rule.GetMatch()
			return len(rule.GetRoute()) > 0 && (len(matches) == 0 ||
				slices.ContainsFunc(matches, func(match *networkingapi.L4MatchAttributes) bool {
					return isFor(server, virtualService, match.GetPort(), match.GetGateways())
				}))
		})
	})
}

// routesOnHosts are the VirtualServices that the server's proxies see on its Gateway, and of which the server takes a host.
func routesOnHosts(s *mesh.Snapshot, server *Server) []*networking.VirtualService {
	var taken []*networking.VirtualService
	for _, virtualService := range host.VirtualServicesForGateway(s, server.Gateway, server.Workload.Namespace) {
		offered := host.ServerHosts(server.Gateway, server.Spec, virtualService.Namespace)
		if slices.ContainsFunc(virtualService.Spec.Hosts, func(name string) bool {
			return slices.ContainsFunc(offered, func(offer string) bool { return host.HostMatches(offer, name) })
		}) {
			taken = append(taken, virtualService)
		}
	}
	return taken
}

// isFor follows l4SingleMatch in Istio's pilot/pkg/networking/core/gateway.go.
func isFor(server *Server, virtualService *networking.VirtualService, port uint32, gateways []string) bool {
	if port != 0 && port != server.Spec.GetPort().GetNumber() {
		return false
	}
	return len(gateways) == 0 || slices.ContainsFunc(gateways, func(name string) bool {
		return host.ResolveGatewayName(name, virtualService.Namespace) == server.Gateway.Namespace+"/"+server.Gateway.Name
	})
}
