package gateway

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var gatewayOutOfScope = &checks.Check{
	ID:     "GX402",
	Slug:   "gateway-out-of-scope",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "istiod takes Gateways only from the namespace of the gateway's pods",
	What: "Finds Gateways that are not in the namespace of the gateway pods they select, where istiod runs with " +
		"`PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true`.",
	Why: "With that setting istiod gives a proxy only the Gateways of its own namespace. Those elsewhere are left out without a " +
		"word, though their selector matches.",
	Client:   "UNAVAILABLE: connection refused or timed out.",
	Bad:      example.ScopedIstiod + example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good:     example.ScopedIstiod + example.Orders + example.SharedGateway,
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Run:      runGatewayOutOfScope,
}

func runGatewayOutOfScope(p *checks.Pass) {
	for _, gateway := range p.Gateways().All() {
		selected := proxy.GatewayWorkloadsSelected(p.Snapshot, gateway)
		taken := slices.ContainsFunc(selected, func(w *proxy.GatewayWorkload) bool { return proxy.GatewayInScope(p.Snapshot, gateway, w) })
		if len(selected) == 0 || taken || !p.GatewayInScope(gateway) {
			continue
		}
		p.Report(checks.Finding{
			Object: gateway, Path: plan.PathOf("metadata", "namespace"), Level: gatewayLevel(p, gateway, checks.Error),
			Message: fmt.Sprintf("istiod does not give Gateway %s to %s, because they are in different namespaces.",
				gateway.Name, listWorkloads(selected)),
			Evidence: []string{"istiod runs with PILOT_SCOPE_GATEWAY_TO_NAMESPACE=true"},
			Symptom:  symptomNoListener,
			Fix: checks.Fix{Text: fmt.Sprintf(
				"Move the Gateway to namespace %s, and name it %[1]s/%s in the VirtualServices.", selected[0].Namespace, gateway.Name)},
		})
	}
}
