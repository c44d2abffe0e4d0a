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

// GatewaysServing are the gateway workloads that the VirtualService's Gateways select, each once.
func (p *Pass) GatewaysServing(vs *networking.VirtualService) []*proxy.GatewayWorkload {
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

// GatewaysServingRule are those of its VirtualService that the rule is for at all.
func (p *Pass) GatewaysServingRule(rule *host.HTTPRule) []*proxy.GatewayWorkload {
	return slices.DeleteFunc(p.GatewaysServing(rule.Root), func(gw *proxy.GatewayWorkload) bool { return !gateway.ServedBy(p.Snapshot, rule, gw) })
}

// BoundServer is a server of a Gateway that a VirtualService is bound to.
type BoundServer struct {
	Gateway *networking.Gateway
	Index   int
	Server  *networkingapi.Server
}

// BoundServers are the servers that take a host of the VirtualService, whether or not a gateway runs them.
func BoundServers(snapshot *mesh.Snapshot, vs *networking.VirtualService) []BoundServer {
	gateways, _ := host.GatewaysOf(snapshot, vs)
	var servers []BoundServer
	for _, gateway := range gateways {
		for i, server := range gateway.Spec.Servers {
			if TakesHostOf(gateway, server, vs) {
				servers = append(servers, BoundServer{gateway, i, server})
			}
		}
	}
	return servers
}
