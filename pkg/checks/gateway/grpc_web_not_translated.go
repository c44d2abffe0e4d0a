package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// browserGateway is a Gateway whose route lets browsers call with grpc-web.
func browserGateway(protocol string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: web, protocol: %s}
    hosts: [orders.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  gateways: [orders]
  http:
  - corsPolicy:
      allowOrigins: [{exact: "https://app.example.com"}]
      allowMethods: [POST]
      allowHeaders: [content-type, x-grpc-web]
      exposeHeaders: [grpc-status, grpc-message]
    route:
    - destination: {host: orders, port: {number: 8000}}
`, protocol)
}

var grpcWebReads = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment, mesh.KindService, mesh.KindVirtualService}

var grpcWebNotTranslated = &checks.Check{
	ID:     "GX418",
	Slug:   "grpc-web-not-translated",
	Levels: []checks.Level{checks.Warning},
	Title:  "Browsers call with grpc-web, and nothing translates it to gRPC",
	What: "Finds routes to a gRPC port whose CORS policy allows or exposes the headers of grpc-web, while neither the Gateway server has " +
		"protocol GRPC-WEB nor the Service port is named `grpc-web`, and no EnvoyFilter adds the filter.",
	Why: "istiod adds Envoy's grpc-web filter only for these two. Of the plaintext servers of one port, the oldest decides; a server with " +
		"protocol HTTPS never gets the filter, so there the Service port has to say it.",
	Client:   "Browsers see `UNKNOWN` or HTTP 415: the server gets `application/grpc-web`, which it does not know. gRPC clients are not affected.",
	Bad:      example.Orders + browserGateway("HTTP"),
	Good:     example.Orders + browserGateway("GRPC-WEB"),
	Reads:    grpcWebReads,
	Consults: append(gatewayConsults(grpcWebReads), mesh.KindEnvoyFilter, mesh.KindWebhook),
	Since:    "v0.1.0",
	Run:      runGRPCWebNotTranslated,
}

func runGRPCWebNotTranslated(p *checks.Pass) {
	told := map[string]bool{}
	for _, virtualHost := range gateway.AllVirtualHosts(p.Snapshot) {
		for _, route := range virtualHost.Routes {
			headers := grpcWebHeaders(route.Spec.GetCorsPolicy().GetAllowHeaders(), route.Spec.GetCorsPolicy().GetExposeHeaders())
			if len(headers) == 0 || !p.RuleInScope(route.HTTPRule()) {
				continue
			}
			ports := untranslatedPorts(p, route)
			key := mesh.KeyOf(route.Server.Gateway).String() + fmt.Sprint(route.Server.Index)
			decides := decidingServer(p, route.Server)
			if len(ports) == 0 || told[key] || isGRPCWeb(decides.Spec) || addsGRPCWebFilter(p, virtualHost.Workload, ports) || !p.Missing(mesh.KindEnvoyFilter, "", "") {
				continue
			}
			told[key] = true
			reportGRPCWeb(p, route, decides, ports[0], headers)
		}
	}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		if http, isHTTP := route.Object.(*gatewayv1.HTTPRoute); isHTTP && p.InScope(p.APIRouteRelevance(route)) {
			reportGRPCWebOfHTTPRoute(p, route, http, told)
		}
	}
}

// grpcWebHeaders are those of the headers that only browsers with grpc-web have a use for. A policy for the Connect protocol names them
// too: its servers understand grpc-web themselves.
// Source: grpc/grpc doc/PROTOCOL-WEB.md; connectrpc.com "CORS".
func grpcWebHeaders(allowed, exposed []string) []string {
	var found []string
	for _, header := range slices.Concat(allowed, exposed) {
		switch strings.ToLower(header) {
		case "x-grpc-web", "grpc-status", "grpc-message", "grpc-status-details-bin":
			found = append(found, header)
		case "connect-protocol-version":
			return nil
		}
	}
	return found
}

func isGRPCWeb(server *networkingapi.Server) bool {
	return strings.EqualFold(server.GetPort().GetProtocol(), "grpc-web")
}

// decidingServer is the one whose protocol counts for the listener that the server shares: the first of its plaintext servers.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayTCPBasedFilterChains), pilot/pkg/model/gateway.go (mergeGateways).
func decidingServer(p *checks.Pass, server *gateway.Server) *gateway.Server {
	if server.Workload == nil || server.IsTLS() {
		return server
	}
	for _, other := range gateway.Servers(p.Snapshot, server.Workload) {
		if other.Lives() && other.ListenerPort == server.ListenerPort && other.Bind == server.Bind && gateway.ServerIsPlaintextHTTP(other.Spec) {
			return other
		}
	}
	return server
}

// untranslatedPorts are the gRPC ports to which the route leads, of which none says grpc-web.
func untranslatedPorts(p *checks.Pass, route *gateway.GatewayRoute) []*exposure.ExposedPort {
	var ports []*exposure.ExposedPort
	for _, destination := range host.ServiceDestinations(p.Snapshot, route.Spec, route.Holder.Namespace) {
		for _, port := range exposure.ExposedPortsOf(p.Snapshot, destination.Service) {
			if port.Port.Port == route.PortOf(destination) && port.Protocol() != workload.ProtocolGRPCWeb {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// addsGRPCWebFilter reports whether an EnvoyFilter puts the filter into the gateway, or into the proxies of the pods behind the ports.
func addsGRPCWebFilter(p *checks.Pass, gw *proxy.GatewayWorkload, ports []*exposure.ExposedPort) bool {
	var hops []policy.ProxyHop
	if gw != nil {
		hops = append(hops, policy.ProxyHop{Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: gw.Namespace, Labels: gw.Labels, Template: gw.Template})
	}
	for _, port := range ports {
		for _, backend := range checks.BackendsOf(p, port) {
			hops = append(hops, policy.ProxyHop{
				Context: networkingapi.EnvoyFilter_SIDECAR_INBOUND, Namespace: backend.Namespace, Labels: backend.Labels, ListenerPort: backend.Port, Template: backend.Template,
			})
		}
	}
	for _, filter := range p.EnvoyFilters().All() {
		patches, err := policy.EnvoyPatches(p.Snapshot, filter)
		if err != nil {
			continue // istiod cannot read it either
		}
		for _, patch := range patches {
			text, _ := json.Marshal(patch.Value)
			if strings.Contains(string(text), "grpc_web") &&
				slices.ContainsFunc(hops, func(hop policy.ProxyHop) bool { return policy.AppliesTo(p.Snapshot, patch, hop) != policy.Never }) {
				return true
			}
		}
	}
	return false
}

// namePort says how the Service port asks for the filter.
func namePort(port *core.ServicePort, service *core.Service) string {
	return fmt.Sprintf("name port %d of Service %s grpc-web, so that the proxies of its pods translate", port.Port, service.Name)
}

func reportGRPCWeb(p *checks.Pass, route *gateway.GatewayRoute, decides *gateway.Server, port *exposure.ExposedPort, headers []string) {
	server := gatewayServer{route.Server.Gateway, route.Server.Index, route.Server.Spec}
	finding := checks.Finding{
		Object: server.gateway, Path: server.path("port", "protocol"),
		Message: fmt.Sprintf("Browsers call with grpc-web through %s of Gateway %s, but nothing translates it: the server has protocol %s, and %s of Service %s is not grpc-web.",
			server.text(), server.gateway.Name, server.spec.GetPort().GetProtocol(), checks.PortText(port), port.Service.Name),
		Evidence: []string{fmt.Sprintf("the CORS policy of rule %d of %s names %s", route.Rule, mesh.KeyOf(route.Holder), strings.Join(headers, ", "))},
		Symptom:  "UNKNOWN (HTTP 415) in browsers: the gRPC server does not know application/grpc-web",
	}
	switch {
	case route.Server.IsTLS():
		finding.Fix = checks.Fix{Text: checks.UpperFirst(namePort(port.Port, port.Service)) + "; a server with protocol HTTPS cannot ask for it."}
	case decides.Gateway != route.Server.Gateway || decides.Index != route.Server.Index:
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("the server of %s on the same port is older, and its protocol %s decides", mesh.KeyOf(decides.Gateway), decides.Spec.GetPort().GetProtocol()))
		finding.Fix = checks.Fix{Text: fmt.Sprintf("Set protocol GRPC-WEB on the server of %s, or %s.", mesh.KeyOf(decides.Gateway), namePort(port.Port, port.Service))}
	default:
		finding.Fix = fixOf(checks.Ask, fmt.Sprintf("Set protocol GRPC-WEB on %s.", server.text()),
			checks.SetField(p, server.gateway, "istiod then adds the filter that translates grpc-web, which leaves gRPC alone", "GRPC-WEB", server.path("port", "protocol")...))
	}
	p.Report(finding)
}

// reportGRPCWebOfHTTPRoute does the same for the Gateway API, whose listeners have no protocol for it.
func reportGRPCWebOfHTTPRoute(p *checks.Pass, route *gatewayapi.APIRoute, http *gatewayv1.HTTPRoute, told map[string]bool) {
	for index, rule := range http.Spec.Rules {
		var headers []string
		for _, filter := range rule.Filters {
			if filter.CORS != nil {
				headers = append(headers, grpcWebHeaders(headerTexts(filter.CORS.AllowHeaders), headerTexts(filter.CORS.ExposeHeaders))...)
			}
		}
		if len(headers) == 0 {
			continue
		}
		var ports []*exposure.ExposedPort
		for _, backend := range route.Backends {
			service, servicePort, ok := gatewayapi.BackendService(p.Snapshot, route, backend)
			if !ok || service == nil || servicePort == nil || backend.Rule != index {
				continue
			}
			for _, port := range exposure.ExposedPortsOf(p.Snapshot, service) {
				if port.Port.Port == servicePort.Port && port.Protocol() != workload.ProtocolGRPCWeb {
					ports = append(ports, port)
				}
			}
		}
		for _, parent := range gatewayapi.GatewayParents(p.Snapshot, route) {
			if len(ports) == 0 || parent.Gateway == nil || !gatewayapi.IsIstioIngress(p.Snapshot, parent.Gateway) || told[mesh.KeyOf(parent.Gateway).String()] {
				continue
			}
			if slices.ContainsFunc(gatewayapi.KubernetesGatewayWorkloads(p.Snapshot, parent.Gateway), func(gw *proxy.GatewayWorkload) bool { return addsGRPCWebFilter(p, gw, ports) }) || !p.Missing(mesh.KindEnvoyFilter, "", "") {
				continue
			}
			told[mesh.KeyOf(parent.Gateway).String()] = true
			p.Report(checks.Finding{
				Object: parent.Gateway, Path: plan.PathOf("spec", "listeners"),
				Message: fmt.Sprintf("Browsers call with grpc-web through Gateway %s, but nothing translates it: %s of Service %s is not grpc-web.",
					parent.Gateway.Name, checks.PortText(ports[0]), ports[0].Service.Name),
				Evidence: []string{fmt.Sprintf("the CORS filter of rule %d of %s names %s", index, route.Key, strings.Join(headers, ", "))},
				Symptom:  "UNKNOWN (HTTP 415) in browsers: the gRPC server does not know application/grpc-web",
				Fix:      checks.Fix{Text: checks.UpperFirst(namePort(ports[0].Port, ports[0].Service)) + "; a listener of the Gateway API cannot ask for it."},
			})
		}
	}
}

func headerTexts(names []gatewayv1.HTTPHeaderName) []string {
	texts := make([]string, 0, len(names))
	for _, name := range names {
		texts = append(texts, string(name))
	}
	return texts
}
