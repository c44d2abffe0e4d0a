package policy

import (
	"strconv"

	meshapi "istio.io/api/mesh/v1alpha1"
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// PolicyPlace is where a part of a traffic policy stands.
type PolicyPlace struct {
	// Rule is nil for what comes from the mesh config.
	Rule *networking.DestinationRule
	// Steps lead from the rule to the field: "spec", "trafficPolicy", "tls".
	Steps []string
}

// TrafficPolicy is what counts for one port (and subset) of a host, with where each part of it stands.
type TrafficPolicy struct {
	ConnectionPool   *networkingapi.ConnectionPoolSettings
	ConnectionPoolAt PolicyPlace
	LoadBalancer     *networkingapi.LoadBalancerSettings
	LoadBalancerAt   PolicyPlace
	TLS              *networkingapi.ClientTLSSettings
	TLSAt            PolicyPlace
}

// KeepsDestination reports whether the proxy calls the address that the client has called. TLS is then a matter of the port as a whole.
// Source: Istio's pilot/pkg/networking/core/cluster_traffic_policy.go (applyLoadBalancer).
func (p TrafficPolicy) KeepsDestination() bool {
	return p.LoadBalancer.GetSimple() == networkingapi.LoadBalancerSettings_PASSTHROUGH
}

// TrafficPolicyFor is what the rule (nil for none) says for a Service port, and for one of its subsets if it is named: the
// port-level settings instead of the others, not beside them; the mesh's defaults for a connection pool that is left out; and
// the subset's parts over all that.
// Source: Istio's pilot/pkg/networking/core/cluster_builder.go (applyDestinationRule, buildSubsetCluster),
// cluster_traffic_policy.go (applyDefaultTrafficPolicy) and pilot/pkg/networking/util/util.go (GetPortLevelTrafficPolicy,
// MergeSubsetTrafficPolicy).
func TrafficPolicyFor(s *mesh.Snapshot, rule *HostRule, port int32, subset string) TrafficPolicy {
	var policy TrafficPolicy
	if rule != nil && rule.PolicyFrom != nil {
		policy.lay(rule.PolicyFrom, rule.PolicyFrom.Spec.GetTrafficPolicy(), []string{"spec", "trafficPolicy"}, port)
	}
	if policy.ConnectionPool == nil {
		if pool := proxy.DefaultMeshConfig(s).GetDefaultTrafficPolicy().GetConnectionPool(); pool != nil {
			policy.ConnectionPool, policy.ConnectionPoolAt = pool, PolicyPlace{}
		}
	}
	if found, ok := rule.Subset(subset); ok && subset != "" && found.Spec.GetTrafficPolicy() != nil {
		steps := []string{"spec", "subsets", strconv.Itoa(found.Index), "trafficPolicy"}
		policy.lay(found.From, found.Spec.GetTrafficPolicy(), steps, port)
	}
	return policy
}

// lay puts a policy over this one: what it leaves out stays, unless it has settings for the port, which replace everything.
func (p *TrafficPolicy) lay(rule *networking.DestinationRule, over *networkingapi.TrafficPolicy, steps []string, port int32) {
	pool, balancer, tls := over.GetConnectionPool(), over.GetLoadBalancer(), over.GetTls()
	replace := false
	for i, level := range over.GetPortLevelSettings() {
		if level.GetPort() != nil && level.GetPort().GetNumber() == uint32(port) {
			pool, balancer, tls = level.GetConnectionPool(), level.GetLoadBalancer(), level.GetTls()
			steps = append(steps, "portLevelSettings", strconv.Itoa(i))
			replace = true
			break
		}
	}
	at := func(field string) PolicyPlace {
		return PolicyPlace{Rule: rule, Steps: append(append([]string{}, steps...), field)}
	}
	if pool != nil || replace {
		p.ConnectionPool, p.ConnectionPoolAt = pool, at("connectionPool")
	}
	if balancer != nil || replace {
		p.LoadBalancer, p.LoadBalancerAt = balancer, at("loadBalancer")
	}
	if tls != nil || replace {
		p.TLS, p.TLSAt = tls, at("tls")
	}
}

// UpgradesToHTTP2 reports whether a DestinationRule that the gateway uses, or the mesh config, makes the gateway speak HTTP/2 to the
// port, or to a subset of it if one is named, whatever the port's name: with h2UpgradePolicy, or with useClientProtocol, because
// gRPC clients speak HTTP/2. The mesh's own h2UpgradePolicy counts only for ports that are HTTP by name.
// Source: Istio's pilot/pkg/networking/core/cluster_traffic_policy.go (shouldH2Upgrade, applyConnectionPool).
func UpgradesToHTTP2(s *mesh.Snapshot, service *core.Service, port *core.ServicePort, gateway proxy.Client, subset string) bool {
	rule := DestinationRuleFor(s, gateway, host.ServiceHost(service), service.Namespace)
	http := TrafficPolicyFor(s, rule, port.Port, subset).ConnectionPool.GetHttp()
	switch {
	case http.GetUseClientProtocol():
		return true
	case http.GetH2UpgradePolicy() == networkingapi.ConnectionPoolSettings_HTTPSettings_UPGRADE:
		return true
	case http.GetH2UpgradePolicy() == networkingapi.ConnectionPoolSettings_HTTPSettings_DO_NOT_UPGRADE:
		return false
	case proxy.MeshConfigOf(s, gateway.Revision).GetH2UpgradePolicy() != meshapi.MeshConfig_UPGRADE:
		return false
	}
	protocol := workload.ServicePortProtocol(port)
	return protocol == workload.ProtocolHTTP || protocol.IsHTTP2()
}
