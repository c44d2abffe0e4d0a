package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// caller is a proxy that calls an exposed port: a gateway with a route to it, or a sidecar.
type caller struct {
	mesh.Client
	// gateway is nil for a sidecar.
	gateway *mesh.GatewayWorkload
}

// String is how messages name the caller.
func (c caller) String() string {
	if c.gateway == nil {
		return "a sidecar in namespace " + c.Namespace
	}
	return gatewayText(c.gateway)
}

// gatewayText names a gateway in a message.
func gatewayText(gateway *mesh.GatewayWorkload) string {
	if gateway.Workload == nil && len(gateway.Pods) == 0 {
		return "the gateway in namespace " + gateway.Namespace
	}
	return "gateway " + gateway.Namespace + "/" + gateway.Name()
}

// judgedPorts are the ports whose policies are judged: the exposed ones, or with --scope=all every Service port of an
// application, for which nothing then needs to say gRPC.
func judgedPorts(p *Pass) []*mesh.ExposedPort {
	if !p.AllScopes {
		return p.ExposedPorts()
	}
	return mesh.Remember(p.Snapshot, allPortsMemory{}, func() []*mesh.ExposedPort { return allPorts(p) })
}

type allPortsMemory struct{}

func allPorts(p *Pass) []*mesh.ExposedPort {
	var ports []*mesh.ExposedPort
	for _, service := range p.Services().All() {
		if p.IsInfrastructureService(service) {
			continue
		}
		exposed := map[int]*mesh.ExposedPort{}
		for _, port := range p.ExposedPortsOf(service) {
			exposed[port.Index] = port
		}
		for i := range service.Spec.Ports {
			port := exposed[i]
			if port == nil {
				port = &mesh.ExposedPort{Service: service, Index: i, Port: &service.Spec.Ports[i], Workloads: p.WorkloadsOf(service)}
			}
			ports = append(ports, port)
		}
	}
	return ports
}

// callersOf are the gateways with a route to the port, and after them the sidecars that may call it.
func callersOf(p *Pass, port *mesh.ExposedPort) []caller {
	var callers []caller
	for _, gateway := range p.GatewaysTo(port) {
		callers = append(callers, caller{Client: gateway.Client(), gateway: gateway})
	}
	for _, client := range p.SidecarClients(mesh.ServiceHost(port.Service), port.Service.Namespace) {
		callers = append(callers, caller{Client: client})
	}
	return callers
}

// policyOf is what the DestinationRule that the caller uses says for the port, and for a subset of its host if that is named.
func policyOf(p *Pass, c caller, port *mesh.ExposedPort, subset string) mesh.TrafficPolicy {
	rule := p.DestinationRuleFor(c.Client, mesh.ServiceHost(port.Service), port.Service.Namespace)
	return p.TrafficPolicyFor(rule, port.Port.Port, subset)
}

// eachPolicy judges what every caller of every exposed port, and every subset that it calls, comes under. judge names the
// place of a fault and how to report it; each place is reported once.
func eachPolicy(p *Pass, judge func(*mesh.ExposedPort, caller, mesh.TrafficPolicy) (place string, report func())) {
	seen := map[string]bool{}
	for _, port := range judgedPorts(p) {
		subsets := subsetsCalled(p, port)
		for _, caller := range callersOf(p, port) {
			for _, subset := range subsets {
				place, report := judge(port, caller, policyOf(p, caller, port, subset))
				if report != nil && !seen[place] {
					seen[place] = true
					report()
				}
			}
		}
	}
}

// subsetsCalled are the subsets through which gateway routes lead to the port, "" for none; never empty.
func subsetsCalled(p *Pass, port *mesh.ExposedPort) []string {
	var subsets []string
	for _, route := range p.RoutesTo(port.Service, port.Port.Port) {
		for _, destination := range p.Destinations(route.Spec, route.Holder.Namespace) {
			if destination.Service == port.Service && route.PortOf(destination) == port.Port.Port {
				subsets = append(subsets, destination.Spec.GetSubset())
			}
		}
	}
	if len(subsets) == 0 || len(p.RouteBackendsTo(port.Service, port.Port.Port)) > 0 {
		subsets = append(subsets, "")
	}
	slices.Sort(subsets)
	return slices.Compact(subsets)
}
