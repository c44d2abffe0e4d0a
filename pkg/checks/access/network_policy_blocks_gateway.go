package access

import (
	"fmt"
	"slices"

	k8snetworking "k8s.io/api/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var networkPolicyBlocksGateway = &checks.Check{
	ID:     "GX704",
	Slug:   "network-policy-blocks-gateway",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "NetworkPolicies keep the gateway's pods away from the server",
	What: "NetworkPolicies select the pods behind a routed port for ingress, and none of them allows connections from the gateway's pods to " +
		"the port of the pods.",
	Why: "A pod that one NetworkPolicy selects for ingress takes only what some NetworkPolicy allows. Policies see the connection at the pod: " +
		"the port is the targetPort, not the Service's, and the peer is the gateway's pod, in the gateway's namespace. Calls to pods in ambient " +
		"mode come through the mesh's tunnel, at port 15008 of the pods.",
	Client: "UNAVAILABLE, after the gateway's connect timeout.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: same-namespace, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: same-namespace, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from:
    - podSelector: {}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}
`,
	Reads:    checks.PolicyReads(mesh.KindNetworkPolicy),
	Consults: checks.PolicyConsults(),
	Since:    "v0.1.0",
	Run:      runNetworkPolicyBlocksGateway,
}

func runNetworkPolicyBlocksGateway(p *checks.Pass) {
	reported := map[*k8snetworking.NetworkPolicy]bool{}
	for _, port := range checks.PortsInScope(p) {
		gateways := exposure.GatewaysTo(p.Snapshot, port)
		if len(gateways) == 0 {
			continue
		}
		for _, backend := range checks.BackendsOf(p, port) {
			policies := policy.IngressPoliciesFor(p.Snapshot, backend.Namespace, backend.Labels)
			if len(policies) == 0 || backend.Ambient && !backend.CapturedByZtunnel(p, port.Service) || backend.Template.Spec.HostNetwork {
				continue
			}
			for _, gateway := range gateways {
				if admits(p, policies, gateway, backend) || !p.Missing(mesh.KindNetworkPolicy, backend.Namespace, "") {
					continue
				}
				for _, policy := range policies {
					if !reported[policy] {
						reported[policy] = true
						reportBlocked(p, port, backend, gateway, policy)
					}
				}
			}
		}
	}
}

// admits reports whether one of the policies lets the gateway's pods connect to the port, as far as is known.
func admits(p *checks.Pass, policies []*k8snetworking.NetworkPolicy, gateway *proxy.GatewayWorkload, b checks.Backend) bool {
	return slices.ContainsFunc(policies, func(rule *k8snetworking.NetworkPolicy) bool {
		return slices.ContainsFunc(portsOpened(p, gateway, b), func(port int32) bool {
			return policy.AllowsIngress(p.Snapshot, rule, policy.PeerOf(gateway), port, b.Template) > policy.Never
		})
	})
}

// portsOpened are the ports of the pods one of which the gateway connects to: in ambient mode that of the tunnel, where the gateway
// is known to go through it.
// Source: Istio's documentation, "Ambient and Kubernetes NetworkPolicy".
func portsOpened(p *checks.Pass, gateway *proxy.GatewayWorkload, b checks.Backend) []int32 {
	switch {
	case !b.Ambient:
		return []int32{b.Port}
	case proxy.SendsHBONE(p.Snapshot, gateway):
		return []int32{proxy.HBONEPort}
	}
	return []int32{proxy.HBONEPort, b.Port}
}

func reportBlocked(p *checks.Pass, port *exposure.ExposedPort, b checks.Backend, gateway *proxy.GatewayWorkload, rule *k8snetworking.NetworkPolicy) {
	evidence := []string{fmt.Sprintf("%s leads to %s of Service %s/%s, which is port %d of the pods",
		checks.GatewayText(gateway), checks.PortText(port), port.Service.Namespace, port.Service.Name, b.Port)}
	opened := portsOpened(p, gateway, b)
	if b.Ambient {
		evidence = append(evidence, fmt.Sprintf("the pods are in ambient mode: what comes through the mesh arrives at their port %d", proxy.HBONEPort))
	}
	if !b.Ambient && port.Port.Port != b.Port && policy.AllowsIngress(p.Snapshot, rule, policy.PeerOf(gateway), port.Port.Port, b.Template) > policy.Never {
		evidence = append(evidence, fmt.Sprintf("the policy allows port %d, the Service's, which the pods do not see", port.Port.Port))
	}
	p.Report(checks.Finding{
		Level:    checks.ErrorUnlessWeak(port),
		Object:   rule,
		Path:     plan.PathOf("spec", "ingress"),
		Message:  fmt.Sprintf("No NetworkPolicy lets %s connect to port %d of %s, and this one selects its pods.", checks.GatewayText(gateway), opened[0], b),
		Evidence: evidence,
		Symptom:  "UNAVAILABLE, after the gateway's connect timeout",
		Fix: checks.Fix{Text: fmt.Sprintf("Allow ingress from namespace %s (namespaceSelector kubernetes.io/metadata.name: %s) to port %d.",
			gateway.Namespace, gateway.Namespace, opened[0])},
	})
}
