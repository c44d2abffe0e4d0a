package expose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// listener is the Gateway server that takes the calls from outside.
type listener struct {
	gateway     types.NamespacedName
	hosts       []string
	tls, mutual bool
	// route is somebody's VirtualService that leads from there to the Service; zero where there is none yet.
	route types.NamespacedName
}

// routing is the step from the port outside to the Service: the Gateway's server and the route.
type routing struct {
	*draft
	backend backend
	// selector is what a new Gateway selects.
	selector map[string]string
	// before is the snapshot as it is before the Gateway and the route are seen to.
	before *mesh.Snapshot
}

// prepareServer takes a Gateway that has a server on the port for the hosts, or plans one.
func (r *routing) prepareServer() (listener, error) {
	if taken, there := r.routeOfSomebody(); there {
		return taken, nil
	}
	if r.intent.Gateway != "" {
		return r.useNamedGateway()
	}
	hosts := r.intent.Hosts
	if len(hosts) == 0 {
		hosts = []string{"*"}
	}
	if err := r.refuseOtherClass(); err != nil {
		return listener{}, err
	}
	for _, gateway := range r.gatewaysOnPort() {
		if r.accepts(gateway, hosts) {
			return r.listenerOf(gateway, hosts), nil
		}
	}
	return r.planGateway(hosts)
}

// routeOfSomebody takes a route that leads there already, with its Gateway, unless an earlier create made one.
func (r *routing) routeOfSomebody() (taken listener, there bool) {
	if r.hasOwnRoute() {
		return listener{}, false
	}
	route, hosts := r.routedBySomebody()
	if route == nil {
		return listener{}, false
	}
	return listenerOn(route.Server, hosts, mesh.NamespacedName(route.VirtualService)), true
}

// listenerOn is the listener of a server that is there.
func listenerOn(server *gateway.Server, hosts []string, route types.NamespacedName) listener {
	return listener{
		gateway: mesh.NamespacedName(server.Gateway), hosts: hosts, route: route,
		tls:    gateway.ServerIsTLS(server.Spec),
		mutual: server.Spec.GetTls().GetMode() == networkingapi.ServerTLSSettings_MUTUAL,
	}
}

// serversOnPort are the servers of living listeners on the port.
func (r *routing) serversOnPort() []*gateway.Server {
	listeners, _ := gateway.ListenerPorts(r.snapshot, r.gateway, uint32(r.backend.outside))
	var servers []*gateway.Server
	for _, server := range gateway.Servers(r.snapshot, r.gateway) {
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
func (r *routing) gatewaysOnPort() []*networking.Gateway {
	var gateways []*networking.Gateway
	add := func(wanted func(*gateway.Server) bool) {
		for _, server := range r.serversOnPort() {
			if r.mayTake(server.Gateway) && wanted(server) && !slices.Contains(gateways, server.Gateway) {
				gateways = append(gateways, server.Gateway)
			}
		}
	}
	add(func(server *gateway.Server) bool { return r.isOurs(server.Gateway) })
	add(func(server *gateway.Server) bool { return !server.IsTLS() })
	add(func(*gateway.Server) bool { return true })
	return gateways
}

// accepts says that the Gateway's servers on the port take every one of the hosts, as they are asked for: with that Secret
// where one is named, in plaintext or any TLS where none is.
func (r *routing) accepts(gateway *networking.Gateway, hosts []string) bool {
	for _, host := range hosts {
		if r.serverFor(gateway, host) == nil {
			return false
		}
	}
	return true
}

func (r *routing) serverFor(gateway *networking.Gateway, host string) *gateway.Server {
	for _, server := range r.serversOnPort() {
		if server.Gateway != gateway || !server.IsHTTP() || !r.sameTLS(server.Spec) || !r.takes(server, host) {
			continue
		}
		if server.IsTLS() || !r.isRedirected(gateway, host) {
			return server
		}
	}
	return nil
}

// takes says that the server takes all that the host means.
func (r *routing) takes(server *gateway.Server, name string) bool {
	common, ok := host.ServerAccepts(server.Gateway, server.Spec, name, r.workload.Namespace())
	return ok && host.HostSubsetOf(name, common)
}

// isRedirected says that a server of the Gateway on the port redirects the host to https: istiod then does so for all of the
// Gateway's plaintext servers there.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig).
func (r *routing) isRedirected(gw *networking.Gateway, host string) bool {
	return slices.ContainsFunc(r.serversOnPort(), func(server *gateway.Server) bool {
		return server.Gateway == gw && !server.IsTLS() && server.Spec.GetTls().GetHttpsRedirect() && r.takes(server, host)
	})
}

func (r *routing) sameTLS(server *networkingapi.Server) bool {
	if r.intent.TLSSecret == "" {
		return true
	}
	return server.GetTls().GetCredentialName() == r.intent.TLSSecret && server.GetTls().GetMode() == r.intent.tlsMode()
}

// useNamedGateway takes the Gateway of --gateway; without --host the hosts are those of its server.
func (r *routing) useNamedGateway() (listener, error) {
	gw, err := r.namedGateway()
	if err != nil {
		return listener{}, err
	}
	hosts := r.intent.Hosts
	if len(hosts) == 0 {
		hosts = r.hostsOf(gw)
	}
	if len(hosts) > 0 && r.accepts(gw, hosts) {
		return r.listenerOf(gw, hosts), nil
	}
	var servers []string
	for _, server := range gateway.ServersOf(r.snapshot, gw) {
		line := fmt.Sprintf("port %d, %s, hosts %s", server.Spec.GetPort().GetNumber(), server.Spec.GetPort().GetProtocol(), strings.Join(server.Spec.GetHosts(), " "))
		if !server.Lives() {
			line += ", not served: " + cmp.Or(server.DropReason, server.LeftOut)
		}
		servers = append(servers, line)
	}
	return listener{}, refuse("Choose --port and --host to fit one of its servers, or leave --gateway out to get a Gateway of its own",
		"%s has no %s on port %d that takes %s from namespace %s; it has:", mesh.KeyOf(gw),
		r.serverText(), r.backend.outside, hostsText(r.intent.Hosts), r.workload.Namespace()).choices(servers)
}

// serverText is the kind of server that is asked for.
func (r *routing) serverText() string {
	if r.intent.TLSSecret == "" {
		return "HTTP server"
	}
	return fmt.Sprintf("HTTPS server of mode %s with Secret %s", r.intent.tlsMode(), r.intent.TLSSecret)
}

func hostsText(hosts []string) string {
	if len(hosts) == 0 {
		return "any host"
	}
	return strings.Join(hosts, ", ")
}

// hostsOf are the hosts that the Gateway's servers on the port take from the workload's namespace.
func (r *routing) hostsOf(gateway *networking.Gateway) []string {
	var hosts []string
	for _, server := range r.serversOnPort() {
		if server.Gateway != gateway || !server.IsHTTP() {
			continue
		}
		for _, hostname := range server.Spec.GetHosts() {
			_, name, qualified := strings.Cut(hostname, "/")
			if !qualified {
				name = hostname
			}
			if _, ok := host.ServerAccepts(gateway, server.Spec, name, r.workload.Namespace()); ok && !slices.Contains(hosts, name) {
				hosts = append(hosts, name)
			}
		}
	}
	return hosts
}

// listenerOf is the listener of a Gateway that accepts the hosts.
func (r *routing) listenerOf(gateway *networking.Gateway, hosts []string) listener {
	return listenerOn(r.serverFor(gateway, hosts[0]), hosts, types.NamespacedName{})
}

// refuseOtherClass refuses a port on which something other than HTTP listens: istiod keeps the older server and drops ours.
func (r *routing) refuseOtherClass() error {
	for _, server := range r.serversOnPort() {
		if server.IsHTTP() || server.IsTLS() && r.intent.TLSSecret != "" {
			continue
		}
		return refuse("Choose another port with --port", "port %d of the gateway is taken: %s has a %s server on it, and istiod would drop a %s one beside it",
			r.backend.outside, mesh.KeyOf(server.Gateway), server.Spec.GetPort().GetProtocol(), r.protocol())
	}
	return nil
}

func (d *draft) protocol() string {
	if d.intent.TLSSecret != "" {
		return "HTTPS"
	}
	return "GRPC"
}
