package checks

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var subsetNotFound = &Check{
	ID:     "GX505",
	Slug:   "subset-not-found",
	Levels: []Level{Error, Warning},
	Title:  "A route names a subset that the gateway does not know",
	What: "Finds route destinations with a `subset` that no DestinationRule for the host defines, among those that the gateway uses: of " +
		"its own namespace, else of the Service's, else of the root namespace.",
	Why: "A subset is a cluster of its own, and a proxy has it only if a DestinationRule that the proxy uses defines it. The " +
		"VirtualService is accepted all the same.",
	Client: "Every call gets UNAVAILABLE: the gateway answers 503 for a cluster that does not exist.",
	Bad: routedServer + routingGateway +
		routeWith(`  - route: [{destination: {host: orders, subset: v1, port: {number: 8000}}}]
`),
	Good: routedServer + routingGateway + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  subsets: [{name: v1, labels: {app: orders}}]
---
` + routeWith(`  - route: [{destination: {host: orders, subset: v1, port: {number: 8000}}}]
`),
	Reads:    append(slices.Clone(routeReads), mesh.KindDestinationRule),
	Consults: routeConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		subsets := indexSubsets(p)
		p.eachRoute(func(rule *mesh.HTTPRule) {
			of := p.ruleRelevance(rule)
			if !p.speaks(of) {
				return
			}
			for _, destination := range p.Destinations(rule.Spec, rule.Holder.Namespace) {
				if destination.Spec.Subset != "" && !isLost(p, destination) {
					reportSubset(p, rule, destination, of, subsets.defining(destination.Host, destination.Spec.Subset))
				}
			}
		})
	},
}

func reportSubset(p *Pass, rule *mesh.HTTPRule, destination mesh.Destination, of relevance, defining []*networking.DestinationRule) {
	where, found := subsetUnseenBy(p, rule, destination, defining)
	if found || !p.Missing(mesh.KindDestinationRule, "", "") {
		return
	}
	finding := Finding{
		Level:  p.levelFor(of, Error),
		Object: rule.Holder,
		Path:   httpField(rule.Index, fmt.Sprintf("route[%d].destination.subset", destination.Index)),
		Message: fmt.Sprintf("%s leads to subset %s of %s, which no DestinationRule%s defines.",
			ruleText(rule.Holder, rule.Index), destination.Spec.Subset, destination.Host, where),
		Symptom: symptomNoCluster,
		Fix:     Fix{Text: "Define the subset in a DestinationRule for the host in the Service's namespace, or take it out of the route."},
	}
	addSubsetHints(p, rule, destination, defining, &finding)
	p.Report(finding)
}

// addSubsetHints says why the gateway does not use the rules that define the subset, and which ones it knows.
func addSubsetHints(p *Pass, rule *mesh.HTTPRule, destination mesh.Destination, defining []*networking.DestinationRule, finding *Finding) {
	gateways, namespace := p.gatewaysServingRule(rule), serviceNamespaceOf(p, destination)
	if len(gateways) == 0 {
		return
	}
	client := gateways[0].Client()
	for _, defined := range defining {
		if why, unused := whyUnused(p, defined, client, destination.Host, namespace); unused {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s defines it, but %s", mesh.KeyOf(defined), why))
		}
	}
	used := p.DestinationRuleFor(client, destination.Host, namespace)
	if used == nil {
		return
	}
	for _, subset := range used.Subsets {
		name := subset.Spec.GetName()
		clause := fmt.Sprintf("%s defines subset %s", mesh.KeyOf(subset.From), name)
		if strings.EqualFold(name, destination.Spec.Subset) {
			clause += ", and upper and lower case differ"
			finding.Fix.Text = fmt.Sprintf("Name subset %s.", name)
		}
		finding.Evidence = append(finding.Evidence, clause)
	}
}

// subsetUnseenBy looks for a gateway that serves the rule and does not know the subset. Where no gateway is known, a
// DestinationRule anywhere will do. A subset that only an exportTo hides counts as found: GX513 speaks of it.
func subsetUnseenBy(p *Pass, rule *mesh.HTTPRule, destination mesh.Destination, defining []*networking.DestinationRule) (where string, found bool) {
	namespace := serviceNamespaceOf(p, destination)
	gateways := p.gatewaysServingRule(rule)
	for _, gateway := range gateways {
		_, known := p.DestinationRuleFor(gateway.Client(), destination.Host, namespace).Subset(destination.Spec.Subset)
		if !known && len(hiddenFrom(p, gateway.Namespace, namespace, defining)) == 0 {
			return " that " + gateway.String() + " uses", false
		}
	}
	return "", len(gateways) > 0 || len(defining) > 0
}
