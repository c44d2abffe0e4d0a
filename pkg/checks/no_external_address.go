package checks

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var noExternalAddress = &Check{
	ID:     "GX415",
	Slug:   "no-external-address",
	Levels: []Level{Warning, Info},
	Title:  "The gateway has no address outside the cluster",
	What: "Finds the Services of gateways that gRPC calls come through where none of them is reached from outside: a load balancer " +
		"without address (a warning), or no load balancer, node port or external IP at all (info, it may be meant).",
	Why: "The cloud's controller gives a Service of type LoadBalancer its address. Where there is no such controller, or it failed, " +
		"the address never comes; the Service's events say why.",
	Client:   "UNAVAILABLE: there is no address to call.",
	Bad:      exampleOrders + exampleEdgeWithout("LoadBalancer") + exampleGateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}"),
	Good:     exampleOrders + exampleGateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runNoExternalAddress,
}

func runNoExternalAddress(p *Pass) {
	for _, gateway := range p.usedGateways() {
		services, _ := p.servicesOf(gateway)
		if len(services) == 0 || slices.ContainsFunc(services, reachedFromOutside) || throughNodes(gateway.GatewayWorkload) {
			continue
		}
		waiting := slices.IndexFunc(services, func(service *core.Service) bool {
			return service.Spec.Type == core.ServiceTypeLoadBalancer
		})
		switch {
		case waiting < 0:
			p.Report(Finding{
				Object: services[0], Path: ".spec.type", Level: Info,
				Message: fmt.Sprintf("Service %s of %s is of type %s: the gateway is reached in the cluster only.",
					services[0].Name, gateway, services[0].Spec.Type),
				Symptom: "UNAVAILABLE outside the cluster",
				Fix:     Fix{Text: "Make it type LoadBalancer or NodePort, unless it is meant for the cluster only."},
			})
		case !isLive(services[waiting]):
			// A manifest: the address comes when it is applied.
		default:
			p.Report(Finding{
				Object: services[waiting], Path: ".status.loadBalancer", Level: Warning,
				Message: fmt.Sprintf("Service %s of %s is a LoadBalancer that has no address.", services[waiting].Name, gateway),
				Symptom: "UNAVAILABLE: there is no address to call",
				Fix: Fix{Text: fmt.Sprintf("See why with: kubectl describe -n %s service %s.",
					inert.Word(services[waiting].Namespace), inert.Argument(services[waiting].Name))},
			})
		}
	}
}

func reachedFromOutside(service *core.Service) bool {
	return service.Spec.Type == core.ServiceTypeNodePort || len(proxy.ServiceAddresses(service)) > 0
}

// throughNodes says that the gateway's pods take calls at the addresses of their nodes.
func throughNodes(workload *proxy.GatewayWorkload) bool {
	return workload.Template.Spec.HostNetwork ||
		slices.ContainsFunc(workload.Template.Spec.Containers, func(container core.Container) bool {
			return slices.ContainsFunc(container.Ports, func(port core.ContainerPort) bool { return port.HostPort != 0 })
		})
}

// isLive says that the API server has seen the Service: it gave it an address in the cluster.
func isLive(service *core.Service) bool { return service.Spec.ClusterIP != "" }
