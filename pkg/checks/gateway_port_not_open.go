package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var gatewayPortNotOpen = &Check{
	ID:     "GX403",
	Slug:   "gateway-port-not-open",
	Levels: []Level{Error, Warning},
	Title:  "No Service of the gateway opens the server's port",
	What: "Finds Gateway servers whose listener no port of the gateway's Services leads to. The listener is the targetPort of the " +
		"Service port with the server's number; without such a port it is the number itself.",
	Why: "istiod makes the listener in the gateway's pods, but opens nothing on their Service: outside Tencent Cloud Mesh nobody " +
		"does. Only TCP ports of Services in the namespace of the gateway's pods count.",
	Client:   "UNAVAILABLE: connection refused or timed out.",
	Bad:      exampleOrders + exampleGateway("istio: ingressgateway", "{number: 9000, name: grpc, protocol: GRPC}"),
	Good:     exampleOrders + exampleGateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runGatewayPortNotOpen,
}

func runGatewayPortNotOpen(p *Pass) {
	for _, server := range p.gatewayServers() {
		closed := p.closedOn(server)
		if len(closed) == 0 || p.nodePortOf(server, closed) != nil {
			continue
		}
		if slices.ContainsFunc(closed, func(w *mesh.GatewayWorkload) bool { return !p.Missing(mesh.KindService, w.Namespace, "") }) {
			continue
		}
		number := server.spec.GetPort().GetNumber()
		p.Report(Finding{
			Object: server.gateway, Path: server.path("port", "number"), Level: server.level(p, Error),
			Message:  fmt.Sprintf("No Service of %s opens port %d, which Gateway %s has a server on.", closed[0], number, server.gateway.Name),
			Evidence: p.portEvidence(closed[0]),
			Symptom:  symptomNoListener,
			Fix:      p.openPortFix(server, closed[0]),
		})
	}
}

// closedOn are the workloads that get the server, where on none of them a Service leads to it.
func (p *Pass) closedOn(server gatewayServer) []*mesh.GatewayWorkload {
	if strings.HasPrefix(server.spec.GetBind(), "unix://") {
		return nil // a socket has no port
	}
	var closed []*mesh.GatewayWorkload
	for _, on := range p.onWorkloads(server) {
		if _, open := p.ListenerPorts(on.Workload, server.spec.GetPort().GetNumber()); open {
			return nil
		}
		closed = append(closed, on.Workload)
	}
	return closed
}

func (p *Pass) portEvidence(workload *mesh.GatewayWorkload) []string {
	if len(workload.Services) == 0 {
		return []string{"no Service in namespace " + workload.Namespace + " selects " + workload.String()}
	}
	var open []string
	for _, port := range p.OpenPorts(workload) {
		open = append(open, fmt.Sprintf("%s: %d to %d", port.Service.Name, port.Port.Port, port.TargetPort))
	}
	evidence := []string{"open ports: " + strings.Join(open, ", ")}
	if why, synced := p.PortsAreSynced(workload); synced {
		evidence = append(evidence, why+", but has not done so")
	}
	return evidence
}

func (p *Pass) openPortFix(server gatewayServer, workload *mesh.GatewayWorkload) Fix {
	number := server.spec.GetPort().GetNumber()
	service := outerService(workload)
	if _, synced := p.PortsAreSynced(workload); synced {
		return Fix{Text: fmt.Sprintf("See why Tencent Cloud Mesh has not opened port %d, or use a port that is open.", number)}
	}
	if service == nil {
		return Fix{Text: fmt.Sprintf("Open port %d on the gateway's Service, or use a port that is open.", number)}
	}
	target := int64(number)
	if number < 1024 {
		// Gateways run as users that may not bind these; Istio's own charts add 8000.
		target += 8000
	}
	name := freePortName(service, server.spec.GetPort().GetProtocol(), number)
	element := fmt.Sprintf("port=%d,protocol=TCP", number)
	reason := fmt.Sprintf("Gateway %s/%s has a server on port %d", server.gateway.Namespace, server.gateway.Name, number)
	changes := updateOf(service, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{
			plan.Set(form, name, "spec", "ports", element, "name"),
			plan.Set(form, target, "spec", "ports", element, "targetPort"),
		}
	})
	text := fmt.Sprintf("Open port %d on Service %s/%s, or use a port that is open.", number, service.Namespace, service.Name)
	return fixOf(Ask, text, changes)
}

// outerService is the Service through which a gateway is reached from outside: its only one, or its only load balancer.
func outerService(workload *mesh.GatewayWorkload) *core.Service {
	candidates := workload.Services
	if len(candidates) > 1 {
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(service *core.Service) bool {
			return service.Spec.Type != core.ServiceTypeLoadBalancer
		})
	}
	if len(candidates) != 1 {
		return nil
	}
	return candidates[0]
}

func freePortName(service *core.Service, protocol string, number uint32) string {
	name := strings.ReplaceAll(strings.ToLower(protocol), "_", "-") + "-" + strconv.FormatUint(uint64(number), 10)
	for slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool { return port.Name == name }) {
		name += "-gateway"
	}
	return name
}
