package oracle

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// tellClusters gives what the model says of the clusters that routes lead to.
func (a *modelAnswer) tellClusters() {
	for _, host := range a.snapshot.VirtualHosts(a.workload) {
		for _, route := range host.Routes {
			if !isSent(route) {
				continue
			}
			for _, destination := range a.snapshot.Destinations(route.Spec, route.Holder.Namespace) {
				a.set(topicCluster, a.clusterName(route, destination), a.clusterText(route, destination))
			}
		}
	}
}

// clusterText says how the gateway speaks to a destination: nothing where there is no such cluster.
func (a *modelAnswer) clusterText(route *mesh.GatewayRoute, destination mesh.Destination) string {
	service := destination.Service
	if service == nil {
		return a.foreignCluster(destination)
	}
	port := portOf(service, route.PortOf(destination))
	if port == nil || !a.snapshot.ServiceVisibleTo(service, a.workload.Namespace) {
		return nothing
	}
	client := a.workload.Client()
	rule := a.snapshot.DestinationRuleFor(client, mesh.ServiceHost(service), service.Namespace)
	subset := destination.Spec.GetSubset()
	if _, known := rule.Subset(subset); subset != "" && !known {
		return nothing
	}
	policy := a.snapshot.TrafficPolicyFor(rule, port.Port, subset)
	return fmt.Sprintf("%s, tls %s, %s", a.httpOf(service, port, policy), a.tlsOf(service, policy), balancerOf(policy))
}

func portOf(service *core.Service, number int32) *core.ServicePort {
	for i := range service.Spec.Ports {
		if port := &service.Spec.Ports[i]; port.Port == number {
			return port
		}
	}
	return nil
}

// foreignCluster is for hosts that are no Services of the cluster: the model does not say how those of ServiceEntries are
// called, only that there is none for any other.
func (a *modelAnswer) foreignCluster(destination mesh.Destination) string {
	host := destination.Host
	if named := a.snapshot.ServiceByHost(host); named != nil && named.Spec.Type == core.ServiceTypeExternalName {
		host = named.Spec.ExternalName
	}
	if len(a.snapshot.ServiceEntriesByHost(host)) > 0 {
		return unknown
	}
	return nothing
}

func (a *modelAnswer) httpOf(service *core.Service, port *core.ServicePort, policy mesh.TrafficPolicy) string {
	switch {
	case policy.ConnectionPool.GetHttp().GetUseClientProtocol():
		return "as the client"
	case mesh.ServicePortProtocol(port).IsHTTP2(), a.snapshot.UpgradesToHTTP2(service, port, a.workload.Client()):
		return "HTTP/2"
	default:
		return "HTTP/1.1"
	}
}

func (a *modelAnswer) tlsOf(service *core.Service, policy mesh.TrafficPolicy) string {
	if policy.TLS != nil {
		return policy.TLS.GetMode().String()
	}
	if a.snapshot.MutualTLSMode(service.Namespace, nil, 0) == mesh.MutualTLSDisable {
		return "DISABLE"
	}
	return "automatic"
}

// balancerOf is Envoy's name of the load balancer that a policy asks for.
// Source: Istio pilot/pkg/networking/core/cluster_traffic_policy.go (applyLoadBalancer).
func balancerOf(policy mesh.TrafficPolicy) string {
	if policy.LoadBalancer.GetConsistentHash() != nil {
		return "RING_HASH"
	}
	switch policy.LoadBalancer.GetSimple() {
	case networkingapi.LoadBalancerSettings_ROUND_ROBIN:
		return "ROUND_ROBIN"
	case networkingapi.LoadBalancerSettings_RANDOM:
		return "RANDOM"
	case networkingapi.LoadBalancerSettings_PASSTHROUGH:
		return "CLUSTER_PROVIDED"
	default:
		return "LEAST_REQUEST"
	}
}
