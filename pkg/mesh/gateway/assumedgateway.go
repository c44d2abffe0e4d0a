package gateway

import (
	networking "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// assumedVirtualHosts are those of gateways that nobody has seen: the Gateways that select no known workload, while there may
// be unknown ones, as in a repository that holds an application without its gateway. Gateways with one selector are taken to
// run on the same proxies, which listen on the servers' own numbers and see everything. Their servers have no workload.
func assumedVirtualHosts(s *mesh.Snapshot) []*VirtualHost {
	if _, unknown := s.Unknown(mesh.KindDeployment, "", ""); !unknown {
		return nil
	}
	bySelector := map[string][]*networking.Gateway{}
	var selectors []string
	for _, gateway := range proxy.GatewaysByAge(s) {
		if len(proxy.GatewayWorkloadsSelected(s, gateway)) > 0 {
			continue
		}
		selector := labels.Set(gateway.Spec.Selector).String()
		if bySelector[selector] == nil {
			selectors = append(selectors, selector)
		}
		bySelector[selector] = append(bySelector[selector], gateway)
	}
	var hosts []*VirtualHost
	for _, selector := range selectors {
		gateways := bySelector[selector]
		client := proxy.Client{Labels: gateways[0].Spec.Selector}
		for _, servers := range routeTables(assumedServers(gateways)) {
			hosts = append(hosts, virtualHostsOfTable(s, client, servers)...)
		}
	}
	return hosts
}

func assumedServers(gateways []*networking.Gateway) []*Server {
	var servers []*Server
	for _, gateway := range gateways {
		for index, spec := range gateway.Spec.Servers {
			if spec.GetPort() == nil {
				continue
			}
			servers = append(servers, &Server{
				Gateway: gateway, Index: index, Spec: spec, Hosts: sanitizedHosts(spec.GetHosts(), gateway.Namespace),
				ListenerPort: int32(spec.GetPort().GetNumber()), Bind: spec.GetBind(),
			})
		}
	}
	mergeServers(servers)
	return servers
}
