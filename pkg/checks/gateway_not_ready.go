package checks

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var gatewayNotReady = &Check{
	ID:     "GX416",
	Slug:   "gateway-not-ready",
	Levels: []Level{Error, Warning},
	Title:  "The gateway has no ready pod",
	What: "Finds gateway workloads that gRPC calls come through, by Istio's API or the Gateway API, and that have no ready replica, or are " +
		"scaled to zero. One of several workloads behind the same Service may be without.",
	Why:    "A Service leads only to ready pods.",
	Client: "UNAVAILABLE: connection refused or timed out.",
	Bad: exampleOrders + exampleEdgeScaledToZero +
		exampleGateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good:     exampleOrders + exampleGateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Run:      runGatewayNotReady,
}

func runGatewayNotReady(p *Pass) {
	for _, gateway := range p.usedGateways() {
		workload := gateway.Workload
		if workload == nil || !lacksReady(workload) || p.anotherServes(gateway.GatewayWorkload) {
			continue
		}
		evidence, fix := "0 of its replicas are ready", fmt.Sprintf("See why with: kubectl describe -n %s pods.", workload.Namespace())
		if workload.Replicas == 0 {
			evidence, fix = "it wants 0 replicas", "Scale it up."
		}
		p.Report(Finding{
			Object: workload.Object, Path: ".status.readyReplicas", Level: p.levelFor(gateway.relevance, Error),
			Message:  fmt.Sprintf("The gateway %s has no ready pod.", gateway),
			Evidence: []string{evidence},
			Symptom:  "UNAVAILABLE: connection refused or timed out",
			Fix:      Fix{Text: fix},
		})
	}
}

// lacksReady says that the workload wants no pods, or that its controller says that none is ready. A manifest says neither.
func lacksReady(workload *mesh.Workload) bool {
	if workload.Key.Kind == mesh.KindDaemonSet {
		return workload.HasStatus && workload.ReadyReplicas == 0
	}
	return workload.Replicas == 0 || workload.HasStatus && workload.ReadyReplicas == 0
}

// anotherServes says that each Service of the gateway has other pods that are ready, as while a canary gateway stands by.
func (p *Pass) anotherServes(gateway *mesh.GatewayWorkload) bool {
	for _, service := range gateway.Services {
		ready := slices.ContainsFunc(p.WorkloadsOf(service), func(other *mesh.Workload) bool {
			return other.Key != gateway.Workload.Key && !lacksReady(other)
		})
		if !ready {
			return false
		}
	}
	return len(gateway.Services) > 0
}
