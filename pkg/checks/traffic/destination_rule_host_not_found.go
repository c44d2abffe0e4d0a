package traffic

import (
	"fmt"
	"strings"
	"sync"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var destinationRuleHostNotFound = &checks.Check{
	ID:     "GX608",
	Slug:   "destination-rule-host-not-found",
	Levels: []checks.Level{checks.Warning},
	Title:  "The DestinationRule's host is not in the mesh",
	What:   "The host of a DestinationRule is no Service and no host of a ServiceEntry.",
	Why: "A host without a dot is a Service in the rule's own namespace; any other is taken as a full name, so that `orders.shop` is not Service " +
		"`orders` in namespace `shop`. A rule for a host that is not there is kept and does nothing.",
	Client: "What the rule asks for (TLS, limits, balancing, subsets) does not happen.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders.shop
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
	Reads:    []mesh.Kind{mesh.KindDestinationRule, mesh.KindService, mesh.KindServiceEntry},
	Consults: checks.WithoutKinds(checks.RouteConsults, mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runDestinationRuleHostNotFound,
}

func runDestinationRuleHostNotFound(p *checks.Pass) {
	known, wildcards := knownHosts(p)
	called := sync.OnceValue(func() map[string]checks.Relevance { return hostsCalled(p) })
	for _, rule := range p.DestinationRules().All() {
		host := host.ResolveHost(rule.Spec.GetHost(), rule.Namespace)
		if host == "" || isKnownHost(p, host, known, wildcards) {
			continue
		}
		if of, routed := called()[host]; routed && !p.LostInScope(of) || !missingHost(p, host) {
			continue // its routes are for plain HTTP
		}
		p.Report(checks.Finding{
			Object:   rule,
			Path:     plan.PathOf("spec", "host"),
			Message:  fmt.Sprintf("No Service and no ServiceEntry has the host %s, so the rule does nothing.", host),
			Evidence: nearHosts(p, rule),
			Symptom:  "The rule's policy is not applied",
			Fix:      checks.Fix{Text: "Name the Service by its full name (name.namespace.svc.cluster.local), or delete the rule."},
		})
	}
}

// hostsCalled are the hosts that routes lead to, with what the routes have to do with gRPC.
func hostsCalled(p *checks.Pass) map[string]checks.Relevance {
	called := map[string]checks.Relevance{}
	for _, vs := range p.VirtualServices().All() {
		for _, rule := range host.HTTPRules(p.Snapshot, vs) {
			of := p.RuleRelevance(rule)
			for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				called[destination.Host] = max(called[destination.Host], of)
			}
		}
	}
	return called
}

// knownHosts are the hosts of Services and ServiceEntries, and those among them that are wildcards.
func knownHosts(p *checks.Pass) (all, wildcards []string) {
	for _, service := range p.Services().All() {
		all = append(all, host.ServiceHost(service))
	}
	for _, entry := range p.ServiceEntries().All() {
		for _, host := range entry.Spec.GetHosts() {
			all = append(all, host)
			if strings.HasPrefix(host, "*") {
				wildcards = append(wildcards, host)
			}
		}
	}
	return all, wildcards
}

// apiServerHost is the Service that every cluster has, whether or not the objects at hand include it.
const apiServerHost = "kubernetes.default.svc.cluster.local"

// isKnownHost reports whether the host is that of a Service or ServiceEntry, or as a wildcard covers one, or that a wildcard of a
// ServiceEntry covers it. Services of the multi-cluster API are not read.
func isKnownHost(p *checks.Pass, name string, known, wildcards []string) bool {
	if name == apiServerHost || strings.HasSuffix(name, ".svc.clusterset.local") || host.ServiceByHost(p.Snapshot, name) != nil || len(host.ServiceEntriesByHost(p.Snapshot, name)) > 0 {
		return true
	}
	candidates := wildcards
	if strings.HasPrefix(name, "*") {
		candidates = known
	}
	for _, other := range candidates {
		if host.HostMatches(other, name) {
			return true
		}
	}
	return false
}

func missingHost(p *checks.Pass, hostname string) bool {
	name, namespace, isService := host.SplitServiceHost(hostname)
	if strings.HasPrefix(hostname, "*") || !isService {
		name, namespace = "", ""
	}
	return p.Missing(mesh.KindService, namespace, name) && p.Missing(mesh.KindServiceEntry, "", "")
}

// nearHosts are hints: Services whose short name the host may have meant.
func nearHosts(p *checks.Pass, rule *networking.DestinationRule) []string {
	name, namespace, _ := strings.Cut(rule.Spec.GetHost(), ".")
	namespace, _, _ = strings.Cut(namespace, ".")
	if namespace != "" {
		if _, ok := p.Services().Get(namespace, name); ok {
			return []string{fmt.Sprintf("there is a Service %s in namespace %s, but a name with a dot is taken as it is", name, namespace)}
		}
	}
	for _, service := range p.Services().All() {
		if service.Name == name && service.Namespace != rule.Namespace {
			return []string{fmt.Sprintf("there is a Service %s in namespace %s", name, service.Namespace)}
		}
	}
	return nil
}
