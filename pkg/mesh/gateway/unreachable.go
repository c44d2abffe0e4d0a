package gateway

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// UnreachableRule is an http rule that no gRPC call ever comes to, because rules of the same VirtualService ahead of it take
// all that each of its matches would.
type UnreachableRule struct {
	Rule *host.HTTPRule
	// By is the first of the rules ahead.
	By *host.HTTPRule
	// Match is the match of the rule that By takes the calls of, and ByMatch the one that takes them; nil for a rule without.
	Match, ByMatch *networkingapi.HTTPMatchRequest
}

// UnreachableRules are those of one VirtualService, wherever its calls come from: a rule that is only for some gateways, ports
// or callers hides no rule that is for others.
// Source: Istio's pilot/pkg/networking/core/route/route.go (BuildHTTPRoutesForVirtualService): rules keep their order, and
// Envoy takes the first route that matches.
func UnreachableRules(s *mesh.Snapshot, vs *networking.VirtualService) []UnreachableRule {
	rules := host.HTTPRules(s, vs)
	reached, covered := map[*host.HTTPRule]bool{}, map[*host.HTTPRule]UnreachableRule{}
	arrivals := arrivals(s, vs, slices.ContainsFunc(rules, asksForPort))
	if slices.ContainsFunc(rules, asksForCaller) {
		arrivals = byClient(s, arrivals)
	}
	for _, from := range arrivals {
		from.reach(rules, reached, covered)
	}
	var unreachable []UnreachableRule
	for _, rule := range rules {
		if cover, ok := covered[rule]; ok && !reached[rule] {
			unreachable = append(unreachable, cover)
		}
	}
	return unreachable
}

// arrival is where calls come to the rules of a VirtualService.
type arrival struct {
	// gateway is the resolved name of a Gateway, or MeshGateway.
	gateway string
	// number is that of the Gateway's server, 0 where any number may be.
	number uint32
	// client is the Gateway's proxies, nil where they may be any.
	client *proxy.Client
}

func asksForPort(rule *host.HTTPRule) bool {
	return slices.ContainsFunc(rule.Spec.Match, func(match *networkingapi.HTTPMatchRequest) bool { return match.GetPort() != 0 })
}

func asksForCaller(rule *host.HTTPRule) bool {
	return slices.ContainsFunc(rule.Spec.Match, func(match *networkingapi.HTTPMatchRequest) bool {
		return match.GetSourceNamespace() != "" || len(match.GetSourceLabels()) > 0
	})
}

// byClient tells the proxies apart that serve a Gateway: to them, a match of callers like their own pods is one of all calls.
func byClient(s *mesh.Snapshot, arrivals []arrival) []arrival {
	var apart []arrival
	for _, from := range arrivals {
		var workloads []*proxy.GatewayWorkload
		if gateway := host.GatewayByName(s, from.gateway, ""); gateway != nil {
			workloads = proxy.GatewayWorkloadsSelected(s, gateway)
		}
		if len(workloads) == 0 {
			apart = append(apart, from)
		}
		for _, workload := range workloads {
			client := workload.Client()
			apart = append(apart, arrival{from.gateway, from.number, &client})
		}
	}
	return apart
}

// arrivals are the Gateways and the sidecars; where ports count, the HTTP servers that take the VirtualService's hosts.
func arrivals(s *mesh.Snapshot, vs *networking.VirtualService, byPort bool) []arrival {
	var arrivals []arrival
	for _, name := range host.GatewayNamesOf(vs) {
		found := false
		if gateway := host.GatewayByName(s, name, vs.Namespace); byPort && name != host.MeshGateway && gateway != nil {
			for _, server := range gateway.Spec.Servers {
				if ServerIsHTTP(server) && serverTakesSome(gateway, server, vs) {
					arrivals = append(arrivals, arrival{gateway: name, number: server.GetPort().GetNumber()})
					found = true
				}
			}
		}
		if !found {
			arrivals = append(arrivals, arrival{gateway: name})
		}
	}
	return arrivals
}

func serverTakesSome(gateway *networking.Gateway, server *networkingapi.Server, vs *networking.VirtualService) bool {
	return slices.ContainsFunc(vs.Spec.Hosts, func(name string) bool {
		_, taken := host.ServerAccepts(gateway, server, name, vs.Namespace)
		return taken
	})
}

// reach enters the rules that calls from there come to, and for those that they do not, the first rule ahead.
func (a arrival) reach(rules []*host.HTTPRule, reached map[*host.HTTPRule]bool, covered map[*host.HTTPRule]UnreachableRule) {
	ahead, position := newCoverage(), 0
	for _, rule := range rules {
		for _, place := range matchPlaces(rule.Spec) {
			route := &GatewayRoute{Holder: rule.Holder, Match: place, Spec: rule.Spec, rule: rule, position: position}
			conditions, served := a.audience(route.MatchSpec(), rule.Holder.Namespace)
			if !served {
				continue
			}
			route.match = host.RouteMatchOf(route.MatchSpec())
			route.match.Conditions = append(route.match.Conditions, conditions...)
			if cover := ahead.covering(route.match); cover != nil && cover.rule != rule {
				if covered[rule].By == nil {
					covered[rule] = UnreachableRule{Rule: rule, By: cover.rule, Match: route.MatchSpec(), ByMatch: cover.MatchSpec()}
				}
				continue
			}
			reached[rule] = true
			ahead.add(route)
			position++
		}
	}
}

// audience is what decides whether proxies get a match at all: those from there do not, or only under some conditions.
// Source: Istio's pilot/pkg/networking/core/route/route.go (TranslateRoute, sourceMatchHTTP).
func (a arrival) audience(match *networkingapi.HTTPMatchRequest, namespace string) (conditions []string, served bool) {
	if port := match.GetPort(); port != 0 {
		if a.number != 0 && a.number != port {
			return nil, false
		}
		if a.number == 0 {
			conditions = append(conditions, fmt.Sprintf("for port %d", port))
		}
	}
	if a.client != nil || len(match.GetGateways()) > 0 {
		var client proxy.Client
		if a.client != nil {
			client = *a.client
		}
		return conditions, servesClient(match, namespace, a.gateway, client)
	}
	if from := match.GetSourceNamespace(); from != "" {
		conditions = append(conditions, "from namespace "+from)
	}
	for key, value := range match.GetSourceLabels() {
		conditions = append(conditions, "from label "+key+"="+value)
	}
	slices.Sort(conditions)
	return conditions, true
}
