package route

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var subsetNotFound = &checks.Check{
	ID:     "GX505",
	Slug:   "subset-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A route names a subset that the gateway does not know",
	What: "Finds route destinations with a `subset` that no DestinationRule for the host defines, among those that the gateway uses: of " +
		"its own namespace, else of the Service's, else of the root namespace.",
	Why: "A subset is a cluster of its own, and a proxy has it only if a DestinationRule that the proxy uses defines it. The " +
		"VirtualService is accepted all the same.",
	Client: "Every call gets UNAVAILABLE: the gateway answers 503 for a cluster that does not exist.",
	Bad: example.RoutedServer + example.RoutingGateway +
		example.RouteWith(`  - route: [{destination: {host: orders, subset: v1, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  subsets: [{name: v1, labels: {app: orders}}]
---
` + example.RouteWith(`  - route: [{destination: {host: orders, subset: v1, port: {number: 8000}}}]
`),
	Reads:    append(slices.Clone(checks.RouteReads), mesh.KindDestinationRule),
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		subsets := indexSubsets(p)
		eachRoute(p, func(rule *host.HTTPRule) {
			of := p.RuleRelevance(rule)
			if !p.InScope(of) {
				return
			}
			for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				if destination.Spec.Subset != "" && !checks.IsLost(p, destination) {
					reportSubset(p, rule, destination, of, subsets.defining(destination.Host, destination.Spec.Subset))
				}
			}
		})
	},
}

func reportSubset(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, of checks.Relevance, defining []*networking.DestinationRule) {
	gateway, found := subsetUnseenBy(p, rule, destination, defining)
	if found || !p.Missing(mesh.KindDestinationRule, "", "") {
		return
	}
	where := ""
	if gateway != nil {
		where = " that " + gateway.String() + " uses"
	}
	finding := checks.Finding{
		Level:  p.LevelFor(of, checks.Error),
		Object: rule.Holder,
		Path:   httpField(rule.Index, "route", destination.Index, "destination", "subset"),
		Message: fmt.Sprintf("%s leads to subset %s of %s, which no DestinationRule%s defines.",
			ruleText(rule.Holder, rule.Index), destination.Spec.Subset, destination.Host, where),
		Symptom: noClusterSymptom(rule),
		Fix:     checks.Fix{Text: "Define the subset in a DestinationRule for the host in the Service's namespace, exported to its callers, or take it out of the route."},
	}
	if gateway != nil {
		addSubsetHints(p, gateway, destination, defining, &finding)
	}
	if len(finding.Evidence) == 0 {
		finding.Evidence = []string{fmt.Sprintf("no DestinationRule for host %s defines subset %s", destination.Host, destination.Spec.Subset)}
	}
	p.Report(finding)
}

// addSubsetHints says why the gateway does not use the rules that define the subset, and where it would find the subset.
func addSubsetHints(p *checks.Pass, gateway *proxy.GatewayWorkload, destination host.Destination, defining []*networking.DestinationRule, finding *checks.Finding) {
	client, namespace := gateway.Client(), serviceNamespaceOf(p, destination)
	for _, defined := range defining {
		if why, unused := checks.WhyUnused(p, defined, client, destination.Host, namespace); unused {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s defines it, but %s", mesh.KeyOf(defined), why))
		}
	}
	used := policy.DestinationRuleFor(p.Snapshot, client, destination.Host, namespace)
	if used == nil {
		return
	}
	base := used.Rules[0]
	finding.Fix.Text = fmt.Sprintf("Add the subset to %s, which is the one that %s uses, or take it out of the route.", mesh.KeyOf(base), gateway)
	if used.Host != destination.Host {
		finding.Fix.Text = fmt.Sprintf("Define the subset in a DestinationRule for the host in namespace %s, where %s is for host %s, or take it out of the route.",
			base.Namespace, mesh.KeyOf(base), used.Host)
	}
	for _, subset := range used.Subsets {
		if name := subset.Spec.GetName(); strings.EqualFold(name, destination.Spec.Subset) {
			finding.Evidence = append(finding.Evidence, fmt.Sprintf("upper and lower case differ from those of subset %s", name))
			finding.Fix.Text = fmt.Sprintf("Name subset %s.", name)
		}
	}
	finding.Evidence = append(finding.Evidence, definedSubsets(used)...)
}

// definedSubsets says which subsets each of the rules defines that were merged.
func definedSubsets(used *policy.HostRule) []string {
	var clauses []string
	for _, rule := range used.Rules {
		var names []string
		for _, subset := range used.Subsets {
			if subset.From == rule {
				names = append(names, subset.Spec.GetName())
			}
		}
		switch len(names) {
		case 0:
		case 1:
			clauses = append(clauses, fmt.Sprintf("%s defines subset %s", mesh.KeyOf(rule), names[0]))
		default:
			clauses = append(clauses, fmt.Sprintf("%s defines the subsets %s", mesh.KeyOf(rule), strings.Join(names, ", ")))
		}
	}
	return clauses
}

// subsetUnseenBy looks for a gateway that serves the rule and does not know the subset. Where no gateway is known, a
// DestinationRule anywhere will do. A subset that only an exportTo hides counts as found: GX513 speaks of it.
func subsetUnseenBy(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, defining []*networking.DestinationRule) (by *proxy.GatewayWorkload, found bool) {
	namespace := serviceNamespaceOf(p, destination)
	gateways := p.GatewaysServingRule(rule)
	for _, gateway := range gateways {
		_, known := policy.DestinationRuleFor(p.Snapshot, gateway.Client(), destination.Host, namespace).Subset(destination.Spec.Subset)
		if !known && len(hiddenFrom(p, gateway.Namespace, namespace, defining)) == 0 {
			return gateway, false
		}
	}
	return nil, len(gateways) > 0 || len(defining) > 0
}
