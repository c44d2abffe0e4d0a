package expose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// prepareRoute plans the VirtualService that leads from the Gateway to the Service, unless a route does so already.
func (r *routing) prepareRoute(entrance listener) (types.NamespacedName, error) {
	if err := r.project(); err != nil {
		return types.NamespacedName{}, err
	}
	if taken := entrance.route; taken.Name != "" {
		if route, ok := r.snapshot.VirtualServices().Get(taken.Namespace, taken.Name); ok && taken.Namespace != r.workload.Namespace() {
			r.note("VirtualService %s, %s, leads there already", taken, OwnerText(route))
		} else {
			r.note("VirtualService %s leads there already", taken)
		}
		return taken, nil
	}
	key := mesh.Key{Kind: mesh.KindVirtualService, Namespace: r.workload.Namespace()}
	name, own, err := r.ownName(key.Kind, key.Namespace)
	if err != nil {
		return types.NamespacedName{}, err
	}
	key.Name = name
	planned, spec := types.NamespacedName{Namespace: key.Namespace, Name: name}, r.routeSpec(entrance)
	if own == nil {
		r.create(key, r.asFarAsRead("no route of the gateway leads to the Service", "", mesh.KindVirtualService, mesh.KindGateway), spec)
		return planned, nil
	}
	return planned, r.update(own, "it was made for other hosts, calls or another Gateway", func(form *unstructured.Unstructured) []plan.Edit {
		var edits []plan.Edit
		for _, field := range []string{"hosts", "gateways", "http"} {
			edits = append(edits, plan.Set(form, spec[field], "spec", field))
		}
		return edits
	})
}

func (r *routing) destinationHost() string {
	return host.ResolveHost(r.backend.name.Name, r.backend.name.Namespace)
}

// routeSpec is one rule for every call, or one for each gRPC service, whose calls have paths like /package.Service/Method.
func (r *routing) routeSpec(entrance listener) map[string]any {
	gateway := entrance.gateway.String()
	// A name with dots alone would be taken for the full name of a Service.
	if entrance.gateway.Namespace == r.workload.Namespace() && !strings.Contains(entrance.gateway.Name, ".") {
		gateway = entrance.gateway.Name
	}
	route := []any{map[string]any{"destination": map[string]any{
		"host": r.destinationHost(), "port": map[string]any{"number": int64(r.backend.port)},
	}}}
	rules := []any{map[string]any{"route": route}}
	if len(r.intent.GRPCServices) > 0 {
		rules = nil
		for _, service := range r.intent.GRPCServices {
			rules = append(rules, map[string]any{
				"match": []any{map[string]any{"uri": map[string]any{"prefix": "/" + service + "/"}}},
				"route": route,
			})
		}
	}
	return map[string]any{"hosts": anyList(entrance.hosts), "gateways": []any{gateway}, "http": rules}
}

// routedBySomebody is a route, not of our own making, that leads every call asked for to the Service port, of each host.
// Without --host any host that it serves will do.
func (r *routing) routedBySomebody() (taking *gateway.GatewayRoute, hosts []string) {
	service := host.ServiceByHost(r.snapshot, r.destinationHost())
	if service == nil {
		return nil, nil
	}
	onPort := r.serversOnPort()
	leading := map[string][]*gateway.GatewayRoute{}
	for _, route := range gateway.RoutesTo(r.snapshot, service, r.backend.port) {
		redirected := !route.Server.IsTLS() && r.isRedirected(route.Server.Gateway, route.Host)
		if r.mayTakeRoute(route) && route.Shadowed == nil && slices.Contains(onPort, route.Server) && r.sameTLS(route.Server.Spec) && !redirected {
			leading[route.Host] = append(leading[route.Host], route)
		}
	}
	hosts = r.intent.Hosts
	if len(hosts) == 0 {
		hosts = slices.Sorted(maps.Keys(leading))
		hosts = slices.DeleteFunc(hosts, func(host string) bool { return r.takingCalls(leading[host]) == nil })
	}
	for _, host := range hosts {
		if taking = r.takingCalls(leading[host]); taking == nil {
			return nil, nil
		}
	}
	return taking, hosts
}

// mayTakeRoute reports whether a route that leads to the Service may be relied on: who owns it, or its Gateway, could lead the
// calls elsewhere at any time. A Gateway that --gateway names is the user's choice.
func (r *routing) mayTakeRoute(route *gateway.GatewayRoute) bool {
	gateway := route.Server.Gateway
	return r.mayTake(route.VirtualService) && (r.mayTake(gateway) || mesh.NamespacedName(gateway) == r.intent.gatewayName())
}

// takingCalls is one of the routes if together they take all calls that are asked for: those of every --grpc-service, or all
// there are.
func (r *routing) takingCalls(routes []*gateway.GatewayRoute) (taking *gateway.GatewayRoute) {
	prefixes := []string{"/"}
	if len(r.intent.GRPCServices) > 0 {
		prefixes = nil
		for _, service := range r.intent.GRPCServices {
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
func (r *routing) prove(entrance listener, ours types.NamespacedName) error {
	before := r.snapshot
	if err := r.project(); err != nil {
		return err
	}
	if err := r.proveServer(entrance); err != nil {
		return err
	}
	if err := r.refuseLoss(entrance, ours); err != nil {
		return err
	}
	lost := map[string]bool{}
	for _, host := range gateway.VirtualHosts(before, proxy.SameGateway(before, r.gateway)) {
		for _, route := range host.Routes {
			if route.Shadowed != nil {
				lost[routeID(route)] = true
			}
		}
	}
	for _, host := range gateway.VirtualHosts(r.snapshot, r.gateway) {
		for _, route := range host.Routes {
			if route.Shadowed == nil || lost[routeID(route)] {
				continue
			}
			if err := r.refuseShadow(route, ours); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseLoss refuses a plan after which a route of somebody else's is no longer there: a Gateway of our own has lost its host.
func (r *routing) refuseLoss(entrance listener, ours types.NamespacedName) error {
	there := map[string]bool{}
	for _, host := range gateway.VirtualHosts(r.snapshot, r.gateway) {
		for _, route := range host.Routes {
			there[routeID(route)] = true
		}
	}
	for _, host := range gateway.VirtualHosts(r.before, proxy.SameGateway(r.before, r.gateway)) {
		for _, route := range host.Routes {
			if !there[routeID(route)] && !isOf(ours, route) {
				return refuse("Choose another port with --port",
					"Gateway %s would no longer take the calls of %s for host %q on port %d",
					entrance.gateway, mesh.KeyOf(route.VirtualService), route.Host, r.backend.outside)
			}
		}
	}
	return nil
}

func routeID(route *gateway.GatewayRoute) string {
	return fmt.Sprintf("%s %d %d %s %d", mesh.NamespacedName(route.VirtualService), route.Rule, route.Match, route.Host, route.Server.ListenerPort)
}

func (r *routing) proveServer(entrance listener) error {
	gw, ok := r.snapshot.Gateways().Get(entrance.gateway.Namespace, entrance.gateway.Name)
	if !ok {
		return nil
	}
	for _, server := range gateway.ServersOf(r.snapshot, gw) {
		if server.Spec.GetPort().GetNumber() != uint32(r.backend.outside) {
			continue
		}
		switch {
		case server.DroppedBy != nil:
			return refuse("Choose another port with --port, or another host with --host",
				"port %d of the gateway is taken: istiod would drop the server of Gateway %s because of %s (%s)",
				r.backend.outside, entrance.gateway, mesh.KeyOf(server.DroppedBy.Gateway), server.DropReason)
		case server.LeftOut != "":
			return refuse("Choose a port that the gateway's Service leads to one above 1023", "istiod would make no listener for port %d: %s", r.backend.outside, server.LeftOut)
		}
	}
	return nil
}

func (r *routing) refuseShadow(route *gateway.GatewayRoute, ours types.NamespacedName) error {
	ahead := route.Shadowed.VirtualService
	proposal := fmt.Sprintf("Give it a host of its own (--host %s.%s.example.com), or only the calls of its gRPC services (--grpc-service package.Service)",
		r.workload.Name(), r.workload.Namespace())
	if len(r.intent.GRPCServices) > 0 {
		proposal = fmt.Sprintf("Give it a host of its own: --host %s.%s.example.com", r.workload.Name(), r.workload.Namespace())
	}
	if isOf(ours, route) {
		return refuse(proposal, "host %q on port %d is taken: %s takes the calls first, and %s would get none",
			route.Host, r.backend.outside, mesh.KeyOf(ahead), r.workload.Key).takenBy(ahead)
	}
	if isOf(ours, route.Shadowed) {
		return refuse(proposal, "host %q on port %d is taken: the new route would take the calls of %s",
			route.Host, r.backend.outside, mesh.KeyOf(route.VirtualService)).takenBy(route.VirtualService)
	}
	return nil
}

func isOf(virtualService types.NamespacedName, route *gateway.GatewayRoute) bool {
	return mesh.NamespacedName(route.VirtualService) == virtualService
}
