package route

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var ruleUnreachable = &checks.Check{
	ID:     "GX508",
	Slug:   "rule-unreachable",
	Levels: []checks.Level{checks.Warning},
	Title:  "A rule stands behind one that takes all its calls",
	What: "Finds http rules of which every match is covered by a rule ahead in the same VirtualService: a rule without match, the same " +
		"path, or a shorter prefix of it, with no further condition.",
	Why: "The rules of a VirtualService keep their order and the first that matches is taken. Behind a rule that takes everything istiod sends " +
		"the proxies no rule at all.",
	Client: "The calls go by the rule ahead: UNIMPLEMENTED where its server does not know the method.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, vs := range p.VirtualServices().All() {
			if host.IsDelegate(vs) {
				continue
			}
			for _, unreachable := range gateway.UnreachableRules(p.Snapshot, vs) {
				rule, by := unreachable.Rule, unreachable.By
				if !p.RuleInScope(rule) {
					continue
				}
				p.Report(checks.Finding{
					Object: rule.Holder,
					Path:   httpField(rule.Index),
					Message: fmt.Sprintf("No call reaches %s: %s takes them first.",
						ruleText(rule.Holder, rule.Index), ruleText(by.Holder, by.Index)),
					Evidence: []string{
						fmt.Sprintf("%s takes %s", ruleText(by.Holder, by.Index), callsText(unreachable.ByMatch)),
						fmt.Sprintf("%s is for %s", ruleText(rule.Holder, rule.Index), callsText(unreachable.Match)),
					},
					Symptom: unreachableSymptom(p, unreachable),
					Fix:     checks.Fix{Text: unreachableFix(unreachable)},
				})
			}
		}
	},
}

// unreachableSymptom tells rules whose calls go to a server that may not know the method from those that only treat some calls
// in another way.
func unreachableSymptom(p *checks.Pass, unreachable gateway.UnreachableRule) string {
	rule, by := unreachable.Rule, unreachable.By
	if shareAHost(p, rule, by) || areOfOneMethod(unreachable.Match, unreachable.ByMatch) {
		return fmt.Sprintf("no error: the calls go by %s, and what this rule says of them has no effect", ruleText(by.Holder, by.Index))
	}
	return "UNIMPLEMENTED where the server of the rule ahead does not know the method"
}

// areOfOneMethod reports whether two matches are for the same paths and either these are those of a gRPC service or headers tell the
// calls apart, as those for a canary.
func areOfOneMethod(match, other *networkingapi.HTTPMatchRequest) bool {
	path := match.GetUri().GetExact() + match.GetUri().GetPrefix()
	return proto.Equal(match.GetUri(), other.GetUri()) && (host.IsMethodPath(path) || len(match.GetHeaders()) > 0)
}

// shareAHost reports whether two rules lead to the same Service, if by different subsets.
func shareAHost(p *checks.Pass, a, b *host.HTTPRule) bool {
	others := host.Destinations(p.Snapshot, b.Spec, b.Holder.Namespace)
	return slices.ContainsFunc(host.Destinations(p.Snapshot, a.Spec, a.Holder.Namespace), func(one host.Destination) bool {
		return slices.ContainsFunc(others, func(other host.Destination) bool { return one.Host == other.Host })
	})
}

func unreachableFix(unreachable gateway.UnreachableRule) string {
	if slices.Equal(conditionTexts(unreachable.Match), conditionTexts(unreachable.ByMatch)) {
		return "Remove one of the two rules, or give them different matches: both are for the same calls."
	}
	return "Put the rule with the narrower match first, and the one that takes every call last."
}
