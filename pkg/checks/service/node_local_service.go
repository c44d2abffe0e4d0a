package service

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var nodeLocalService = &checks.Check{
	ID:     "GX312",
	Slug:   "node-local-service",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Calls through the gateway reach the pods of its own node only",
	What: "Finds Services with `internalTrafficPolicy: Local` to whose gRPC port a gateway routes. It is an error where no ready pod is on a node with a pod of the " +
		"gateway.",
	Why: "Istio honours the field as kube-proxy does: a proxy gets the endpoints of its own node and no others. A gateway on another node has none, and one beside a " +
		"pod sends all calls to that pod.",
	Client:   "`UNAVAILABLE` (no healthy upstream) through gateway pods of other nodes; else all calls go to the pods of one node.",
	Bad:      example.GreeterWorkload + strings.Replace(example.GreeterService, "spec:", "spec:\n  internalTrafficPolicy: Local", 1) + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: append([]mesh.Kind{mesh.KindEndpointSlice}, checks.ExposureConsults...),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		told := map[*core.Service]bool{}
		for _, port := range checks.PortsInScope(p) {
			policy := port.Service.Spec.InternalTrafficPolicy
			if port.Routed && !told[port.Service] && policy != nil && *policy == core.ServiceInternalTrafficPolicyLocal {
				told[port.Service] = true
				reportNodeLocal(p, port)
			}
		}
	},
}

// reportNodeLocal follows Istio's pilot/pkg/xds/endpoints/endpoint_builder.go (filterIstioEndpoint): endpoints of other nodes than the
// proxy's are left out.
func reportNodeLocal(p *checks.Pass, port *exposure.ExposedPort) {
	gateways := exposure.GatewaysTo(p.Snapshot, port)
	finding := checks.Finding{
		Object: port.Service, Path: plan.PathOf("spec", "internalTrafficPolicy"), Level: checks.Warning,
		Message: fmt.Sprintf("Service %s has internalTrafficPolicy Local: a gateway pod sends calls to pods of its own node only.", port.Service.Name),
		Symptom: "UNAVAILABLE (no healthy upstream) through gateway pods on nodes without a pod of the Service; else the pods of one node get all calls",
		Fix: checks.Fix{
			Text: "Set internalTrafficPolicy: Cluster, or route to a second Service for the same pods that has it.", Level: checks.Ask, OnWordOf: checks.OnWordOf(port),
			Changes: checks.SetField(p, port.Service, "the gateway is to reach the pods of all nodes", string(core.ServiceInternalTrafficPolicyCluster), "spec", "internalTrafficPolicy"),
		},
		Evidence: append([]string{"a gateway routes to " + checks.PortText(port)}, checks.EvidenceOf(port)...),
	}
	pods := nodesOf(p, port.Service)
	gatewayNodes := nodesOfGateways(p, gateways)
	shared := slices.ContainsFunc(gatewayNodes, func(node string) bool { return slices.Contains(pods, node) })
	if len(pods) > 0 && len(gatewayNodes) > 0 && !shared {
		finding.Level = checks.ErrorUnlessWeak(port)
		finding.Message = fmt.Sprintf("Service %s has internalTrafficPolicy Local, and no pod of it is on a node with a pod of %s: the gateway has no endpoint.",
			port.Service.Name, checks.GatewayText(gateways[0]))
		finding.Symptom = "UNAVAILABLE: no healthy upstream"
		finding.Evidence = append(finding.Evidence, "its pods are on "+strings.Join(pods, ", "), "the gateway's are on "+strings.Join(gatewayNodes, ", "))
	}
	p.Report(finding)
}

// nodesOf are the nodes of a Service's ready endpoints, or where no EndpointSlice is known of its pods.
func nodesOf(p *checks.Pass, service *core.Service) []string {
	var nodes []string
	for _, slice := range workload.EndpointSlicesOf(p.Snapshot, service) {
		for _, endpoint := range slice.Endpoints {
			if ready := endpoint.Conditions.Ready; endpoint.NodeName != nil && (ready == nil || *ready) {
				nodes = append(nodes, *endpoint.NodeName)
			}
		}
	}
	if len(nodes) == 0 {
		nodes = nodesOfPods(workload.PodsSelected(p.Snapshot, service.Namespace, service.Spec.Selector))
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// nodesOfPods are the nodes of those that are not known to be unready.
func nodesOfPods(pods []*core.Pod) []string {
	var nodes []string
	for _, pod := range pods {
		unready := slices.ContainsFunc(pod.Status.Conditions, func(condition core.PodCondition) bool {
			return condition.Type == core.PodReady && condition.Status != core.ConditionTrue
		})
		if pod.Spec.NodeName != "" && !unready {
			nodes = append(nodes, pod.Spec.NodeName)
		}
	}
	return nodes
}

func nodesOfGateways(p *checks.Pass, gateways []*proxy.GatewayWorkload) []string {
	var nodes []string
	for _, gateway := range gateways {
		nodes = append(nodes, nodesOfPods(gateway.Pods)...)
		for _, service := range gateway.Services {
			nodes = append(nodes, nodesOf(p, service)...)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}
