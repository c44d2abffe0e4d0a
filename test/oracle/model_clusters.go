package oracle

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// nowhere is what a route leads to whose cluster does not exist: Envoy answers by itself.
const nowhere = "nowhere"

// tellCluster gives the cluster of a destination, and how the gateway speaks to it. The name is nowhere where there is no
// cluster, and unknown for hosts of ServiceEntries: the model does not say which of them a gateway sees.
func (a *modelAnswer) tellCluster(route *gateway.GatewayRoute, destination host.Destination) (name string) {
	service := destination.Service
	if service == nil || service.Spec.Type == core.ServiceTypeExternalName {
		return a.foreignCluster(destination)
	}
	port := portOf(service, route.PortOf(destination))
	if port == nil || workload.ServicePortProtocol(port) == workload.ProtocolUDP || !a.sees(destination) {
		return nowhere
	}
	rule := policy.DestinationRuleFor(a.snapshot, a.workload.Client(), host.ServiceHost(service), service.Namespace)
	subset := destination.Spec.GetSubset()
	of, known := rule.Subset(subset)
	if subset != "" && !known {
		return nowhere
	}
	policy := policy.TrafficPolicyFor(a.snapshot, rule, port.Port, subset)
	name = fmt.Sprintf("outbound|%d|%s|%s", port.Port, subset, host.ServiceHost(service))
	a.set(topicCluster, name+" http", a.httpOf(service, port, policy, subset))
	security := a.tlsOf(service, port, policy)
	a.set(topicCluster, name+" tls", security)
	a.set(topicCluster, name+" balancer", balancerOf(policy))
	if security == unknown {
		a.set(topicEndpoint, name, unknown)
	} else {
		a.tellEndpoints(name, service, port, of.Spec.GetLabels(), security == automaticTLS)
	}
	return name
}

// sees says whether the gateway knows the Service that a destination names, and the one that it leads to.
func (a *modelAnswer) sees(destination host.Destination) bool {
	named := host.ServiceByHost(a.snapshot, destination.Host)
	return host.ServiceVisibleTo(a.snapshot, named, a.workload.Namespace) &&
		host.ServiceVisibleTo(a.snapshot, destination.Service, a.workload.Namespace)
}

func portOf(service *core.Service, number int32) *core.ServicePort {
	for i := range service.Spec.Ports {
		if port := &service.Spec.Ports[i]; port.Port == number {
			return port
		}
	}
	return nil
}

// foreignCluster is for hosts that are no Services with pods.
func (a *modelAnswer) foreignCluster(destination host.Destination) string {
	name := destination.Host
	if named := host.ServiceByHost(a.snapshot, name); named != nil && named.Spec.Type == core.ServiceTypeExternalName {
		name = named.Spec.ExternalName
	}
	if len(host.ServiceEntriesByHost(a.snapshot, name)) > 0 {
		return unknown
	}
	return nowhere
}

func (a *modelAnswer) httpOf(service *core.Service, port *core.ServicePort, rule policy.TrafficPolicy, subset string) string {
	switch {
	case rule.ConnectionPool.GetHttp().GetUseClientProtocol():
		return "as the client"
	case workload.ServicePortProtocol(port).IsHTTP2(), policy.UpgradesToHTTP2(a.snapshot, service, port, a.workload.Client(), subset):
		return "HTTP/2"
	default:
		return "HTTP/1.1"
	}
}

func (a *modelAnswer) tlsOf(service *core.Service, port *core.ServicePort, rule policy.TrafficPolicy) string {
	if rule.TLS != nil {
		return rule.TLS.GetMode().String()
	}
	infers, known := policy.InfersMutualTLS(a.snapshot, service, port, rule)
	switch {
	case !known:
		return unknown
	case infers && rule.KeepsDestination():
		return "ISTIO_MUTUAL"
	case infers:
		return automaticTLS
	default:
		return "DISABLE"
	}
}

// balancerOf is Envoy's name of the load balancer that a policy asks for.
// Source: Istio pilot/pkg/networking/core/cluster_traffic_policy.go (applyLoadBalancer).
func balancerOf(policy policy.TrafficPolicy) string {
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
