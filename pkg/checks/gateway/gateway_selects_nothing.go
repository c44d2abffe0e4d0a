package gateway

import (
	"fmt"
	"maps"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var gatewaySelectsNothing = &checks.Check{
	ID:     "GX401",
	Slug:   "gateway-selects-nothing",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The Gateway's selector matches no gateway pod",
	What: "Finds Gateways whose `spec.selector` matches the labels of no pod and of no workload's pod template that could be a " +
		"gateway, in any namespace.",
	Why: "istiod gives a Gateway to the gateway proxies whose pod labels hold all labels of the selector. Where no pod has them, " +
		"no proxy gets a listener. The labels differ between ways to install Istio: `istio: ingressgateway` with istioctl, " +
		"`istio: <release>` with the Helm chart.",
	Client:   "UNAVAILABLE: connection refused or timed out.",
	Bad:      example.Orders + example.Gateway("istio: ingress", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Run:      runGatewaySelectsNothing,
}

func runGatewaySelectsNothing(p *checks.Pass) {
	for _, gateway := range p.Gateways().All() {
		if len(proxy.GatewayWorkloadsSelected(p.Snapshot, gateway)) > 0 || !p.GatewayInScope(gateway) || !missingWorkloads(p) {
			continue
		}
		selector := labels.Set(gateway.Spec.GetSelector()).String()
		there := slices.DeleteFunc(slices.Clone(proxy.GatewayWorkloads(p.Snapshot)), func(w *proxy.GatewayWorkload) bool {
			return !proxy.GatewayInScope(p.Snapshot, gateway, w)
		})
		p.Report(checks.Finding{
			Object: gateway, Path: plan.PathOf("spec", "selector"), Level: gatewayLevel(p, gateway, checks.Error),
			Message:  fmt.Sprintf("No gateway pod has the labels that Gateway %s selects (%s).", gateway.Name, selector),
			Evidence: []string{"gateway workloads in the cluster: " + listWorkloads(there)},
			Symptom:  symptomNoListener,
			Fix:      selectorFix(p, gateway, there),
		})
	}
}

func selectorFix(p *checks.Pass, gateway *networking.Gateway, there []*proxy.GatewayWorkload) checks.Fix {
	if len(there) != 1 {
		return checks.Fix{Text: "Select labels that the pods of your gateway have."}
	}
	selector := telling(there[0])
	if len(selector) == 0 {
		return checks.Fix{Text: "Select labels that the pods of your gateway have."}
	}
	value := map[string]any{}
	for key, label := range selector {
		value[key] = label
	}
	text := fmt.Sprintf("Select %s, the labels of %s.", labels.Set(selector), there[0])
	for index, spec := range gateway.Spec.GetServers() {
		if !fitsOn(p, there[0], gatewayServer{gateway, index, spec}, spec.GetPort().GetNumber()) {
			return checks.Fix{Text: fmt.Sprintf("%s Port %d is not open there, or is taken by another server.", text, spec.GetPort().GetNumber())}
		}
	}
	fix := fixOf(checks.Safe, text, checks.SetField(p, gateway, "the gateway pods carry these labels", value, "spec", "selector"))
	fix.OnWordOf = []mesh.Key{there[0].Key()}
	return fix
}

// telling are the labels by which Gateways usually select a gateway: istio, else what its Service selects, else what its
// workload does.
func telling(workload *proxy.GatewayWorkload) map[string]string {
	if value := workload.Labels["istio"]; value != "" {
		return map[string]string{"istio": value}
	}
	for _, service := range workload.Services {
		return maps.Clone(service.Spec.Selector)
	}
	if app := workload.Labels["app"]; app != "" {
		return map[string]string{"app": app}
	}
	return nil
}
