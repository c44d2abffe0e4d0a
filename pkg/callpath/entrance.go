package callpath

import (
	"net"
	"slices"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Entrance is where calls from outside enter on their way to a workload: one for each route of a gateway that leads there.
type Entrance struct {
	Route *gateway.GatewayRoute
	// Addresses are host:port outside, the best first; none where the gateway has no address.
	Addresses []string
	// ListenerPort is the port in the gateway's pods.
	ListenerPort int32
	TLS          bool
	// MutualTLS says that the client must show a certificate.
	MutualTLS bool
	// Authority is one that the route takes; empty where any will do.
	Authority string
	// Service and ServicePort are what the gateway calls.
	Service     *core.Service
	ServicePort int32
	// Trusted reports whether the user, or the workload's own or the mesh's root namespace, says that the calls go through these
	// proxies. Who chooses an entrance says so.
	Trusted bool
	// Broken says that no call gets through, as far as the objects tell.
	Broken bool
}

// Gateway are the proxies that the calls go through.
func (e *Entrance) Gateway() *proxy.GatewayWorkload { return e.Route.Server.Workload }

// Entrances are the ways into a workload through Gateways and VirtualServices: those that are whole first, then those that
// take every call, then as routes are ordered.
func Entrances(snapshot *mesh.Snapshot, w *workload.Workload) []*Entrance {
	var entrances []*Entrance
	for _, service := range workload.ServicesSelecting(snapshot, w) {
		for i := range service.Spec.Ports {
			port := service.Spec.Ports[i].Port
			for _, route := range gateway.RoutesTo(snapshot, service, port) {
				if route.Server.Workload != nil {
					entrances = append(entrances, entranceOf(snapshot, route, service, port))
				}
			}
		}
	}
	slices.SortStableFunc(entrances, func(a, b *Entrance) int { return a.rank() - b.rank() })
	return entrances
}

func (e *Entrance) rank() int {
	switch {
	case e.Broken:
		return 3
	case len(e.Addresses) == 0:
		return 2
	case !e.Route.CatchesAll():
		return 1
	default:
		return 0
	}
}

func entranceOf(snapshot *mesh.Snapshot, route *gateway.GatewayRoute, service *core.Service, port int32) *Entrance {
	server := route.Server
	mode := server.Spec.GetTls().GetMode()
	entrance := &Entrance{
		Route: route, ListenerPort: server.ListenerPort, Service: service, ServicePort: port,
		TLS:       server.IsTLS(),
		MutualTLS: mode == networkingapi.ServerTLSSettings_MUTUAL || mode == networkingapi.ServerTLSSettings_OPTIONAL_MUTUAL,
		Authority: AuthorityFor(route.Host),
	}
	var open bool
	entrance.Addresses, open = addressesOutside(snapshot, server)
	entrance.Broken = !open || !server.Lives() || route.Shadowed != nil
	return entrance
}

// addressesOutside are the addresses of the Services that open a way to a server's listener, with the port that does. Where
// none does they are those at which clients will try, with the server's own number.
func addressesOutside(snapshot *mesh.Snapshot, server *gateway.Server) (addresses []string, open bool) {
	number := int32(server.Spec.GetPort().GetNumber())
	add := func(hosts []string, port int32) {
		for _, host := range hosts {
			if address := net.JoinHostPort(host, strconv.Itoa(int(port))); !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
	}
	ways := map[*core.Service]int32{}
	for _, way := range gateway.OpenPorts(snapshot, server.Workload) {
		if _, found := ways[way.Service]; way.TargetPort == server.ListenerPort && (!found || way.Port.Port == number) {
			ways[way.Service] = way.Port.Port
		}
	}
	for _, service := range server.Workload.Services {
		if port, found := ways[service]; found {
			add(proxy.ServiceAddresses(service), port)
		}
	}
	if len(ways) == 0 {
		add(proxy.Addresses(server.Workload), number)
	}
	return addresses, len(ways) > 0
}

// AuthorityFor is an authority that a route for the host takes, empty where any will do.
func AuthorityFor(host string) string {
	switch {
	case host == "*":
		return ""
	case strings.HasPrefix(host, "*."):
		return "grpc" + strings.TrimPrefix(host, "*")
	default:
		return host
	}
}
