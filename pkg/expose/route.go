package expose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// prepareRoute plans the VirtualService that leads from the Gateway to the Service, unless a route does so already.
func (b *builder) prepareRoute() error {
	if err := b.project(); err != nil {
		return err
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
	if virtualService := b.routedBySomebody(); virtualService != "" {
		b.result.VirtualService = virtualService
		b.note("VirtualService %s leads there already", virtualService)
		return nil
	}
	b.create(mesh.KindVirtualService, b.workload.Namespace(), name, "no route of the gateway leads to the Service", spec)
	return nil
}

func (b *builder) destinationHost() string {
	return mesh.ResolveHost(b.result.Service, b.workload.Namespace())
}

// routeSpec is one rule for every call, or one for each gRPC service, whose calls have paths like /package.Service/Method.
func (b *builder) routeSpec() map[string]any {
	gateway := b.result.GatewayObject
	if namespace, name, _ := strings.Cut(gateway, "/"); namespace == b.workload.Namespace() {
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

// routedBySomebody is a VirtualService, not of our own making, that leads every call asked for to the Service port.
// Without --host any host that it serves will do.
func (b *builder) routedBySomebody() string {
	service := b.snapshot.ServiceByHost(b.destinationHost())
	if service == nil {
		return ""
	}
	onPort := b.serversOnPort()
	served := map[string]string{}
	for _, route := range b.snapshot.RoutesTo(service, b.result.ServicePort) {
		if route.Shadowed == nil && slices.Contains(onPort, route.Server) && b.takesCalls(route) {
			served[route.Host] = route.VirtualService.Namespace + "/" + route.VirtualService.Name
		}
	}
	hosts := b.intent.Hosts
	if len(hosts) == 0 {
		hosts = slices.Sorted(maps.Keys(served))
	}
	virtualService := ""
	for _, host := range hosts {
		if virtualService = served[host]; virtualService == "" {
			return ""
		}
	}
	if virtualService != "" {
		b.result.Hosts = hosts
		b.dropPlannedGateway()
	}
	return virtualService
}

// takesCalls says that the route takes all calls that are asked for: those of every --grpc-service, or all there are.
func (b *builder) takesCalls(route *mesh.GatewayRoute) bool {
	prefix := route.MatchSpec().GetUri().GetPrefix()
	if route.MatchSpec() == nil || prefix == "/" {
		return true
	}
	if prefix == "" || len(b.intent.GRPCServices) == 0 {
		return false
	}
	return !slices.ContainsFunc(b.intent.GRPCServices, func(service string) bool {
		return !strings.HasPrefix("/"+service+"/", prefix)
	})
}

// dropPlannedGateway takes back a Gateway that was planned before it turned out that routes are there.
func (b *builder) dropPlannedGateway() {
	b.changes = slices.DeleteFunc(b.changes, func(c plan.Change) bool {
		return c.Action == plan.Create && c.Object.GetKind() == "Gateway"
	})
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
	lost := map[string]bool{}
	for _, host := range before.VirtualHosts(b.result.Gateway) {
		for _, route := range host.Routes {
			if route.Shadowed != nil {
				lost[routeID(route)] = true
			}
		}
	}
	for _, host := range b.snapshot.VirtualHosts(b.result.Gateway) {
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

func routeID(route *mesh.GatewayRoute) string {
	return fmt.Sprintf("%s/%s %d %d %s %d", route.VirtualService.Namespace, route.VirtualService.Name, route.Rule, route.Match, route.Host, route.Server.ListenerPort)
}

func (b *builder) proveServer() error {
	namespace, name, _ := strings.Cut(b.result.GatewayObject, "/")
	gateway, ok := b.snapshot.Gateways().Get(namespace, name)
	if !ok {
		return nil
	}
	for _, server := range b.snapshot.ServersOf(gateway) {
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

func (b *builder) refuseShadow(route *mesh.GatewayRoute) error {
	ahead := route.Shadowed.VirtualService
	proposal := fmt.Sprintf("Give it a host of its own (--host %s.%s.example.com), or only the calls of its gRPC services (--grpc-service package.Service)",
		b.workload.Name(), b.workload.Namespace())
	if len(b.intent.GRPCServices) > 0 {
		proposal = fmt.Sprintf("Give it a host of its own: --host %s.%s.example.com", b.workload.Name(), b.workload.Namespace())
	}
	if b.isOurRoute(route) {
		return refuse(proposal, "host %q on port %d is taken: VirtualService %s/%s takes the calls first, and %s would get none",
			route.Host, b.result.Port, ahead.Namespace, ahead.Name, b.workload.Key)
	}
	if b.isOurRoute(route.Shadowed) {
		return refuse(proposal, "host %q on port %d is taken: the new route would take the calls of VirtualService %s/%s",
			route.Host, b.result.Port, route.VirtualService.Namespace, route.VirtualService.Name)
	}
	return nil
}

func (b *builder) isOurRoute(route *mesh.GatewayRoute) bool {
	return b.isOurs(route.VirtualService) && b.servesSamePort(route.VirtualService)
}
