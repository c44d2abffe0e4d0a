package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var gatewayNotReady = &checks.Check{
	ID:     "GX416",
	Slug:   "gateway-not-ready",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The gateway has no ready pod",
	What: "Finds gateway workloads that gRPC calls come through, by Istio's API or the Gateway API, and that have no ready replica, or are " +
		"scaled to zero. One of several workloads behind the same Service may be without.",
	Why:    "A Service leads only to ready pods.",
	Client: "UNAVAILABLE: connection refused or timed out.",
	Bad: example.Orders + example.EdgeScaledToZero +
		example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Passing:  true,
	Run:      runGatewayNotReady,
}

func runGatewayNotReady(p *checks.Pass) {
	for _, gateway := range usedGateways(p) {
		workload := gateway.Workload
		if workload == nil || !lacksReady(workload) || anotherServes(p, gateway) {
			continue
		}
		path, evidence := plan.PathOf("status", "readyReplicas"), "0 of its replicas are ready"
		if workload.Key.Kind == mesh.KindDaemonSet {
			path = plan.PathOf("status", "numberReady")
		}
		fix := fmt.Sprintf("See why with: kubectl describe -n %s pods.", inert.Word(workload.Namespace()))
		switch {
		case workload.Replicas == 0 && workload.Key.Kind == mesh.KindDaemonSet:
			path, evidence = plan.PathOf("status", "desiredNumberScheduled"), "no node is one for its pods"
			fix = "Let its nodeSelector, affinity and tolerations fit a node."
		case workload.Replicas == 0:
			path, evidence, fix = plan.PathOf("spec", "replicas"), "it wants 0 replicas", "Scale it up."
		case len(gateway.Pods) == 0:
			// None that we know of: a quota or an admission webhook may be in the way.
			fix = fmt.Sprintf("See its conditions and events, and those of its ReplicaSet if it has one: kubectl describe -n %s %s %s.",
				inert.Word(workload.Namespace()), strings.ToLower(string(workload.Key.Kind)), inert.Argument(workload.Name()))
		}
		p.Report(checks.Finding{
			Object: workload.Object, Path: path, Level: p.LevelFor(gateway.relevance, checks.Error),
			Message:  fmt.Sprintf("The gateway %s has no ready pod.", gateway),
			Evidence: []string{evidence},
			Symptom:  "UNAVAILABLE: connection refused or timed out",
			Fix:      checks.Fix{Text: fix},
		})
	}
}

// lacksReady reports whether the workload wants no pods, or that its controller says that none is ready. A manifest says neither.
func lacksReady(workload *workload.Workload) bool {
	if workload.Key.Kind == mesh.KindDaemonSet {
		return workload.HasStatus && workload.ReadyReplicas == 0
	}
	return workload.Replicas == 0 || workload.HasStatus && workload.ReadyReplicas == 0
}

// anotherServes reports whether each Service that leads to the gateway's used listeners has other pods that are ready, as while a
// canary gateway stands by.
func anotherServes(p *checks.Pass, gateway *usedGateway) bool {
	services, _ := servicesOf(p, gateway)
	if len(services) == 0 {
		services = gateway.Services // none of which opens the ports, which is GX403's
	}
	for _, service := range services {
		ready := slices.ContainsFunc(workload.WorkloadsOf(p.Snapshot, service), func(other *workload.Workload) bool {
			return other.Key != gateway.Workload.Key && !lacksReady(other)
		})
		if !ready {
			return false
		}
	}
	return len(services) > 0
}
