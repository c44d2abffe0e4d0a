package policy

import (
	"net/netip"
	"slices"

	core "k8s.io/api/core/v1"
	k8snetworking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Peer is what connects to a pod.
type Peer struct {
	Namespace string
	// Labels are those of its pods.
	Labels map[string]string
	// Addresses are those of its pods; none means not known.
	Addresses []string
	// HostNetwork pods are the node to a NetworkPolicy, and no selector sees them for sure.
	HostNetwork bool
}

// IngressPoliciesFor are the NetworkPolicies that isolate pods with these labels for incoming connections, by name.
// Source: Kubernetes' pkg/apis/networking (NetworkPolicySpec: podSelector, and policyTypes, which always has Ingress unless it
// is given without).
func IngressPoliciesFor(s *mesh.Snapshot, namespace string, podLabels map[string]string) []*k8snetworking.NetworkPolicy {
	var policies []*k8snetworking.NetworkPolicy
	for _, policy := range s.NetworkPolicies().In(namespace) {
		types := policy.Spec.PolicyTypes
		isIngress := len(types) == 0 || slices.Contains(types, k8snetworking.PolicyTypeIngress)
		if isIngress && workload.SelectorOf(&policy.Spec.PodSelector).Matches(labels.Set(podLabels)) {
			policies = append(policies, policy)
		}
	}
	return policies
}

// AllowsIngress says whether a policy lets the peer connect to a port of pods of the template: any of its rules, which asks
// both for the port and for the peer; a rule without ports or without peers takes all of them. Sometimes is the answer where it
// rests on addresses that are not known, and on the network plugin for pods in the node's network.
// Source: Kubernetes' pkg/apis/networking (NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort).
func AllowsIngress(s *mesh.Snapshot, policy *k8snetworking.NetworkPolicy, peer Peer, port int32, template *core.PodTemplateSpec) Match {
	match := Never
	for _, rule := range policy.Spec.Ingress {
		if !rulePortsInclude(rule.Ports, port, template) {
			continue
		}
		from := Never
		for _, source := range rule.From {
			from = max(from, peerMatches(s, policy.Namespace, source, peer))
		}
		if len(rule.From) == 0 {
			from = Always
		}
		match = max(match, from)
	}
	return match
}

func rulePortsInclude(ports []k8snetworking.NetworkPolicyPort, port int32, template *core.PodTemplateSpec) bool {
	if len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(allowed k8snetworking.NetworkPolicyPort) bool {
		switch {
		case allowed.Protocol != nil && *allowed.Protocol != core.ProtocolTCP:
			return false
		case allowed.Port == nil:
			return true
		case allowed.Port.Type == intstr.String:
			return hasNamedPort(template, allowed.Port.StrVal, port)
		case allowed.EndPort != nil:
			return allowed.Port.IntVal <= port && port <= *allowed.EndPort
		}
		return allowed.Port.IntVal == port
	})
}

func hasNamedPort(template *core.PodTemplateSpec, name string, number int32) bool {
	for _, container := range workload.ServingContainers(&template.Spec) {
		for _, port := range container.Ports {
			if port.Name == name && port.ContainerPort == number && (port.Protocol == "" || port.Protocol == core.ProtocolTCP) {
				return true
			}
		}
	}
	return false
}

func peerMatches(s *mesh.Snapshot, policyNamespace string, source k8snetworking.NetworkPolicyPeer, peer Peer) Match {
	if source.IPBlock != nil {
		return blockMatches(source.IPBlock, peer.Addresses)
	}
	if source.NamespaceSelector == nil && source.PodSelector == nil {
		return Never
	}
	inNamespace := peer.Namespace == policyNamespace
	if source.NamespaceSelector != nil {
		inNamespace = workload.SelectorOf(source.NamespaceSelector).Matches(labels.Set(proxy.NamespaceLabels(s, peer.Namespace)))
	}
	selected := source.PodSelector == nil || workload.SelectorOf(source.PodSelector).Matches(labels.Set(peer.Labels))
	if peer.HostNetwork {
		return Sometimes
	}
	return yes(inNamespace && selected)
}

func blockMatches(block *k8snetworking.IPBlock, addresses []string) Match {
	prefix, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return Never
	}
	if prefix.Bits() == 0 && len(block.Except) == 0 {
		return Always
	}
	if len(addresses) == 0 {
		return Sometimes
	}
	for _, text := range addresses {
		address, err := netip.ParseAddr(text)
		if err == nil && prefix.Contains(address) && !slices.ContainsFunc(block.Except, func(except string) bool {
			excluded, err := netip.ParsePrefix(except)
			return err == nil && excluded.Contains(address)
		}) {
			return Always
		}
	}
	return Never
}

// PeerOf is the gateway as what connects to pods.
func PeerOf(w *proxy.GatewayWorkload) Peer {
	return Peer{Namespace: w.Namespace, Labels: w.Labels, Addresses: podAddresses(w), HostNetwork: w.Template.Spec.HostNetwork}
}

// podAddresses are the IPs of all the gateway's pods; none where that of any is not known.
func podAddresses(w *proxy.GatewayWorkload) []string {
	var addresses []string
	for _, pod := range w.Pods {
		if pod.Status.PodIP == "" {
			return nil
		}
		addresses = append(addresses, pod.Status.PodIP)
	}
	return addresses
}
