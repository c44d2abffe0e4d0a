package checks

import (
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// gatewaysServing are the gateway workloads that the VirtualService's Gateways select, each once.
func (p *Pass) gatewaysServing(vs *networking.VirtualService) []*proxy.GatewayWorkload {
	gateways, _ := host.GatewaysOf(p.Snapshot, vs)
	var workloads []*proxy.GatewayWorkload
	for _, gateway := range gateways {
		for _, workload := range proxy.GatewayWorkloadsSelected(p.Snapshot, gateway) {
			if proxy.GatewayInScope(p.Snapshot, gateway, workload) && !slices.Contains(workloads, workload) {
				workloads = append(workloads, workload)
			}
		}
	}
	return workloads
}

// gatewaysServingRule are those of its VirtualService that the rule is for at all.
func (p *Pass) gatewaysServingRule(rule *host.HTTPRule) []*proxy.GatewayWorkload {
	return slices.DeleteFunc(p.gatewaysServing(rule.Root), func(gw *proxy.GatewayWorkload) bool { return !gateway.ServedBy(p.Snapshot, rule, gw) })
}

// boundServer is a server of a Gateway that a VirtualService is bound to.
type boundServer struct {
	Gateway *networking.Gateway
	Index   int
	Server  *networkingapi.Server
}

// boundServers are the servers that take a host of the VirtualService, whether or not a gateway runs them.
func boundServers(snapshot *mesh.Snapshot, vs *networking.VirtualService) []boundServer {
	gateways, _ := host.GatewaysOf(snapshot, vs)
	var servers []boundServer
	for _, gateway := range gateways {
		for i, server := range gateway.Spec.Servers {
			if takesAHost(gateway, server, vs) {
				servers = append(servers, boundServer{gateway, i, server})
			}
		}
	}
	return servers
}
