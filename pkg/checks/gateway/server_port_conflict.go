package gateway

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

var serverPortConflict = &checks.Check{
	ID:     "GX406",
	Slug:   "server-port-conflict",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "An older server on the same port shuts this one out",
	What: "Finds Gateway servers that cannot live beside an older one on the same listener port and bind address: TLS beside an " +
		"older plaintext server, HTTP or GRPC beside an older TCP one and the other way round, or TLS for every host beside " +
		"plaintext. Two numbers are one listener where Service ports lead to the same targetPort.",
	Why: "istiod merges HTTP, HTTP2, GRPC and GRPC-Web on a port. Of servers that do not merge it keeps the older Gateway's and " +
		"leaves the younger out without a word. TLS for `*` and plaintext it keeps both, but their filter chains match the same " +
		"connections and Envoy refuses the listener.",
	Client: "UNAVAILABLE: the calls meet the older server, or no new listener.",
	Bad: example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}") +
		example.OlderGateway("{number: 8000, name: tcp, protocol: TCP}", "legacy.example.com", ""),
	Good: example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}") +
		example.OlderGateway("{number: 80, name: tcp, protocol: TCP}", "legacy.example.com", ""),
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		reportDropped(p, []gateway.Drop{gateway.DropProtocol, gateway.DropMatchAll, gateway.DropName}, "port", "protocol")
	},
}

// reportDropped finds the servers that do not live by one of the rules, once for each, on the first workload where it shows.
func reportDropped(p *checks.Pass, rules []gateway.Drop, field ...string) {
	for _, server := range gatewayServers(p) {
		for _, on := range onWorkloads(p, server) {
			if on.DroppedBy == nil || !slices.Contains(rules, on.Drop) || on.Drop == gateway.DropHost && !on.IsTLS() {
				continue
			}
			this, other := apart(server, gatewayServer{on.DroppedBy.Gateway, on.DroppedBy.Index, on.DroppedBy.Spec})
			finding := checks.Finding{
				Object: server.gateway, Path: server.path(field), Level: server.level(p, checks.Error),
				Message:  fmt.Sprintf("Gateway %s: %s is shut out by %s.", server.gateway.Name, this, other),
				Evidence: []string{on.DropReason, fmt.Sprintf("both listen on port %d of %s", on.ListenerPort, on.Workload)},
				Symptom:  symptomDropped,
				Fix:      checks.Fix{Text: dropFix(on)},
			}
			if on.Drop == gateway.DropSNI || on.Drop == gateway.DropMatchAll {
				finding.Message = fmt.Sprintf("Gateway %s: %s and %s are both lost: Envoy refuses a listener with the two.",
					server.gateway.Name, this, other)
				finding.Evidence = append(finding.Evidence, evidenceRefused)
				finding.Symptom = symptomRefused
			}
			p.Report(finding)
			break
		}
		reportRefused(p, server, rules)
	}
}

// dropFix is what lets a server live that an older one shuts out.
func dropFix(on *gateway.Server) string {
	switch {
	case on.Drop == gateway.DropProtocol:
		return "Use another port for one of the two, or another bind; another host does not help."
	case on.Drop == gateway.DropMatchAll && on.DroppedBy.IsTLS() != on.IsTLS():
		return "Use another port for one of the two, or name the hosts of the TLS server instead of *."
	case on.Drop == gateway.DropMatchAll && gateway.ServerIsPlaintextHTTP(on.Spec) && gateway.ServerIsPlaintextHTTP(on.DroppedBy.Spec):
		return "Use another port for one of the two, or give all servers of the port the same bind; another host does not help."
	case on.Drop == gateway.DropMatchAll:
		return "Use another port for one of the two; another host does not help."
	case on.Drop == gateway.DropName:
		return "Give the port of one of the two another name."
	default:
		return "Use another port or host, or bring both into one Gateway server."
	}
}

// apart is how messages name two servers: by the Gateway of the other one, or where they are of one Gateway by the names of
// their ports, or else their places.
func apart(server, other gatewayServer) (this, that string) {
	if server.gateway != other.gateway {
		return server.text(), fmt.Sprintf("%s of Gateway %s/%s", other.text(), other.gateway.Namespace, other.gateway.Name)
	}
	names := func(of gatewayServer) string {
		return fmt.Sprintf("%s named %s", of.text(), of.spec.GetPort().GetName())
	}
	if server.spec.GetPort().GetName() == other.spec.GetPort().GetName() {
		names = func(of gatewayServer) string { return fmt.Sprintf("%s at servers[%d]", of.text(), of.index) }
	}
	return names(server), names(other)
}

const (
	evidenceRefused = "Envoy refuses a listener with two filter chains that match the same"
	symptomRefused  = "UNAVAILABLE: the proxy keeps the listener that it had before, or has none"
)

// reportRefused finds a server whose listener Envoy refuses for a younger one that is no matter of gRPC. Where the younger one
// is, the finding is about that; where the server that it clashes with is, about that alone.
func reportRefused(p *checks.Pass, server gatewayServer, rules []gateway.Drop) {
	for _, on := range onWorkloads(p, server) {
		younger := on.RefusedFor
		if younger == nil || !slices.Contains(rules, younger.Drop) || p.ServerInScope(younger.Gateway, younger.Spec) {
			continue
		}
		older := younger.DroppedBy
		if older != on && p.ServerInScope(older.Gateway, older.Spec) {
			continue
		}
		this, other := apart(server, gatewayServer{younger.Gateway, younger.Index, younger.Spec})
		p.Report(checks.Finding{
			Object: server.gateway, Path: server.path("port"), Level: server.level(p, checks.Error),
			Message: fmt.Sprintf("Gateway %s: %s loses its listener to %s.", server.gateway.Name, this, other),
			Evidence: []string{
				younger.DropReason,
				fmt.Sprintf("all listen on port %d of %s", on.ListenerPort, on.Workload),
				evidenceRefused,
			},
			Symptom: symptomRefused,
			Fix:     checks.Fix{Text: dropFix(younger)},
		})
		return
	}
}
