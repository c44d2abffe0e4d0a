package route

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var destinationNotFound = &checks.Check{
	ID:     "GX503",
	Slug:   "destination-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A route leads to a host that does not exist",
	What: "Finds route destinations whose host is neither a Service nor a host of a ServiceEntry. A short name is a Service of the " +
		"VirtualService's own namespace; any name with a dot is taken as a full name, so `orders.shop` is not `orders` in `shop`.",
	Why: "istiod writes the route with the name of a cluster that no proxy has. It does not refuse the VirtualService, because the " +
		"Service might still be created.",
	Client: "Every call gets UNAVAILABLE: the proxy answers 503 for a cluster that does not exist.",
	Bad: example.RoutedServer + example.RoutingGateway +
		example.RouteWith(`  - route: [{destination: {host: orders.shop, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway +
		example.RouteWith(`  - route: [{destination: {host: orders.shop.svc.cluster.local, port: {number: 8000}}}]
`),
	Reads:    append(slices.Clone(checks.RouteReads), mesh.KindServiceEntry),
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		eachRoute(p, func(rule *host.HTTPRule) {
			of := p.RuleRelevance(rule)
			if !p.LostInScope(of) {
				return
			}
			for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				if destination.Service == nil && checks.IsHostMissing(p, destination.Host) {
					p.Report(destinationFinding(p, rule, destination, of))
				}
			}
		})
	},
}

func destinationFinding(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, of checks.Relevance) checks.Finding {
	finding := checks.Finding{
		Level:  p.LevelFor(of, checks.Error),
		Object: rule.Holder,
		Path:   httpField(rule.Index, "route", destination.Index, "destination", "host"),
		Message: fmt.Sprintf("%s leads to %s, which is no Service and no ServiceEntry.",
			ruleText(rule.Holder, rule.Index), destination.Host),
		Symptom: noClusterSymptom(rule),
	}
	written := destination.Spec.Host
	switch {
	case !strings.Contains(written, "."):
		finding.Evidence = append(finding.Evidence,
			fmt.Sprintf("the short name %s means a Service of the VirtualService's own namespace, %s", written, rule.Holder.Namespace))
	case written == destination.Host:
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s has a dot, so it is taken as a full name", written))
	}
	entry := checks.WildcardEntry(p, destination.Host)
	if entry != "" {
		finding.Evidence = append(finding.Evidence, entry)
	}
	candidates := checks.ServicesMeant(p, written)
	for _, service := range candidates {
		finding.Evidence = append(finding.Evidence, "there is "+mesh.KeyOf(service).String())
	}
	finding.Fix = destinationFix(p, rule, destination, candidates)
	if entry != "" && len(candidates) == 0 {
		finding.Fix.Text = fmt.Sprintf("Make a ServiceEntry with host %s itself and a port of protocol GRPC.", destination.Host)
	}
	return finding
}

// destinationFix names the one Service that can be meant. It is safe where that Service has the route's port and is in the route's
// own namespace; another namespace has to be named by the route itself, and is asked for: whoever has a Service of that name elsewhere
// may not have the calls.
func destinationFix(p *checks.Pass, rule *host.HTTPRule, destination host.Destination, candidates []*core.Service) checks.Fix {
	if len(candidates) != 1 {
		return checks.Fix{Text: "Name an existing Service, with its full name name.namespace.svc.cluster.local where it is in another namespace."}
	}
	service := candidates[0]
	host := host.ServiceHost(service)
	isOwn := service.Namespace == rule.Holder.Namespace
	if _, rest, _ := strings.Cut(destination.Spec.Host, "."); !isOwn && rest != service.Namespace && !strings.HasPrefix(rest, service.Namespace+".") {
		return checks.Fix{Text: fmt.Sprintf("Name the Service that is meant; if it is the one in namespace %s, as %s.", service.Namespace, host)}
	}
	level := checks.Ask
	if isOwn && (checks.HasPort(service, destination.Port) || destination.Port == 0 && len(service.Spec.Ports) == 1) {
		level = checks.Safe
	}
	return checks.Fix{
		Text:  fmt.Sprintf("Name the destination %s.", host),
		Level: level,
		Changes: checks.SetField(p, rule.Holder, "the Service is in namespace "+service.Namespace, host,
			"spec", "http", fmt.Sprint(rule.Index), "route", fmt.Sprint(destination.Index), "destination", "host"),
		OnWordOf: []mesh.Key{mesh.KeyOf(service)},
	}
}
