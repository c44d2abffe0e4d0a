package gateway

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var serverNotHTTP = &checks.Check{
	ID:     "GX408",
	Slug:   "server-not-http",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The server passes connections on, not calls",
	What: "Finds Gateway servers that are no HTTP servers (TCP, or TLS with any mode; HTTPS with passthrough) and lead to an exposed " +
		"port by `tcp` or `tls` routes. Routes that do not fit the server's kind are GX506.",
	Why: "For such a server istiod makes a TCP proxy, also where it ends TLS: it picks a pod for each connection. HTTP routing needs " +
		"protocol GRPC, HTTP2 or HTTP for plaintext, and HTTPS for TLS that ends at the gateway. With only `http` routes bound, " +
		"istiod makes no listener at all.",
	Client:   "No error: all calls of one client go to one pod.",
	Bad:      example.Orders + example.TCPGateway("{number: 8000, name: tcp, protocol: TCP}"),
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayRouteReads,
	Consults: gatewayConsults(gatewayRouteReads),
	Since:    "v0.1.0",
	Run:      runServerNotHTTP,
}

func runServerNotHTTP(p *checks.Pass) {
	for _, server := range gatewayServers(p) {
		if gateway.ServerIsHTTP(server.spec) || server.spec.GetTls().GetMode() == networkingapi.ServerTLSSettings_AUTO_PASSTHROUGH {
			continue
		}
		bound := connectionRoutes(p, server)
		if len(bound) == 0 {
			continue
		}
		p.Report(checks.Finding{
			Object: server.gateway, Path: server.path("port", "protocol"), Level: server.level(p, checks.Error),
			Message: fmt.Sprintf("Gateway %s: %s passes whole connections on to a gRPC port.",
				server.gateway.Name, server.text()),
			Evidence: connectionEvidence(p, bound),
			Symptom:  "none that shows: all calls of one client go to one pod",
			Fix:      httpServerFix(p, server, bound),
		})
	}
}

// connectionRoutes are the VirtualServices that lead from the server to an exposed port by rules of the kind that the server
// takes: tls for passthrough, tcp for the others. Whatever the scope, other ports are meant to get whole connections.
// Source: Istio pilot/pkg/networking/core/gateway.go (createGatewayTCPFilterChainOpts).
func connectionRoutes(p *checks.Pass, server gatewayServer) []*networking.VirtualService {
	var bound []*networking.VirtualService
	for _, virtualService := range host.VirtualServicesBoundTo(p.Snapshot, server.gateway) {
		destinations := checks.DestinationsOf(checks.RouteKindOf(server.spec), virtualService)
		if checks.TakesHostOf(server.gateway, server.spec, virtualService) && p.MostRelevant(virtualService, destinations) >= checks.LikelyGRPC {
			bound = append(bound, virtualService)
		}
	}
	return bound
}

func connectionEvidence(p *checks.Pass, bound []*networking.VirtualService) []string {
	var evidence []string
	for _, virtualService := range bound {
		for _, spec := range checks.StreamDestinations(virtualService) {
			destination := host.ResolveDestination(p.Snapshot, spec, virtualService.Namespace)
			if destination.Service == nil {
				continue
			}
			for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, destination.Service) {
				if destination.Port == 0 || destination.Port == exposed.Port.Port {
					evidence = append(evidence, fmt.Sprintf("VirtualService %s/%s leads to %s of Service %s/%s: %s",
						virtualService.Namespace, virtualService.Name, checks.PortText(exposed), exposed.Service.Namespace, exposed.Service.Name,
						exposed.Evidence[0].Text))
				}
			}
		}
	}
	return evidence
}

func httpServerFix(p *checks.Pass, server gatewayServer, bound []*networking.VirtualService) checks.Fix {
	protocol := "GRPC"
	switch {
	case gateway.ServerIsPassthrough(server.spec):
		return checks.Fix{Text: "End TLS at the gateway: protocol HTTPS with tls mode SIMPLE and a certificate, and http routes."}
	case gateway.ServerIsTLS(server.spec):
		protocol = "HTTPS"
	}
	text := fmt.Sprintf("Give the server protocol %s, and the VirtualService http routes instead of tcp ones.", protocol)
	if slices.ContainsFunc(bound, func(v *networking.VirtualService) bool { return !canBecomeHTTP(v) }) {
		return checks.Fix{Text: text}
	}
	changes := checks.SetField(p, server.gateway, "only HTTP servers balance calls", protocol, server.path("port", "protocol")...)
	for _, virtualService := range bound {
		changes = append(changes, httpRoutes(p, virtualService)...)
	}
	fix := fixOf(checks.Ask, text, changes)
	for _, virtualService := range bound {
		fix.OnWordOf = append(fix.OnWordOf, mesh.KeyOf(virtualService))
	}
	return fix
}

// canBecomeHTTP reports whether the tcp rules of a VirtualService can be written as http ones: it is bound to this one Gateway,
// has no rules of another kind, and its rules match nothing that http rules cannot say.
func canBecomeHTTP(virtualService *networking.VirtualService) bool {
	spec := &virtualService.Spec
	if len(spec.Gateways) != 1 || len(spec.Http) > 0 || len(spec.Tls) > 0 {
		return false
	}
	return !slices.ContainsFunc(spec.Tcp, func(rule *networkingapi.TCPRoute) bool { return len(rule.GetMatch()) > 0 })
}

// httpRoutes turns the tcp rules of a VirtualService into http rules with the same destinations.
func httpRoutes(p *checks.Pass, virtualService *networking.VirtualService) []plan.Change {
	return checks.Update(p, virtualService, "an HTTP server takes http routes", func(form *unstructured.Unstructured) []plan.Edit {
		rules, _, _ := unstructured.NestedSlice(form.Object, "spec", "tcp")
		return []plan.Edit{plan.Set(form, rules, "spec", "http"), plan.Set(form, nil, "spec", "tcp")}
	})
}
