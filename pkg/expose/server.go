package expose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// prepareServer takes a Gateway that has a server on the port for the hosts, or plans one.
func (b *builder) prepareServer() error {
	if err := b.project(); err != nil {
		return err
	}
	b.result.Hosts = b.intent.Hosts
	b.result.TLS, b.result.TLSMutual = b.intent.TLSSecret != "", b.intent.TLSMutual
	if err := b.checkSecret(); err != nil {
		return err
	}
	b.beforeGateway = b.snapshot
	if b.usesRouteOfSomebody() {
		return nil
	}
	if b.intent.Gateway != "" {
		return b.useNamedGateway()
	}
	if len(b.result.Hosts) == 0 {
		b.result.Hosts = []string{"*"}
	}
	if err := b.refuseOtherClass(); err != nil {
		return err
	}
	for _, gateway := range b.gatewaysOnPort() {
		if b.accepts(gateway, b.result.Hosts) {
			b.useGateway(gateway)
			return nil
		}
	}
	return b.planGateway()
}

// usesRouteOfSomebody takes a route that leads there already, with its Gateway, unless an earlier create made one.
func (b *builder) usesRouteOfSomebody() bool {
	if b.hasOwnRoute() {
		return false
	}
	route := b.routedBySomebody()
	if route == nil {
		return false
	}
	server := route.Server
	b.result.VirtualService = route.VirtualService.Namespace + "/" + route.VirtualService.Name
	b.result.GatewayObject = server.Gateway.Namespace + "/" + server.Gateway.Name
	b.setTLS(server.Spec)
	return true
}

// serversOnPort are the servers of living listeners on the port.
func (b *builder) serversOnPort() []*gateway.Server {
	listeners, _ := gateway.ListenerPorts(b.snapshot, b.result.Gateway, uint32(b.result.Port))
	var servers []*gateway.Server
	for _, server := range gateway.Servers(b.snapshot, b.result.Gateway) {
		if server.Lives() && listensEverywhere(server.Bind) && slices.Contains(listeners, server.ListenerPort) {
			servers = append(servers, server)
		}
	}
	return servers
}

// listensEverywhere says that a server does not listen on one address alone, which is at most one pod's.
func listensEverywhere(bind string) bool {
	address, err := netip.ParseAddr(bind)
	return bind == "" || err == nil && address.IsUnspecified()
}

// gatewaysOnPort are the Gateways with a server on the port that may be taken unasked: our own for this workload first, then
// plaintext ones, then age. Who owns a Gateway can change it at any time, so those of other teams are none of them.
func (b *builder) gatewaysOnPort() []*networking.Gateway {
	var gateways []*networking.Gateway
	add := func(wanted func(*gateway.Server) bool) {
		for _, server := range b.serversOnPort() {
			if b.mayTake(server.Gateway) && wanted(server) && !slices.Contains(gateways, server.Gateway) {
				gateways = append(gateways, server.Gateway)
			}
		}
	}
	add(func(server *gateway.Server) bool { return b.isOurs(server.Gateway) })
	add(func(server *gateway.Server) bool { return !server.IsTLS() })
	add(func(*gateway.Server) bool { return true })
	return gateways
}

// mayTake reports whether create takes what the object offers without being told to: objects of the workload's namespace and of
// the gateway pods'.
func (b *builder) mayTake(object mesh.Object) bool {
	return slices.Contains(ownGatewayNamespaces(b.workload.Namespace(), b.result.Gateway), object.GetNamespace())
}

// accepts says that the Gateway's servers on the port take every one of the hosts, as they are asked for: with that Secret
// where one is named, in plaintext or any TLS where none is.
func (b *builder) accepts(gateway *networking.Gateway, hosts []string) bool {
	for _, host := range hosts {
		if b.serverFor(gateway, host) == nil {
			return false
		}
	}
	return true
}

func (b *builder) serverFor(gateway *networking.Gateway, host string) *gateway.Server {
	for _, server := range b.serversOnPort() {
		if server.Gateway != gateway || !server.IsHTTP() || !b.sameTLS(server.Spec) || !b.takes(server, host) {
			continue
		}
		if server.IsTLS() || !b.isRedirected(gateway, host) {
			return server
		}
	}
	return nil
}

// takes says that the server takes all that the host means.
func (b *builder) takes(server *gateway.Server, name string) bool {
	common, ok := host.ServerAccepts(server.Gateway, server.Spec, name, b.workload.Namespace())
	return ok && host.HostSubsetOf(name, common)
}

// isRedirected says that a server of the Gateway on the port redirects the host to https: istiod then does so for all of the
// Gateway's plaintext servers there.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig).
func (b *builder) isRedirected(gw *networking.Gateway, host string) bool {
	return slices.ContainsFunc(b.serversOnPort(), func(server *gateway.Server) bool {
		return server.Gateway == gw && !server.IsTLS() && server.Spec.GetTls().GetHttpsRedirect() && b.takes(server, host)
	})
}

func (b *builder) sameTLS(server *networkingapi.Server) bool {
	if b.intent.TLSSecret == "" {
		return true
	}
	mode := networkingapi.ServerTLSSettings_SIMPLE
	if b.intent.TLSMutual {
		mode = networkingapi.ServerTLSSettings_MUTUAL
	}
	return server.GetTls().GetCredentialName() == b.intent.TLSSecret && server.GetTls().GetMode() == mode
}

// useNamedGateway takes the Gateway of --gateway; without --host the hosts are those of its server.
func (b *builder) useNamedGateway() error {
	gw, err := b.namedGateway()
	if err != nil {
		return err
	}
	hosts := b.result.Hosts
	if len(hosts) == 0 {
		hosts = b.hostsOf(gw)
	}
	if len(hosts) > 0 && b.accepts(gw, hosts) {
		b.result.Hosts = hosts
		b.useGateway(gw)
		return nil
	}
	var servers []string
	for _, server := range gateway.ServersOf(b.snapshot, gw) {
		line := fmt.Sprintf("port %d, %s, hosts %s", server.Spec.GetPort().GetNumber(), server.Spec.GetPort().GetProtocol(), strings.Join(server.Spec.GetHosts(), " "))
		if !server.Lives() {
			line += ", not served: " + cmp.Or(server.DropReason, server.LeftOut)
		}
		servers = append(servers, line)
	}
	return refuse("Choose --port and --host to fit one of its servers, or leave --gateway out to get a Gateway of its own",
		"Gateway %s/%s has no %s on port %d that takes %s from namespace %s; it has:", gw.Namespace, gw.Name,
		b.serverText(), b.result.Port, hostsText(b.result.Hosts), b.workload.Namespace()).choices(servers)
}

// serverText is the kind of server that is asked for.
func (b *builder) serverText() string {
	switch {
	case b.intent.TLSSecret == "":
		return "HTTP server"
	case b.intent.TLSMutual:
		return "HTTPS server of mode MUTUAL with Secret " + b.intent.TLSSecret
	default:
		return "HTTPS server of mode SIMPLE with Secret " + b.intent.TLSSecret
	}
}

func hostsText(hosts []string) string {
	if len(hosts) == 0 {
		return "any host"
	}
	return strings.Join(hosts, ", ")
}

// hostsOf are the hosts that the Gateway's servers on the port take from the workload's namespace.
func (b *builder) hostsOf(gateway *networking.Gateway) []string {
	var hosts []string
	for _, server := range b.serversOnPort() {
		if server.Gateway != gateway || !server.IsHTTP() {
			continue
		}
		for _, hostname := range server.Spec.GetHosts() {
			_, name, qualified := strings.Cut(hostname, "/")
			if !qualified {
				name = hostname
			}
			if _, ok := host.ServerAccepts(gateway, server.Spec, name, b.workload.Namespace()); ok && !slices.Contains(hosts, name) {
				hosts = append(hosts, name)
			}
		}
	}
	return hosts
}

func (b *builder) useGateway(gateway *networking.Gateway) {
	b.result.GatewayObject = gateway.Namespace + "/" + gateway.Name
	if server := b.serverFor(gateway, b.result.Hosts[0]); server != nil {
		b.setTLS(server.Spec)
	}
}

// setTLS notes what clients of a server that is there need.
func (b *builder) setTLS(server *networkingapi.Server) {
	b.result.TLS = gateway.ServerIsTLS(server)
	b.result.TLSMutual = server.GetTls().GetMode() == networkingapi.ServerTLSSettings_MUTUAL
}

// refuseOtherClass refuses a port on which something other than HTTP listens: istiod keeps the older server and drops ours.
func (b *builder) refuseOtherClass() error {
	for _, server := range b.serversOnPort() {
		if server.IsHTTP() || server.IsTLS() && b.intent.TLSSecret != "" {
			continue
		}
		return refuse("Choose another port with --port", "port %d of the gateway is taken: Gateway %s/%s has a %s server on it, and istiod would drop a %s one beside it",
			b.result.Port, server.Gateway.Namespace, server.Gateway.Name, server.Spec.GetPort().GetProtocol(), b.protocol())
	}
	return nil
}

func (b *builder) protocol() string {
	if b.intent.TLSSecret != "" {
		return "HTTPS"
	}
	return "GRPC"
}
