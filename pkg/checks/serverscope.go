package checks

import (
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// ServerRelevance judges a server by itself, then by the VirtualServices whose hosts it takes; where it takes none's, by those
// of the Gateway whose hosts no server takes, because they may have been meant for it.
func (p *Pass) ServerRelevance(gateway *networking.Gateway, server *networkingapi.Server) Relevance {
	return mesh.Remember(p.Snapshot, serversMemory{gateway}, func() map[*networkingapi.Server]Relevance {
		return p.serverRelevances(gateway)
	})[server]
}

type serversMemory struct{ of *networking.Gateway }

func (p *Pass) serverRelevances(gateway *networking.Gateway) map[*networkingapi.Server]Relevance {
	most := map[*networkingapi.Server]Relevance{}
	lost := PlainHTTP
	for _, vs := range host.VirtualServicesBoundTo(p.Snapshot, gateway) {
		taken := false
		for _, server := range gateway.Spec.Servers {
			if TakesHostOf(gateway, server, vs) {
				most[server], taken = max(most[server], p.RelevanceAt(gateway, server, vs)), true
			}
		}
		if !taken {
			lost = max(lost, p.RelevanceFor(gateway.Namespace+"/"+gateway.Name, vs))
		}
	}
	for _, server := range gateway.Spec.Servers {
		_, taken := most[server]
		switch {
		case isForGRPC(server):
			most[server] = CertainGRPC
		case taken:
		case lost == PlainHTTP && workload.ParseProtocol(server.GetPort().GetProtocol()) != workload.ProtocolHTTP:
			most[server] = Unclear
		default:
			most[server] = lost
		}
	}
	return most
}

// TakesHostOf reports whether a server takes one of the hosts of a VirtualService.
func TakesHostOf(gateway *networking.Gateway, server *networkingapi.Server, vs *networking.VirtualService) bool {
	for _, offered := range host.ServerHosts(gateway, server, vs.Namespace) {
		for _, name := range vs.Spec.Hosts {
			if host.HostMatches(offered, host.ResolveHost(name, vs.Namespace)) {
				return true
			}
		}
	}
	return false
}

// RelevanceAt judges what of a VirtualService a server takes: its http rules that are for this Gateway and port, or, on a server that
// reads no HTTP, its tcp or tls routes. One that has no routes of the server's kind is judged as a whole.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayTCPBasedFilterChains, createGatewayTCPFilterChainOpts).
func (p *Pass) RelevanceAt(gateway *networking.Gateway, server *networkingapi.Server, vs *networking.VirtualService) Relevance {
	switch kind := RouteKindOf(server); {
	case !slices.Contains(RouteKinds(vs), kind):
		return p.VirtualServiceRelevance(vs)
	case kind == "http":
		return p.mostRelevantRule(vs, gateway.Namespace+"/"+gateway.Name, server.GetPort().GetNumber())
	default:
		return p.MostRelevant(vs, DestinationsOf(kind, vs))
	}
}

// RelevanceFor judges what of a VirtualService is for a Gateway ("namespace/name"), be it there or not.
func (p *Pass) RelevanceFor(gateway string, vs *networking.VirtualService) Relevance {
	return max(p.mostRelevantRule(vs, gateway, 0), p.MostRelevant(vs, StreamDestinations(vs)))
}

// RelevanceForAny judges what of it is for one of the Gateways.
func (p *Pass) RelevanceForAny(gateways []*networking.Gateway, vs *networking.VirtualService) Relevance {
	most := PlainHTTP
	for _, gateway := range gateways {
		most = max(most, p.RelevanceFor(gateway.Namespace+"/"+gateway.Name, vs))
	}
	return most
}

// mostRelevantRule judges the http rules that are for a Gateway, and for one of its ports unless that is 0.
func (p *Pass) mostRelevantRule(vs *networking.VirtualService, gateway string, port uint32) Relevance {
	most := PlainHTTP
	for _, rule := range host.HTTPRules(p.Snapshot, vs) {
		if isRuleFor(rule, gateway, port) {
			most = max(most, p.RuleRelevance(rule))
		}
	}
	return most
}

// isRuleFor reports whether a rule has a match for a Gateway, and for one of its ports unless that is 0, or none at all.
// Source: Istio's pilot/pkg/networking/core/route/route.go (TranslateRoute).
func isRuleFor(rule *host.HTTPRule, gw string, port uint32) bool {
	return len(rule.Spec.Match) == 0 || slices.ContainsFunc(rule.Spec.Match, func(match *networkingapi.HTTPMatchRequest) bool {
		return gateway.MatchIsFor(match, rule.Holder.Namespace, gw) && (port == 0 || match.GetPort() == 0 || match.GetPort() == port)
	})
}
