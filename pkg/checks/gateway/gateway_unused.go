package gateway

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var gatewayUnused = &checks.Check{
	ID:     "GX414",
	Slug:   "gateway-unused",
	Levels: []checks.Level{checks.Warning},
	Title:  "No VirtualService is on the server",
	What: "Finds HTTP-class Gateway servers (GRPC, HTTP2, HTTPS that ends TLS; plain HTTP with --scope=all) of which no VirtualService " +
		"that names the Gateway takes a host, or only ones whose matches are all for other gateways. Servers that only redirect are left out.",
	Why: "A Gateway only opens a listener. Without a VirtualService that names it in `spec.gateways` and has a host in common with " +
		"the server, istiod gives the listener an empty route table.",
	Client:   "UNIMPLEMENTED: the gateway answers 404.",
	Bad:      example.Orders + example.GatewayAlone,
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayRouteReads,
	Consults: gatewayConsults(gatewayRouteReads),
	Since:    "v0.1.0",
	Run:      runGatewayUnused,
}

func runGatewayUnused(p *checks.Pass) {
	lost := lostRoutesOf(p)
	for _, gateway := range p.Gateways().All() {
		for index, spec := range gateway.Spec.GetServers() {
			server := gatewayServer{gateway, index, spec}
			if !mayBeUnused(p, server) || !servesNothing(p, server) || lost.explain(server) {
				continue
			}
			if !p.Missing(mesh.KindVirtualService, "", "") {
				return
			}
			p.Report(checks.Finding{
				Object: gateway, Path: server.path(),
				Message:  fmt.Sprintf("Gateway %s: no VirtualService is on %s.", gateway.Name, server.text()),
				Evidence: unusedEvidence(p, server),
				Symptom:  "UNIMPLEMENTED: the gateway answers every call with 404",
				Fix:      checks.Fix{Text: unusedFix(p, server)},
			})
		}
	}
}

// mayBeUnused reports whether the server has a listener, routes HTTP, and is not one for plain HTTP.
func mayBeUnused(p *checks.Pass, server gatewayServer) bool {
	if server.spec.GetPort() == nil || !gateway.ServerIsHTTP(server.spec) || server.spec.GetTls().GetHttpsRedirect() {
		return false
	}
	return p.LostInScope(p.ServerRelevance(server.gateway, server.spec)) &&
		slices.ContainsFunc(onWorkloads(p, server), (*gateway.Server).Lives)
}

// servesNothing reports whether no VirtualService that the gateway's pods see takes a host of the server. One that they do not see
// (exportTo) is GX513's.
func servesNothing(p *checks.Pass, server gatewayServer) bool {
	return !slices.ContainsFunc(host.VirtualServicesBoundTo(p.Snapshot, server.gateway), func(virtualService *networking.VirtualService) bool {
		return checks.TakesHostOf(server.gateway, server.spec, virtualService) && !isForOtherGateways(p, server.gateway, virtualService)
	})
}

// isForOtherGateways reports whether each match of the VirtualService's http rules names gateways, which are there, and this one is
// not among them: istiod then makes no virtual host of it.
// Source: Istio's pilot/pkg/networking/core/route/route.go (BuildHTTPRoutesForVirtualService, sourceMatchHTTP).
func isForOtherGateways(p *checks.Pass, gateway *networking.Gateway, virtualService *networking.VirtualService) bool {
	rules := host.HTTPRules(p.Snapshot, virtualService)
	for _, rule := range rules {
		for _, match := range rule.Spec.Match {
			for _, name := range match.GetGateways() {
				named := host.GatewayByName(p.Snapshot, name, rule.Holder.Namespace)
				if named == gateway || named == nil && name != host.MeshGateway {
					return false
				}
			}
			if len(match.GetGateways()) == 0 {
				return false
			}
		}
		if len(rule.Spec.Match) == 0 {
			return false
		}
	}
	return len(rules) > 0
}

// lostRoutes is what the VirtualServices look for that reach for a Gateway and miss it: they name one that is not there, or
// one of which no server takes their hosts.
type lostRoutes struct {
	// gateways are the short names that they name.
	gateways map[string]bool
	// hosts are theirs, each once, in the name of one of the VirtualServices.
	hosts []*networking.VirtualService
}

func lostRoutesOf(p *checks.Pass) lostRoutes {
	lost := lostRoutes{gateways: map[string]bool{}}
	type place struct{ namespace, host string }
	seen := map[place]bool{}
	for _, virtualService := range p.VirtualServices().All() {
		found, missing := host.GatewaysOf(p.Snapshot, virtualService)
		if host.IsDelegate(virtualService) || len(missing) == 0 && (len(found) == 0 || takenBySome(found, virtualService)) {
			continue
		}
		for _, name := range virtualService.Spec.Gateways {
			_, short, _ := strings.Cut(host.ResolveGatewayName(name, virtualService.Namespace), "/")
			lost.gateways[short] = true
		}
		isNew := slices.ContainsFunc(virtualService.Spec.Hosts, func(host string) bool {
			return !seen[place{virtualService.Namespace, host}]
		})
		if isNew {
			lost.hosts = append(lost.hosts, virtualService)
		}
		for _, host := range virtualService.Spec.Hosts {
			seen[place{virtualService.Namespace, host}] = true
		}
	}
	return lost
}

func takenBySome(gateways []*networking.Gateway, virtualService *networking.VirtualService) bool {
	return slices.ContainsFunc(gateways, func(gateway *networking.Gateway) bool {
		for _, spec := range gateway.Spec.GetServers() {
			if checks.TakesHostOf(gateway, spec, virtualService) {
				return true
			}
		}
		return false
	})
}

// explain reports whether one of the VirtualServices that miss their Gateway was meant for the server: it names this Gateway, or one
// of the same name, or its hosts are the server's. What is wrong is then said of the VirtualService (GX501, GX502).
func (l lostRoutes) explain(server gatewayServer) bool {
	return l.gateways[server.gateway.Name] || slices.ContainsFunc(l.hosts, func(virtualService *networking.VirtualService) bool {
		return checks.TakesHostOf(server.gateway, server.spec, virtualService)
	})
}

func unusedEvidence(p *checks.Pass, server gatewayServer) []string {
	var others []*networking.VirtualService
	bound := host.VirtualServicesBoundTo(p.Snapshot, server.gateway)
	for _, virtualService := range bound {
		if checks.TakesHostOf(server.gateway, server.spec, virtualService) {
			others = append(others, virtualService)
		}
	}
	evidence := fmt.Sprintf("no VirtualService names the Gateway %s/%s", server.gateway.Namespace, server.gateway.Name)
	switch {
	case len(others) > 0:
		evidence = fmt.Sprintf("all matches of %s are for other gateways", mesh.KeyOf(others[0]))
	case len(bound) > 0:
		evidence = fmt.Sprintf("the VirtualServices on the Gateway have no host in common with %v", server.spec.GetHosts())
	}
	if forgotten := withoutGateways(p, server); forgotten != nil {
		return []string{evidence, fmt.Sprintf("%s has the host, but no gateways: it is for callers in the mesh only", mesh.KeyOf(forgotten))}
	}
	return []string{evidence}
}

// withoutGateways is a VirtualService with a host of the server that names no gateways, nil if there is none. One whose host is
// that of a Service or ServiceEntry is meant for callers in the mesh.
func withoutGateways(p *checks.Pass, server gatewayServer) *networking.VirtualService {
	for _, virtualService := range p.VirtualServices().All() {
		if len(virtualService.Spec.Gateways) > 0 || !checks.TakesHostOf(server.gateway, server.spec, virtualService) {
			continue
		}
		if !slices.ContainsFunc(virtualService.Spec.Hosts, func(hostname string) bool {
			name := host.ResolveHost(hostname, virtualService.Namespace)
			return strings.HasPrefix(name, "*") || host.ServiceByHost(p.Snapshot, name) != nil || len(host.ServiceEntriesByHost(p.Snapshot, name)) > 0
		}) {
			return virtualService
		}
	}
	return nil
}

func unusedFix(p *checks.Pass, server gatewayServer) string {
	if forgotten := withoutGateways(p, server); forgotten != nil {
		return fmt.Sprintf("Add gateways: [%s/%s] to %s (and mesh, if callers in the mesh use it), or delete the server.",
			server.gateway.Namespace, server.gateway.Name, mesh.KeyOf(forgotten))
	}
	return fmt.Sprintf("Add a VirtualService with gateways: [%s/%s] and a host of the server, or delete the server.",
		server.gateway.Namespace, server.gateway.Name)
}
