package gateway

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

var gatewayPortNotOpen = &checks.Check{
	ID:     "GX403",
	Slug:   "gateway-port-not-open",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No Service of the gateway opens the server's port",
	What: "Finds Gateway servers whose listener no port of the gateway's Services leads to. The listener is the targetPort of the " +
		"Service port with the server's number; without such a port it is the number itself.",
	Why: "istiod makes the listener in the gateway's pods, but opens nothing on their Service: outside Tencent Cloud Mesh nobody " +
		"does. Only TCP ports of Services in the namespace of the gateway's pods count.",
	Client:   "UNAVAILABLE: connection refused or timed out.",
	Bad:      example.Orders + example.Gateway("istio: ingressgateway", "{number: 9000, name: grpc, protocol: GRPC}"),
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runGatewayPortNotOpen,
}

func runGatewayPortNotOpen(p *checks.Pass) {
	for _, server := range gatewayServers(p) {
		closed := closedOn(p, server)
		if len(closed) == 0 || nodePortOf(p, server, closed) != nil {
			continue
		}
		if slices.ContainsFunc(closed, func(w *proxy.GatewayWorkload) bool { return !p.Missing(mesh.KindService, w.Namespace, "") }) {
			continue
		}
		number := server.spec.GetPort().GetNumber()
		finding := checks.Finding{
			Object: server.gateway, Path: server.path("port", "number"), Level: server.level(p, checks.Error),
			Message:  fmt.Sprintf("No Service of %s opens port %d, which Gateway %s has a server on.", closed[0], number, server.gateway.Name),
			Evidence: portEvidence(p, closed[0]),
			Symptom:  symptomNoListener,
		}
		if !explainServicePort(p, &finding, server, closed[0]) {
			finding.Fix = openPortFix(p, server, closed[0])
		}
		p.Report(finding)
	}
}

// explainServicePort says why a Service port that has the server's number does not lead to it; false where there is none.
// Another port of that number, or another targetPort, could take the calls away from those who have them.
func explainServicePort(p *checks.Pass, finding *checks.Finding, server gatewayServer, workload *proxy.GatewayWorkload) bool {
	number := int32(server.spec.GetPort().GetNumber())
	listeners, _ := gateway.ListenerPorts(p.Snapshot, workload, uint32(number))
	for _, open := range gateway.OpenPorts(p.Snapshot, workload) {
		if open.Port.Port == number {
			finding.Message = fmt.Sprintf("Gateway %s has a server on port %d, which Service %s/%s leads to %d, but the server listens on %d.",
				server.gateway.Name, number, open.Service.Namespace, open.Service.Name, open.TargetPort, listeners[0])
			if why := gateway.NotLookedUp(p.Snapshot, workload, &open); why != "" {
				finding.Evidence = append([]string{why}, finding.Evidence...)
			}
			finding.Fix = targetNumberFix(p, server, workload, &open)
			return true
		}
	}
	service, port := closedServicePort(workload, number)
	switch {
	case port == nil:
		return false
	case port.Protocol == core.ProtocolTCP:
		name := port.TargetPort.StrVal
		finding.Message = fmt.Sprintf("Gateway %s has a server on port %d, which Service %s/%s leads to a port named %s that no container of %s declares.",
			server.gateway.Name, number, service.Namespace, service.Name, name, workload)
		finding.Fix.Text = fmt.Sprintf("Declare a port named %s in a container of %s, or give port %d of the Service a targetPort by number.",
			name, workload, number)
	default:
		finding.Message = fmt.Sprintf("Gateway %s has a server on port %d, which Service %s/%s opens for %s only: gRPC calls come by TCP.",
			server.gateway.Name, number, service.Namespace, service.Name, port.Protocol)
		finding.Fix.Text = fmt.Sprintf("Give port %d of the Service protocol TCP, or open it for TCP too, to targetPort %d, under another port name.",
			number, listeners[0])
	}
	return true
}

// closedServicePort is a port with that number of one of the gateway's Services where none of them is open, one for TCP before
// others; nil if there is none.
func closedServicePort(workload *proxy.GatewayWorkload, number int32) (of *core.Service, found *core.ServicePort) {
	for _, service := range workload.Services {
		for i := range service.Spec.Ports {
			port := &service.Spec.Ports[i]
			if port.Port == number && (found == nil || port.Protocol == core.ProtocolTCP && found.Protocol != core.ProtocolTCP) {
				of, found = service, port
			}
		}
	}
	return of, found
}

// targetNumberFix gives the server the number that the Service port leads to, where it can be there.
func targetNumberFix(p *checks.Pass, server gatewayServer, workload *proxy.GatewayWorkload, open *gateway.OpenPort) checks.Fix {
	listeners, _ := gateway.ListenerPorts(p.Snapshot, workload, uint32(open.TargetPort))
	if listeners[0] != open.TargetPort || !fitsOn(p, workload, server, uint32(open.TargetPort)) {
		return checks.Fix{Text: "Use the number of a port that leads to where its server listens, and that is free for this server."}
	}
	changes := checks.SetField(p, server.gateway, fmt.Sprintf("port %d of Service %s/%s leads to %d", open.Port.Port, open.Service.Namespace, open.Service.Name, open.TargetPort),
		int64(open.TargetPort), server.path("port", "number")...)
	fix := fixOf(checks.Ask, fmt.Sprintf("Give the server the number %d; clients go on calling port %d.", open.TargetPort, open.Port.Port), changes)
	fix.OnWordOf = []mesh.Key{mesh.KeyOf(open.Service)}
	return fix
}

// closedOn are the workloads that get the server, where on none of them a Service leads to it.
func closedOn(p *checks.Pass, server gatewayServer) []*proxy.GatewayWorkload {
	if strings.HasPrefix(server.spec.GetBind(), "unix://") {
		return nil // a socket has no port
	}
	var closed []*proxy.GatewayWorkload
	for _, on := range onWorkloads(p, server) {
		if _, open := gateway.ListenerPorts(p.Snapshot, on.Workload, server.spec.GetPort().GetNumber()); open {
			return nil
		}
		closed = append(closed, on.Workload)
	}
	return closed
}

func portEvidence(p *checks.Pass, workload *proxy.GatewayWorkload) []string {
	if len(workload.Services) == 0 {
		return []string{"no Service in namespace " + workload.Namespace + " selects " + workload.String()}
	}
	var open []string
	for _, port := range gateway.OpenPorts(p.Snapshot, workload) {
		open = append(open, fmt.Sprintf("%s: %d to %d", port.Service.Name, port.Port.Port, port.TargetPort))
	}
	evidence := []string{"open ports: " + strings.Join(open, ", ")}
	if why, synced := proxy.PortsAreSynced(workload); synced {
		evidence = append(evidence, why+", but has not done so")
	}
	return evidence
}

func openPortFix(p *checks.Pass, server gatewayServer, workload *proxy.GatewayWorkload) checks.Fix {
	number := server.spec.GetPort().GetNumber()
	if _, synced := proxy.PortsAreSynced(workload); synced {
		return checks.Fix{Text: fmt.Sprintf("See why Tencent Cloud Mesh has not opened port %d, or use a port that is open.", number)}
	}
	if len(workload.Services) == 0 {
		return checks.Fix{Text: fmt.Sprintf("Open port %d on the gateway's Service, or use a port that is open.", number)}
	}
	port := remedy.GatewayPort{Number: int32(number), Protocol: server.spec.GetPort().GetProtocol()}
	reason := fmt.Sprintf("Gateway %s/%s has a server on port %d", server.gateway.Namespace, server.gateway.Name, number)
	changes := checks.Remedy(remedy.OpenGatewayPort(p.Snapshot, workload, port, reason))
	service := proxy.MainService(workload.Services)
	text := fmt.Sprintf("Open port %d on Service %s/%s, or use a port that is open.", number, service.Namespace, service.Name)
	return fixOf(checks.Ask, text, changes)
}
