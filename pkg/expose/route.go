package expose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// prepareRoute plans the VirtualService that leads from the Gateway to the Service, unless a route does so already.
func (b *builder) prepareRoute() error {
	if err := b.project(); err != nil {
		return err
	}
	if b.result.VirtualService != "" {
		namespace, name, _ := strings.Cut(b.result.VirtualService, "/")
		if route, ok := b.snapshot.VirtualServices().Get(namespace, name); ok && namespace != b.workload.Namespace() {
			b.note("VirtualService %s, %s, leads there already", b.result.VirtualService, OwnerText(route))
		} else {
			b.note("VirtualService %s leads there already", b.result.VirtualService)
		}
		return nil
	}
	name, own, err := b.ownName(mesh.KindVirtualService, b.workload.Namespace())
	if err != nil {
		return err
	}
	spec := b.routeSpec()
	b.result.VirtualService = b.workload.Namespace() + "/" + name
	if own != nil {
		object, err := mesh.ToUnstructured(own)
		if err != nil {
			return err
		}
		var edits []plan.Edit
		for _, field := range []string{"hosts", "gateways", "http"} {
			edits = append(edits, plan.Set(object, spec[field], "spec", field))
		}
		return b.update(plan.Update, own, "it was made for other hosts, calls or another Gateway", edits...)
	}
	b.create(mesh.KindVirtualService, b.workload.Namespace(), name,
		b.asFarAsRead("no route of the gateway leads to the Service", "", mesh.KindVirtualService, mesh.KindGateway), spec)
	return nil
}

func (b *builder) destinationHost() string {
	return host.ResolveHost(b.result.Service, b.workload.Namespace())
}

// routeSpec is one rule for every call, or one for each gRPC service, whose calls have paths like /package.Service/Method.
func (b *builder) routeSpec() map[string]any {
	gateway := b.result.GatewayObject
	// A name with dots alone would be taken for the full name of a Service.
	if namespace, name, _ := strings.Cut(gateway, "/"); namespace == b.workload.Namespace() && !strings.Contains(name, ".") {
		gateway = name
	}
	route := []any{map[string]any{"destination": map[string]any{
		"host": b.destinationHost(), "port": map[string]any{"number": int64(b.result.ServicePort)},
	}}}
	rules := []any{map[string]any{"route": route}}
	if len(b.intent.GRPCServices) > 0 {
		rules = nil
		for _, service := range b.intent.GRPCServices {
			rules = append(rules, map[string]any{
				"match": []any{map[string]any{"uri": map[string]any{"prefix": "/" + service + "/"}}},
				"route": route,
			})
		}
	}
	return map[string]any{"hosts": anyList(b.result.Hosts), "gateways": []any{gateway}, "http": rules}
}

// routedBySomebody is a route, not of our own making, that leads every call asked for to the Service port, of each host.
// Without --host any host that it serves will do.
func (b *builder) routedBySomebody() *gateway.GatewayRoute {
	service := host.ServiceByHost(b.snapshot, b.destinationHost())
	if service == nil {
		return nil
	}
	onPort := b.serversOnPort()
	leading := map[string][]*gateway.GatewayRoute{}
	for _, route := range gateway.RoutesTo(b.snapshot, service, b.result.ServicePort) {
		redirected := !route.Server.IsTLS() && b.isRedirected(route.Server.Gateway, route.Host)
		if b.mayTakeRoute(route) && route.Shadowed == nil && slices.Contains(onPort, route.Server) && b.sameTLS(route.Server.Spec) && !redirected {
			leading[route.Host] = append(leading[route.Host], route)
		}
	}
	hosts := b.intent.Hosts
	if len(hosts) == 0 {
		hosts = slices.Sorted(maps.Keys(leading))
		hosts = slices.DeleteFunc(hosts, func(host string) bool { return b.takingCalls(leading[host]) == nil })
	}
	var taking *gateway.GatewayRoute
	for _, host := range hosts {
		if taking = b.takingCalls(leading[host]); taking == nil {
			return nil
		}
	}
	if taking != nil {
		b.result.Hosts = hosts
	}
	return taking
}

// mayTakeRoute reports whether a route that leads to the Service may be relied on: who owns it, or its Gateway, could lead the
// calls elsewhere at any time. A Gateway that --gateway names is the user's choice.
func (b *builder) mayTakeRoute(route *gateway.GatewayRoute) bool {
	gateway := route.Server.Gateway
	return b.mayTake(route.VirtualService) && (b.mayTake(gateway) || gateway.Namespace+"/"+gateway.Name == b.intent.Gateway)
}

// takingCalls is one of the routes if together they take all calls that are asked for: those of every --grpc-service, or all
// there are.
func (b *builder) takingCalls(routes []*gateway.GatewayRoute) (taking *gateway.GatewayRoute) {
	prefixes := []string{"/"}
	if len(b.intent.GRPCServices) > 0 {
		prefixes = nil
		for _, service := range b.intent.GRPCServices {
			prefixes = append(prefixes, "/"+service+"/")
		}
	}
	for _, prefix := range prefixes {
		at := slices.IndexFunc(routes, func(route *gateway.GatewayRoute) bool { return route.TakesPrefix(prefix) })
		if at < 0 {
			return nil
		}
		taking = routes[at]
	}
	return taking
}

// prove looks at the snapshot as the plan leaves it: istiod must make the listener, and the route must get its calls
// without taking anybody else's.
func (b *builder) prove() error {
	before := b.snapshot
	if err := b.project(); err != nil {
		return err
	}
	if err := b.proveServer(); err != nil {
		return err
	}
	if err := b.refuseLoss(); err != nil {
		return err
	}
	lost := map[string]bool{}
	for _, host := range gateway.VirtualHosts(before, sameGateway(before, b.result.Gateway)) {
		for _, route := range host.Routes {
			if route.Shadowed != nil {
				lost[routeID(route)] = true
			}
		}
	}
	for _, host := range gateway.VirtualHosts(b.snapshot, b.result.Gateway) {
		for _, route := range host.Routes {
			if route.Shadowed == nil || lost[routeID(route)] {
				continue
			}
			if err := b.refuseShadow(route); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseLoss refuses a plan after which a route of somebody else's is no longer there: a Gateway of our own has lost its host.
func (b *builder) refuseLoss() error {
	there := map[string]bool{}
	for _, host := range gateway.VirtualHosts(b.snapshot, b.result.Gateway) {
		for _, route := range host.Routes {
			there[routeID(route)] = true
		}
	}
	for _, host := range gateway.VirtualHosts(b.beforeGateway, sameGateway(b.beforeGateway, b.result.Gateway)) {
		for _, route := range host.Routes {
			if !there[routeID(route)] && !b.isOurRoute(route) {
				return refuse("Choose another port with --port",
					"Gateway %s would no longer take the calls of VirtualService %s/%s for host %q on port %d",
					b.result.GatewayObject, route.VirtualService.Namespace, route.VirtualService.Name, route.Host, b.result.Port)
			}
		}
	}
	return nil
}

func routeID(route *gateway.GatewayRoute) string {
	return fmt.Sprintf("%s/%s %d %d %s %d", route.VirtualService.Namespace, route.VirtualService.Name, route.Rule, route.Match, route.Host, route.Server.ListenerPort)
}

func (b *builder) proveServer() error {
	namespace, name, _ := strings.Cut(b.result.GatewayObject, "/")
	gw, ok := b.snapshot.Gateways().Get(namespace, name)
	if !ok {
		return nil
	}
	for _, server := range gateway.ServersOf(b.snapshot, gw) {
		if server.Spec.GetPort().GetNumber() != uint32(b.result.Port) {
			continue
		}
		switch {
		case server.DroppedBy != nil:
			other := server.DroppedBy.Gateway
			return refuse("Choose another port with --port, or another host with --host",
				"port %d of the gateway is taken: istiod would drop the server of Gateway %s because of Gateway %s/%s (%s)",
				b.result.Port, b.result.GatewayObject, other.Namespace, other.Name, server.DropReason)
		case server.LeftOut != "":
			return refuse("Choose a port that the gateway's Service leads to one above 1023", "istiod would make no listener for port %d: %s", b.result.Port, server.LeftOut)
		}
	}
	return nil
}

func (b *builder) refuseShadow(route *gateway.GatewayRoute) error {
	ahead := route.Shadowed.VirtualService
	proposal := fmt.Sprintf("Give it a host of its own (--host %s.%s.example.com), or only the calls of its gRPC services (--grpc-service package.Service)",
		b.workload.Name(), b.workload.Namespace())
	if len(b.intent.GRPCServices) > 0 {
		proposal = fmt.Sprintf("Give it a host of its own: --host %s.%s.example.com", b.workload.Name(), b.workload.Namespace())
	}
	if b.isOurRoute(route) {
		return refuse(proposal, "host %q on port %d is taken: VirtualService %s/%s takes the calls first, and %s would get none",
			route.Host, b.result.Port, ahead.Namespace, ahead.Name, b.workload.Key).takenBy(ahead)
	}
	if b.isOurRoute(route.Shadowed) {
		return refuse(proposal, "host %q on port %d is taken: the new route would take the calls of VirtualService %s/%s",
			route.Host, b.result.Port, route.VirtualService.Namespace, route.VirtualService.Name).takenBy(route.VirtualService)
	}
	return nil
}

func (b *builder) isOurRoute(route *gateway.GatewayRoute) bool {
	return route.VirtualService.Namespace+"/"+route.VirtualService.Name == b.result.VirtualService
}
