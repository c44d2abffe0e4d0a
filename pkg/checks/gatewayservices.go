package checks

import (
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// usedGateway is a gateway workload that gRPC calls come through, and the listener ports that they come to.
type usedGateway struct {
	*mesh.GatewayWorkload
	ports []int32
}

// usedGateways are the gateway workloads with servers that are a matter of gRPC, each once, in the order of the Gateways.
func (p *Pass) usedGateways() []*usedGateway {
	var used []*usedGateway
	known := map[*mesh.GatewayWorkload]*usedGateway{}
	for _, server := range p.gatewayServers() {
		for _, on := range p.onWorkloads(server) {
			if known[on.Workload] == nil {
				known[on.Workload] = &usedGateway{GatewayWorkload: on.Workload}
				used = append(used, known[on.Workload])
			}
			if !slices.Contains(known[on.Workload].ports, on.ListenerPort) {
				known[on.Workload].ports = append(known[on.Workload].ports, on.ListenerPort)
			}
		}
	}
	return used
}

// servicesOf are the Services that lead to the gateway's used listeners, each with its ports that do.
func (p *Pass) servicesOf(gateway *usedGateway) (services []*core.Service, ports map[*core.Service][]*core.ServicePort) {
	ports = map[*core.Service][]*core.ServicePort{}
	for _, open := range p.OpenPorts(gateway.GatewayWorkload) {
		if !slices.Contains(gateway.ports, open.TargetPort) {
			continue
		}
		if ports[open.Service] == nil {
			services = append(services, open.Service)
		}
		ports[open.Service] = append(ports[open.Service], open.Port)
	}
	return services, ports
}
