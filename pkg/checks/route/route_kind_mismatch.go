package route

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var routeKindMismatch = &checks.Check{
	ID:     "GX506",
	Slug:   "route-kind-mismatch",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The kind of the routes does not fit the Gateway's server",
	What: "Finds VirtualServices that name a Gateway of which no server that takes their hosts fits their routes: `tcp` or `tls` routes " +
		"on an HTTP server (HTTP, HTTP2, GRPC, HTTPS that is terminated), `http` routes on a TCP server, a `TLS` server or one that passes " +
		"TLS through.",
	Why: "istiod looks only for `http` routes for an HTTP server, for `tcp` routes for a TCP server and for `tls` routes where TLS is passed " +
		"through. A TCP or TLS server without fitting routes gets no listener.",
	Client: "On an HTTP server UNIMPLEMENTED, because there is no route; on a TCP or TLS server UNAVAILABLE, because nothing listens.",
	Bad: example.RoutedServer + example.RoutingGateway + strings.Replace(example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`), "http:", "tcp:", 1),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, vs := range p.VirtualServices().All() {
			of := p.VirtualServiceRelevance(vs)
			if !p.InScope(of) {
				continue
			}
			kinds := kindsOfGRPC(p, vs)
			servers := withoutFit(kinds, checks.BoundServers(p.Snapshot, vs))
			if len(kinds) == 0 || len(servers) == 0 {
				continue
			}
			p.Report(checks.Finding{
				Level:    p.LevelFor(of, checks.Error),
				Object:   vs,
				Path:     plan.PathOf("spec", kinds[0]),
				Message:  kindMessage(vs, kinds, gatewaysText(gatewaysWith(servers))),
				Evidence: serverEvidence(servers),
				Symptom:  kindSymptom(p, kinds, servers),
				Fix:      checks.Fix{Text: kindFix(p, vs, kinds, servers)},
			})
		}
	},
}

func kindMessage(vs *networking.VirtualService, kinds []string, gateways string) string {
	named := strings.Join(kinds, " and ")
	if len(kinds) < len(checks.RouteKinds(vs)) {
		return fmt.Sprintf("No server of %s that takes the hosts of %s is for its %s routes, which lead to a gRPC port.", gateways, mesh.KeyOf(vs), named)
	}
	return fmt.Sprintf("%s has %s routes only, and no server of %s that takes its hosts is for such routes.", mesh.KeyOf(vs), named, gateways)
}

// kindsOfGRPC are those of its routes that lead to gRPC ports; all of them where that is not to be told.
func kindsOfGRPC(p *checks.Pass, vs *networking.VirtualService) []string {
	kinds := checks.RouteKinds(vs)
	leading := slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool {
		if kind == "http" {
			return !slices.ContainsFunc(host.HTTPRules(p.Snapshot, vs), p.RuleInScope)
		}
		return !p.InScope(p.MostRelevant(vs, checks.DestinationsOf(kind, vs)))
	})
	if len(leading) == 0 {
		return kinds
	}
	return leading
}

func gatewaysWith(servers []checks.BoundServer) []*networking.Gateway {
	var gateways []*networking.Gateway
	for _, bound := range servers {
		if !slices.Contains(gateways, bound.Gateway) {
			gateways = append(gateways, bound.Gateway)
		}
	}
	return gateways
}

// withoutFit are the servers of those Gateways of which none fits: the VirtualService names a Gateway for nothing.
func withoutFit(kinds []string, servers []checks.BoundServer) []checks.BoundServer {
	return slices.DeleteFunc(slices.Clone(servers), func(of checks.BoundServer) bool {
		return slices.ContainsFunc(servers, func(s checks.BoundServer) bool { return s.Gateway == of.Gateway && fits(kinds, s) })
	})
}

func fits(kinds []string, bound checks.BoundServer) bool {
	return slices.Contains(kinds, checks.RouteKindOf(bound.Server))
}

func serverEvidence(servers []checks.BoundServer) []string {
	var clauses []string
	for _, bound := range servers {
		clause := fmt.Sprintf("server %d of %s has protocol %s", bound.Index+1, mesh.KeyOf(bound.Gateway), bound.Server.GetPort().GetProtocol())
		if bound.Server.GetTls() != nil {
			clause += " and TLS mode " + bound.Server.GetTls().GetMode().String()
		}
		if isWithoutMode(bound.Server) {
			clause += " (the default where there is none, with which the certificate has no effect)"
		}
		clauses = append(clauses, clause+", which takes "+checks.RouteKindOf(bound.Server)+" routes")
	}
	return clauses
}

// isWithoutMode reports whether a server has a certificate, which it takes no notice of: without a mode, TLS is passed through.
func isWithoutMode(server *networkingapi.Server) bool {
	return server.GetTls().GetMode() == networkingapi.ServerTLSSettings_PASSTHROUGH && server.GetTls() != nil && checks.HasCertificate(server.GetTls())
}

// httpServerBeside is a plaintext HTTP server beside plaintext TCP ones, for http routes to be on, had it their hosts; ok is false
// for none.
func httpServerBeside(kinds []string, servers []checks.BoundServer) (beside checks.BoundServer, ok bool) {
	withTLS := func(bound checks.BoundServer) bool { return gateway.ServerIsTLS(bound.Server) }
	if !slices.Contains(kinds, "http") || slices.ContainsFunc(servers, withTLS) {
		return checks.BoundServer{}, false
	}
	for _, gw := range gatewaysWith(servers) {
		for i, server := range gw.Spec.Servers {
			if gateway.ServerIsHTTP(server) && !gateway.ServerIsTLS(server) && !server.GetTls().GetHttpsRedirect() {
				return checks.BoundServer{Gateway: gw, Index: i, Server: server}, true
			}
		}
	}
	return checks.BoundServer{}, false
}

// othersOn are the VirtualServices whose routes fit one of the servers: it has a listener, and is there for them.
func othersOn(p *checks.Pass, servers []checks.BoundServer) []string {
	var others []string
	for _, bound := range servers {
		for _, vs := range host.VirtualServicesBoundTo(p.Snapshot, bound.Gateway) {
			name := mesh.KeyOf(vs).String()
			if fits(checks.RouteKinds(vs), bound) && checks.TakesHostOf(bound.Gateway, bound.Server, vs) && !slices.Contains(others, name) {
				others = append(others, name)
			}
		}
	}
	return others
}

// kindFix leads to http routes on an HTTP server; one of the two may be there already.
func kindFix(p *checks.Pass, vs *networking.VirtualService, kinds []string, servers []checks.BoundServer) string {
	for _, bound := range servers {
		if isWithoutMode(bound.Server) && slices.Contains(kinds, "http") && workload.ParseProtocol(bound.Server.GetPort().GetProtocol()) == workload.ProtocolHTTPS {
			return fmt.Sprintf("Set mode: SIMPLE in the tls of server %d of %s: it then ends TLS with its certificate.", bound.Index+1, mesh.KeyOf(bound.Gateway))
		}
	}
	if beside, ok := httpServerBeside(kinds, servers); ok {
		return fmt.Sprintf("Add %s to the hosts of server %d of %s, which has protocol %s.",
			strings.Join(vs.Spec.Hosts, " and "), beside.Index+1, mesh.KeyOf(beside.Gateway), beside.Server.GetPort().GetProtocol())
	}
	why := ": only then are calls balanced one by one."
	switch {
	case !slices.ContainsFunc(servers, func(bound checks.BoundServer) bool { return checks.RouteKindOf(bound.Server) != "http" }):
		return fmt.Sprintf("Write the %s routes of the VirtualService as http ones%s", strings.Join(kinds, " and "), why)
	case slices.Contains(kinds, "http") && len(othersOn(p, servers)) > 0:
		return "Add a server of protocol GRPC, or HTTPS with TLS ended at the gateway, for the hosts to the Gateway" + why
	case slices.Contains(kinds, "http"):
		return "Give the server protocol GRPC, or HTTPS with TLS ended at the gateway" + why
	default:
		return "Give the server protocol GRPC (or HTTPS with TLS ended at the gateway) and the VirtualService http routes" + why
	}
}

func kindSymptom(p *checks.Pass, kinds []string, servers []checks.BoundServer) string {
	if slices.ContainsFunc(servers, func(bound checks.BoundServer) bool { return checks.RouteKindOf(bound.Server) == "http" }) {
		return symptomNoRoute
	}
	if _, ok := httpServerBeside(kinds, servers); ok {
		return symptomNoRoute
	}
	if others := othersOn(p, servers); len(others) > 0 {
		return "UNAVAILABLE: connections go where the routes of " + strings.Join(others, " and ") + " lead"
	}
	return "UNAVAILABLE: nothing listens on the gateway's port"
}
