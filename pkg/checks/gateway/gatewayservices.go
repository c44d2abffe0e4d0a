package gateway

import (
	"slices"

	core "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// usedGateway is a gateway workload that gRPC calls come through, the listener ports that they come to, and the best that is
// known of the calls.
type usedGateway struct {
	*proxy.GatewayWorkload
	ports     []int32
	relevance checks.Relevance
	// kinds say what the servers of each of these listeners take.
	kinds map[int32]listenerKinds
}

// usedGateways are the gateway workloads with servers or listeners that are a matter of gRPC, each once, in the order of the
// Gateways, Istio's first.
func usedGateways(p *checks.Pass) []*usedGateway {
	var used []*usedGateway
	known := map[*proxy.GatewayWorkload]*usedGateway{}
	use := func(workload *proxy.GatewayWorkload, port int32, isTLS bool, of checks.Relevance) {
		gateway := known[workload]
		if gateway == nil {
			gateway = &usedGateway{GatewayWorkload: workload, kinds: map[int32]listenerKinds{}}
			known[workload] = gateway
			used = append(used, gateway)
		}
		gateway.relevance = max(gateway.relevance, of)
		kinds := gateway.kinds[port]
		gateway.kinds[port] = listenerKinds{tls: kinds.tls || isTLS, plaintext: kinds.plaintext || !isTLS}
		if !slices.Contains(gateway.ports, port) {
			gateway.ports = append(gateway.ports, port)
		}
	}
	for _, server := range gatewayServers(p) {
		for _, on := range onWorkloads(p, server) {
			use(on.Workload, on.ListenerPort, on.IsTLS(), p.ServerRelevance(server.gateway, server.spec))
		}
	}
	relevances := checks.GatewaysOfGRPC(p)
	for _, gw := range p.KubernetesGateways().All() {
		if !gatewayapi.IsIstioIngress(p.Snapshot, gw) || checks.IsRefusedByStatus(gw) {
			continue
		}
		for _, listener := range gw.Spec.Listeners {
			of := relevances[gw].OfListener(listener.Name)
			if !p.InScope(of) {
				continue
			}
			for _, workload := range gatewayapi.KubernetesGatewayWorkloads(p.Snapshot, gw) {
				for _, open := range gateway.OpenPorts(p.Snapshot, workload) {
					if open.Port.Port == listener.Port {
						use(workload, open.TargetPort, listener.Protocol == gatewayv1.HTTPSProtocolType || listener.Protocol == gatewayv1.TLSProtocolType, of)
					}
				}
			}
		}
	}
	return used
}

// servicesOf are the Services that lead to the gateway's used listeners, each with its ports that do.
func servicesOf(p *checks.Pass, gw *usedGateway) (services []*core.Service, ports map[*core.Service][]*core.ServicePort) {
	ports = map[*core.Service][]*core.ServicePort{}
	for _, open := range gateway.OpenPorts(p.Snapshot, gw.GatewayWorkload) {
		if !slices.Contains(gw.ports, open.TargetPort) {
			continue
		}
		if ports[open.Service] == nil {
			services = append(services, open.Service)
		}
		ports[open.Service] = append(ports[open.Service], open.Port)
	}
	return services, ports
}

// kindsBehind say what the servers take to which these ports of a Service lead.
func (g *usedGateway) kindsBehind(p *checks.Pass, service *core.Service, ports []*core.ServicePort) listenerKinds {
	var kinds listenerKinds
	for _, open := range gateway.OpenPorts(p.Snapshot, g.GatewayWorkload) {
		if open.Service == service && slices.Contains(ports, open.Port) {
			kinds.tls = kinds.tls || g.kinds[open.TargetPort].tls
			kinds.plaintext = kinds.plaintext || g.kinds[open.TargetPort].plaintext
		}
	}
	return kinds
}
