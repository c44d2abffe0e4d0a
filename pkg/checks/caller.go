package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Caller is a proxy that calls an exposed port: a gateway with a route to it, or a sidecar.
type Caller struct {
	proxy.Client
	// gateway is nil for a sidecar.
	Gateway *proxy.GatewayWorkload
}

// String is how messages name the caller.
func (c Caller) String() string {
	if c.Gateway == nil {
		return "a sidecar in namespace " + c.Namespace
	}
	return GatewayText(c.Gateway)
}

// GatewayText names a gateway in a message.
func GatewayText(gateway *proxy.GatewayWorkload) string {
	if gateway.Workload == nil && len(gateway.Pods) == 0 {
		return "the gateway in namespace " + gateway.Namespace
	}
	return "gateway " + gateway.Namespace + "/" + gateway.Name()
}

// PortsInScope are the ports whose policies are judged: the exposed ones, or with --scope=all every Service port of an
// application, for which nothing then needs to say gRPC.
func PortsInScope(p *Pass) []*exposure.ExposedPort {
	if !p.All {
		return exposure.ExposedPorts(p.Snapshot)
	}
	return mesh.Remember(p.Snapshot, allPortsMemory{}, func() []*exposure.ExposedPort { return allPorts(p) })
}

type allPortsMemory struct{}

func allPorts(p *Pass) []*exposure.ExposedPort {
	var ports []*exposure.ExposedPort
	for _, service := range p.Services().All() {
		if gateway.IsInfrastructureService(p.Snapshot, service) {
			continue
		}
		exposed := map[int]*exposure.ExposedPort{}
		for _, port := range exposure.ExposedPortsOf(p.Snapshot, service) {
			exposed[port.Index] = port
		}
		for i := range service.Spec.Ports {
			port := exposed[i]
			if port == nil {
				port = &exposure.ExposedPort{Service: service, Index: i, Port: &service.Spec.Ports[i], Workloads: workload.WorkloadsOf(p.Snapshot, service)}
			}
			ports = append(ports, port)
		}
	}
	return ports
}

// CallersOf are the gateways with a route to the port, and after them the sidecars that may call it.
func CallersOf(p *Pass, port *exposure.ExposedPort) []Caller {
	var callers []Caller
	for _, gateway := range exposure.GatewaysTo(p.Snapshot, port) {
		callers = append(callers, Caller{Client: gateway.Client(), Gateway: gateway})
	}
	for _, client := range policy.SidecarClients(p.Snapshot, host.ServiceHost(port.Service), port.Service.Namespace) {
		callers = append(callers, Caller{Client: client})
	}
	return callers
}

// PolicyOf is what the DestinationRule that the caller uses says for the port, and for a subset of its host if that is named.
func PolicyOf(p *Pass, c Caller, port *exposure.ExposedPort, subset string) policy.TrafficPolicy {
	rule := policy.DestinationRuleFor(p.Snapshot, c.Client, host.ServiceHost(port.Service), port.Service.Namespace)
	return policy.TrafficPolicyFor(p.Snapshot, rule, port.Port.Port, subset)
}

// EachPolicy judges what every caller of every exposed port, and every subset that it calls, comes under. judge names the
// place of a fault and how to report it; each place is reported once.
func EachPolicy(p *Pass, judge func(*exposure.ExposedPort, Caller, policy.TrafficPolicy) (place string, report func())) {
	seen := map[string]bool{}
	for _, port := range PortsInScope(p) {
		subsets := SubsetsCalled(p, port)
		for _, caller := range CallersOf(p, port) {
			for _, subset := range subsets {
				place, report := judge(port, caller, PolicyOf(p, caller, port, subset))
				if report != nil && !seen[place] {
					seen[place] = true
					report()
				}
			}
		}
	}
}

// SubsetsCalled are the subsets through which gateway routes lead to the port, "" for none; never empty.
func SubsetsCalled(p *Pass, port *exposure.ExposedPort) []string {
	var subsets []string
	for _, route := range gateway.RoutesTo(p.Snapshot, port.Service, port.Port.Port) {
		for _, destination := range host.Destinations(p.Snapshot, route.Spec, route.Holder.Namespace) {
			if destination.Service == port.Service && route.PortOf(destination) == port.Port.Port {
				subsets = append(subsets, destination.Spec.GetSubset())
			}
		}
	}
	if len(subsets) == 0 || len(gatewayapi.RouteBackendsTo(p.Snapshot, port.Service, port.Port.Port)) > 0 {
		subsets = append(subsets, "")
	}
	slices.Sort(subsets)
	return slices.Compact(subsets)
}
