package gateway

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var noExternalAddress = &checks.Check{
	ID:     "GX415",
	Slug:   "no-external-address",
	Levels: []checks.Level{checks.Warning, checks.Info},
	Title:  "The gateway has no address outside the cluster",
	What: "Finds the Services of gateways that gRPC calls come through where none of them is reached from outside: a load balancer " +
		"without address (a warning), or no load balancer, node port or external IP at all (info, it may be meant).",
	Why: "The cloud's controller gives a Service of type LoadBalancer its address. Where there is no such controller, or it failed, " +
		"the address never comes; the Service's events say why.",
	Client:   "UNAVAILABLE: there is no address to call.",
	Bad:      example.Orders + example.EdgeWithout("LoadBalancer") + example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runNoExternalAddress,
}

func runNoExternalAddress(p *checks.Pass) {
	for _, gateway := range usedGateways(p) {
		services, _ := servicesOf(p, gateway)
		if len(services) == 0 || slices.ContainsFunc(services, reachedFromOutside) || throughNodes(gateway.GatewayWorkload) {
			continue
		}
		waiting := slices.IndexFunc(services, func(service *core.Service) bool {
			return service.Spec.Type == core.ServiceTypeLoadBalancer
		})
		switch {
		case waiting < 0:
			p.Report(checks.Finding{
				Object: services[0], Path: plan.PathOf("spec", "type"), Level: checks.Info,
				Message: fmt.Sprintf("Service %s of %s is of type %s: the gateway is reached in the cluster only.",
					services[0].Name, gateway, services[0].Spec.Type),
				Symptom: "UNAVAILABLE outside the cluster",
				Fix:     checks.Fix{Text: "Make it type LoadBalancer or NodePort, unless it is meant for the cluster only."},
			})
		case !isLive(services[waiting]):
			// A manifest: the address comes when it is applied.
		default:
			p.Report(checks.Finding{
				Object: services[waiting], Path: plan.PathOf("status", "loadBalancer"), Level: checks.Warning,
				Message: fmt.Sprintf("Service %s of %s is a LoadBalancer that has no address.", services[waiting].Name, gateway),
				Symptom: "UNAVAILABLE: there is no address to call",
				Fix: checks.Fix{Text: fmt.Sprintf("See why with: kubectl describe -n %s service %s.",
					inert.Word(services[waiting].Namespace), inert.Argument(services[waiting].Name))},
			})
		}
	}
}

func reachedFromOutside(service *core.Service) bool {
	return service.Spec.Type == core.ServiceTypeNodePort || len(proxy.ServiceAddresses(service)) > 0
}

// throughNodes reports whether the gateway's pods take calls at the addresses of their nodes.
func throughNodes(workload *proxy.GatewayWorkload) bool {
	return workload.Template.Spec.HostNetwork ||
		slices.ContainsFunc(workload.Template.Spec.Containers, func(container core.Container) bool {
			return slices.ContainsFunc(container.Ports, func(port core.ContainerPort) bool { return port.HostPort != 0 })
		})
}

// isLive reports whether the API server has seen the Service: it gave it an address in the cluster.
func isLive(service *core.Service) bool { return service.Spec.ClusterIP != "" }
