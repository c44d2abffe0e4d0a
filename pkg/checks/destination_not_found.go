package checks

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var destinationNotFound = &Check{
	ID:     "GX503",
	Slug:   "destination-not-found",
	Levels: []Level{Error, Warning},
	Title:  "A route leads to a host that does not exist",
	What: "Finds route destinations whose host is neither a Service nor a host of a ServiceEntry. A short name is a Service of the " +
		"VirtualService's own namespace; any name with a dot is taken as a full name, so `orders.shop` is not `orders` in `shop`.",
	Why: "istiod writes the route with the name of a cluster that no proxy has. It does not refuse the VirtualService, because the " +
		"Service might still be created.",
	Client: "Every call gets UNAVAILABLE: the proxy answers 503 for a cluster that does not exist.",
	Bad: routedServer + routingGateway +
		routeWith(`  - route: [{destination: {host: orders.shop, port: {number: 8000}}}]
`),
	Good: routedServer + routingGateway +
		routeWith(`  - route: [{destination: {host: orders.shop.svc.cluster.local, port: {number: 8000}}}]
`),
	Reads:    append(slices.Clone(routeReads), mesh.KindServiceEntry),
	Consults: routeConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		p.eachRoute(func(rule *host.HTTPRule) {
			of := p.ruleRelevance(rule)
			if !p.speaksOfLost(of) {
				return
			}
			for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				if destination.Service == nil && isHostMissing(p, destination.Host) {
					p.Report(destinationFinding(p, rule, destination, of))
				}
			}
		})
	},
}

func destinationFinding(p *Pass, rule *host.HTTPRule, destination host.Destination, of relevance) Finding {
	finding := Finding{
		Level:  p.levelFor(of, Error),
		Object: rule.Holder,
		Path:   httpField(rule.Index, fmt.Sprintf("route[%d].destination.host", destination.Index)),
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
	entry := wildcardEntry(p, destination.Host)
	if entry != "" {
		finding.Evidence = append(finding.Evidence, entry)
	}
	candidates := meantServices(p, written)
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
func destinationFix(p *Pass, rule *host.HTTPRule, destination host.Destination, candidates []*core.Service) Fix {
	if len(candidates) != 1 {
		return Fix{Text: "Name an existing Service, with its full name name.namespace.svc.cluster.local where it is in another namespace."}
	}
	service := candidates[0]
	host := host.ServiceHost(service)
	isOwn := service.Namespace == rule.Holder.Namespace
	if _, rest, _ := strings.Cut(destination.Spec.Host, "."); !isOwn && rest != service.Namespace && !strings.HasPrefix(rest, service.Namespace+".") {
		return Fix{Text: fmt.Sprintf("Name the Service that is meant; if it is the one in namespace %s, as %s.", service.Namespace, host)}
	}
	level := Ask
	if isOwn && (hasPort(service, destination.Port) || destination.Port == 0 && len(service.Spec.Ports) == 1) {
		level = Safe
	}
	return Fix{
		Text:  fmt.Sprintf("Name the destination %s.", host),
		Level: level,
		Changes: setField(p, rule.Holder, "the Service is in namespace "+service.Namespace, host,
			"spec", "http", fmt.Sprint(rule.Index), "route", fmt.Sprint(destination.Index), "destination", "host"),
		OnWordOf: []mesh.Key{mesh.KeyOf(service)},
	}
}
