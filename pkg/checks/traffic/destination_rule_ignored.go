package traffic

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var destinationRuleIgnored = &checks.Check{
	ID:     "GX604",
	Slug:   "destination-rule-ignored",
	Levels: []checks.Level{checks.Warning},
	Title:  "A DestinationRule has no effect on the gateway's calls",
	What: "A DestinationRule for the host of an exposed port stands in a namespace where the gateway does not look, or is the second one for " +
		"the host, so that its traffic policy (or a subset whose name the first one has) is dropped.",
	Why: "A proxy looks for DestinationRules in its own namespace, then in that of the Service, then in the root namespace, and takes the first " +
		"that has one for the host. Several rules for one host in one namespace are merged: subsets are put together, but of two traffic policies " +
		"only the older counts, unless the rules have workload selectors that differ.",
	Client: "What the rule asks for (TLS, limits, balancing, outlier detection) does not happen.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: v1
kind: Namespace
metadata: {name: policies}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: policies}
spec:
  host: orders.shop.svc.cluster.local
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders.shop.svc.cluster.local
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
`,
	Reads:    checks.PolicyReads(mesh.KindDestinationRule),
	Consults: checks.PolicyConsults(mesh.KindDestinationRule),
	Since:    "v0.1.0",
	Run:      runDestinationRuleIgnored,
}

func runDestinationRuleIgnored(p *checks.Pass) {
	served := servedHosts(p)
	for _, rule := range p.DestinationRules().All() {
		if proxy.HasSidecars(p.Snapshot, proxy.Client{Namespace: rule.Namespace}) {
			continue // its own proxies may be whom the rule is for
		}
		for _, service := range served.of(host.ResolveHost(rule.Spec.GetHost(), rule.Namespace)) {
			if reportOutOfSight(p, rule, service) {
				break
			}
		}
	}
	for _, service := range served.services {
		reportSecondRules(p, service)
	}
}

// hosts are the Services with an exposed port, by full name.
type hosts struct {
	services []*core.Service
	byName   map[string]*core.Service
}

func servedHosts(p *checks.Pass) hosts {
	served := hosts{byName: map[string]*core.Service{}}
	for _, port := range checks.PortsInScope(p) {
		name := host.ServiceHost(port.Service)
		if served.byName[name] == nil {
			served.byName[name] = port.Service
			served.services = append(served.services, port.Service)
		}
	}
	return served
}

// of are the Services that a host of a DestinationRule, a name or a wildcard, covers.
func (h hosts) of(name string) []*core.Service {
	if !strings.HasPrefix(name, "*") {
		if service := h.byName[name]; service != nil {
			return []*core.Service{service}
		}
		return nil
	}
	var covered []*core.Service
	for _, service := range h.services {
		if host.HostSubsetOf(host.ServiceHost(service), name) {
			covered = append(covered, service)
		}
	}
	return covered
}

// reportOutOfSight reports a rule in a namespace where no gateway of the Service looks.
func reportOutOfSight(p *checks.Pass, rule *networking.DestinationRule, service *core.Service) (reported bool) {
	gateways := gatewaysOfService(p, service)
	looked := []string{service.Namespace, proxy.RootNamespace(p.Snapshot)}
	for _, gateway := range gateways {
		looked = append(looked, gateway.Namespace)
	}
	if len(gateways) == 0 || slices.Contains(looked, rule.Namespace) {
		return false
	}
	slices.Sort(looked)
	p.Report(checks.Finding{
		Object: rule,
		Path:   plan.PathOf("metadata", "namespace"),
		Message: fmt.Sprintf("%s does not look for DestinationRules in namespace %s, so this one for %s has no effect there.",
			checks.UpperFirst(checks.GatewayText(gateways[0])), rule.Namespace, host.ServiceHost(service)),
		Evidence: []string{"it looks in the namespaces " + strings.Join(slices.Compact(looked), ", ")},
		Symptom:  "The rule's policy is not applied to calls from outside",
		Fix:      checks.Fix{Text: fmt.Sprintf("Move the rule into namespace %s, the Service's.", service.Namespace)},
	})
	return true
}

func gatewaysOfService(p *checks.Pass, service *core.Service) []*proxy.GatewayWorkload {
	var gateways []*proxy.GatewayWorkload
	for i := range service.Spec.Ports {
		port := &exposure.ExposedPort{Service: service, Index: i, Port: &service.Spec.Ports[i]}
		gateways = append(gateways, exposure.GatewaysTo(p.Snapshot, port)...)
	}
	return gateways
}

// reportSecondRules reports the rules that lose something to an older one for the same host.
func reportSecondRules(p *checks.Pass, service *core.Service) {
	var clients []string
	for _, client := range policy.SidecarClients(p.Snapshot, host.ServiceHost(service), service.Namespace) {
		clients = append(clients, client.Namespace)
	}
	for _, gateway := range gatewaysOfService(p, service) {
		clients = append(clients, gateway.Namespace)
	}
	slices.Sort(clients)
	for _, client := range slices.Compact(clients) {
		rules := policy.DestinationRulesFor(p.Snapshot, client, host.ServiceHost(service), service.Namespace)
		for i, merged := range rules {
			for _, rule := range merged.Rules {
				reportLost(p, service, rule, merged)
			}
			if overruled := laterRule(rules[i+1:], merged); overruled != nil {
				reportOverruled(p, service, merged, overruled)
			}
		}
	}
}

// laterRule is the rule without selector that counts instead of an earlier one without selector.
func laterRule(later []*policy.HostRule, merged *policy.HostRule) *policy.HostRule {
	if merged.Selector() != nil {
		return nil
	}
	for _, other := range slices.Backward(later) {
		if other.Selector() == nil {
			return other
		}
	}
	return nil
}

// reportLost reports what of a rule the rules before it push out.
func reportLost(p *checks.Pass, service *core.Service, rule *networking.DestinationRule, merged *policy.HostRule) {
	var lost, instead string
	var path plan.Path
	switch {
	case rule.Spec.GetTrafficPolicy() != nil && merged.PolicyFrom != rule:
		lost, instead, path = "traffic policy", mesh.KeyOf(merged.PolicyFrom).String(), plan.PathOf("spec", "trafficPolicy")
	default:
		for i, subset := range rule.Spec.GetSubsets() {
			if found, ok := merged.Subset(subset.GetName()); ok && found.From != rule {
				lost, instead = fmt.Sprintf("subset %q", subset.GetName()), mesh.KeyOf(found.From).String()
				path = plan.PathOf("spec", "subsets", i)
				break
			}
		}
	}
	if lost != "" {
		reportDropped(p, service, rule, path, lost, instead, "both rules are for this host, and their workload selectors do not tell them apart")
	}
}

func reportOverruled(p *checks.Pass, service *core.Service, merged, instead *policy.HostRule) {
	for _, rule := range merged.Rules {
		if !slices.Contains(instead.Rules, rule) {
			reportDropped(p, service, rule, plan.PathOf("spec", "host"), "whole content", mesh.KeyOf(instead.Rules[0]).String(),
				"both rules are for this host; istiod does not merge them, because their exportTo differs")
		}
	}
}

func reportDropped(p *checks.Pass, service *core.Service, rule *networking.DestinationRule, path plan.Path, lost, instead, why string) {
	p.Report(checks.Finding{
		Object:   rule,
		Path:     path,
		Message:  fmt.Sprintf("The %s of this rule has no effect on calls to %s: %s counts instead.", lost, host.ServiceHost(service), instead),
		Evidence: []string{why},
		Symptom:  "What the rule says is not applied",
		Fix:      checks.Fix{Text: fmt.Sprintf("Put what is wanted of both rules into %s.", instead)},
	})
}
