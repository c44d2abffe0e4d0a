package route

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

var routeShadowed = &checks.Check{
	ID:     "GX507",
	Slug:   "route-shadowed",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Another VirtualService takes the calls first",
	What: "Finds VirtualServices whose routes are behind routes of another VirtualService that take the same calls, on the same host of the " +
		"same listener. An error where none of its routes is reached, a warning where some are.",
	Why: "istiod puts all VirtualServices of a host into one list: the older first, routes without any condition last. All plaintext servers " +
		"of one listener share the list, also those of different Gateways, of which the older comes first. Envoy takes the first route " +
		"that matches.",
	Client: "The calls reach the other server, which does not know the method: UNIMPLEMENTED.",
	Bad:    example.RoutedServer + example.RoutingGateway + example.TwoRoutes("", ""),
	Good: example.RoutedServer + example.RoutingGateway + example.TwoRoutes(
		"match: [{uri: {prefix: /shop.v1.Orders/}}], ", "match: [{uri: {prefix: /shop.v1.Carts/}}], "),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, tally := range tallyShadows(p) {
			if tally.speaks && len(tally.lost) > 0 {
				p.Report(tally.finding(p))
			}
		}
	},
}

// shadowTally is what becomes of the routes of one VirtualService over all hosts and listeners.
type shadowTally struct {
	vs *networking.VirtualService
	// lost are the routes that another VirtualService keeps calls from, of total.
	lost  []*gateway.GatewayRoute
	total int
	// reached are the matches of rules that some calls come to, on another host or listener.
	reached map[ruleMatch]bool
	// of is the greatest relevance of the lost routes; speaks says that lint has to do with one of them.
	of     checks.Relevance
	speaks bool
}

// ruleMatch is one match of one rule, which may be the route of several hosts and listeners.
type ruleMatch struct {
	rule  *host.HTTPRule
	match int
}

// tallyShadows counts the routes of each VirtualService. Not counted are hosts that redirect to https, where nothing is routed,
// and routes that the VirtualService shadows itself, of which GX508 speaks.
func tallyShadows(p *checks.Pass) []*shadowTally {
	tallies := map[*networking.VirtualService]*shadowTally{}
	var ordered []*shadowTally
	for _, host := range gateway.AllVirtualHosts(p.Snapshot) {
		if host.RedirectsToHTTPS {
			continue
		}
		for _, route := range host.Routes {
			if route.Shadowed != nil && route.Shadowed.VirtualService == route.VirtualService {
				continue
			}
			tally := tallies[route.VirtualService]
			if tally == nil {
				tally = &shadowTally{vs: route.VirtualService, reached: map[ruleMatch]bool{}}
				tallies[route.VirtualService] = tally
				ordered = append(ordered, tally)
			}
			tally.count(p, route)
		}
	}
	return ordered
}

func (t *shadowTally) count(p *checks.Pass, route *gateway.GatewayRoute) {
	t.total++
	if route.Shadowed == nil || leadsToTheSame(p, route, route.Shadowed) {
		t.reached[ruleMatch{route.HTTPRule(), route.Match}] = true
		return
	}
	t.lost = append(t.lost, route)
	of := p.RuleRelevance(route.HTTPRule())
	t.of = max(t.of, of)
	t.speaks = t.speaks || p.InScope(of)
}

// leadsToTheSame reports whether two routes have the same destinations: the calls arrive all the same.
func leadsToTheSame(p *checks.Pass, a, b *gateway.GatewayRoute) bool {
	return len(a.Spec.Route) > 0 && slices.Equal(routeTargets(p, a), routeTargets(p, b))
}

func routeTargets(p *checks.Pass, route *gateway.GatewayRoute) []string {
	var targets []string
	for _, destination := range host.Destinations(p.Snapshot, route.Spec, route.Holder.Namespace) {
		targets = append(targets, fmt.Sprint(destination.Host, " ", route.PortOf(destination), " ", destination.Spec.Subset))
	}
	slices.Sort(targets)
	return targets
}

func (t *shadowTally) finding(p *checks.Pass) checks.Finding {
	takers := t.takers()
	taker, keeps, takes := strings.Join(takers, " and "), "keeps", "takes"
	if len(takers) > 1 {
		keeps, takes = "keep", "take"
	}
	finding := checks.Finding{
		Level:   checks.Warning,
		Object:  t.vs,
		Path:    httpField(t.lost[0].HTTPRule().RootIndex),
		Message: fmt.Sprintf("%s %s calls from %s: %s.", taker, keeps, mesh.KeyOf(t.vs), t.lostText()),
		Symptom: "UNIMPLEMENTED: the calls reach the other server, which does not know the method",
		Fix: checks.Fix{Text: "Give the VirtualServices different hosts, or a match for the gRPC service of each (uri prefix /package.Service/), or " +
			"put the rules into one VirtualService in the order that you want."},
	}
	if len(t.lost) == t.total {
		finding.Level = p.LevelFor(t.of, checks.Error)
		finding.Message = fmt.Sprintf("%s %s all calls of %s: none of its routes is reached.", taker, takes, mesh.KeyOf(t.vs))
	}
	var orders []string
	for _, route := range t.lost {
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("on host %s, listener %d, %s, which takes %s, comes before %s",
			route.Host, route.Server.ListenerPort, ruleText(route.Shadowed.Holder, route.Shadowed.Rule), callsText(route.Shadowed.MatchSpec()),
			ruleText(route.Holder, route.Rule)))
		if order := orderEvidence(p, route); !slices.Contains(orders, order) {
			orders = append(orders, order)
		}
	}
	slices.Sort(finding.Evidence)
	finding.Evidence = append(slices.Compact(finding.Evidence), orders...)
	return finding
}

// takers names the VirtualServices that keep calls from the routes, each once.
func (t *shadowTally) takers() []string {
	var takers []string
	for _, route := range t.lost {
		if name := mesh.KeyOf(route.Shadowed.VirtualService).String(); !slices.Contains(takers, name) {
			takers = append(takers, name)
		}
	}
	return takers
}

// lostText says how much is not reached: some of the rules, or rules that are reached elsewhere on some hosts or Gateways.
func (t *shadowTally) lostText() string {
	var places []string
	for _, route := range t.lost {
		if !t.reached[ruleMatch{route.HTTPRule(), route.Match}] {
			verb := "are"
			if len(t.lost) == 1 {
				verb = "is"
			}
			return fmt.Sprintf("%d of its %d routes %s not reached", len(t.lost), t.total, verb)
		}
		place := fmt.Sprintf("host %s of %s", route.Host, mesh.KeyOf(route.Server.Gateway))
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return "none come to it on " + strings.Join(places, " and ")
}

// orderEvidence says why the other VirtualService comes first: Gateways of one listener have an order too, and each brings its
// VirtualServices.
func orderEvidence(p *checks.Pass, route *gateway.GatewayRoute) string {
	var mine, other mesh.Object = route.VirtualService, route.Shadowed.VirtualService
	if route.Server.Gateway != route.Shadowed.Server.Gateway {
		mine, other = route.Server.Gateway, route.Shadowed.Server.Gateway
	}
	if vs := route.Shadowed.VirtualService; other == vs && host.IsPublic(p.Snapshot, route.VirtualService) && !host.IsPublic(p.Snapshot, vs) {
		return fmt.Sprintf("%s is exported to some namespaces only, and comes before those that are exported to all, whatever their age", mesh.KeyOf(vs))
	}
	own, others := mine.GetCreationTimestamp(), other.GetCreationTimestamp()
	switch {
	case others.Before(&own):
		return fmt.Sprintf("%s is older than %s", mesh.KeyOf(other), mesh.KeyOf(mine))
	case others.Equal(&own):
		return fmt.Sprintf("%s and %s are of the same age, so that their names decide", mesh.KeyOf(other), mesh.KeyOf(mine))
	default:
		return "routes without any condition come last"
	}
}
