package checks

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var ruleUnreachable = &Check{
	ID:     "GX508",
	Slug:   "rule-unreachable",
	Levels: []Level{Warning},
	Title:  "A rule stands behind one that takes all its calls",
	What: "Finds http rules of which every match is covered by a rule ahead in the same VirtualService: a rule without match, the same " +
		"path, or a shorter prefix of it, with no further condition.",
	Why: "The rules of a VirtualService keep their order and the first that matches is taken. Behind a rule that takes everything istiod sends " +
		"the proxies no rule at all.",
	Client: "The calls reach the server of the rule ahead, which does not know the method: UNIMPLEMENTED.",
	Bad: routedServer + routingGateway + routeWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: routedServer + routingGateway + routeWith(`  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    routeReads,
	Consults: routeConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		for _, vs := range p.VirtualServices().All() {
			if mesh.IsDelegate(vs) {
				continue
			}
			for _, unreachable := range p.UnreachableRules(vs) {
				rule, by := unreachable.Rule, unreachable.By
				if !p.SpeaksOfRule(rule) {
					continue
				}
				p.Report(Finding{
					Object: rule.Holder,
					Path:   httpField(rule.Index, ""),
					Message: fmt.Sprintf("No call reaches %s: %s takes them first.",
						ruleText(rule.Holder, rule.Index), ruleText(by.Holder, by.Index)),
					Symptom: symptomNoPath,
					Fix:     Fix{Text: "Put the rule with the narrower match first, and the one that takes every call last."},
				})
			}
		}
	},
}
