package route

import (
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// subsetIndex finds the DestinationRules that define a subset of a host.
type subsetIndex struct {
	byHost    map[string][]*networking.DestinationRule
	wildcards []*networking.DestinationRule
}

func indexSubsets(p *checks.Pass) *subsetIndex {
	index := &subsetIndex{byHost: map[string][]*networking.DestinationRule{}}
	for _, rule := range p.DestinationRules().All() {
		host := host.ResolveHost(rule.Spec.Host, rule.Namespace)
		if strings.HasPrefix(host, "*") {
			index.wildcards = append(index.wildcards, rule)
		} else {
			index.byHost[host] = append(index.byHost[host], rule)
		}
	}
	return index
}

// defining are the DestinationRules anywhere that define the subset for the host, visible or not.
func (x *subsetIndex) defining(name, subset string) []*networking.DestinationRule {
	var defining []*networking.DestinationRule
	for _, rule := range slices.Concat(x.byHost[name], x.wildcards) {
		isThis := func(s *networkingapi.Subset) bool { return s.GetName() == subset }
		if host.HostSubsetOf(name, host.ResolveHost(rule.Spec.Host, rule.Namespace)) && slices.ContainsFunc(rule.Spec.Subsets, isThis) {
			defining = append(defining, rule)
		}
	}
	return defining
}

// hiddenFrom are those of the rules that a gateway's namespace would use, were they exported to it: they stand in the
// Service's namespace or the root namespace. A rule with a workloadSelector is for its own namespace, whatever its exportTo.
func hiddenFrom(p *checks.Pass, gatewayNamespace, serviceNamespace string, rules []*networking.DestinationRule) []*networking.DestinationRule {
	var hidden []*networking.DestinationRule
	for _, rule := range rules {
		looked := rule.Namespace == serviceNamespace || rule.Namespace == proxy.RootNamespace(p.Snapshot)
		if looked && rule.Spec.GetWorkloadSelector() == nil && !host.DestinationRuleVisibleTo(p.Snapshot, rule, gatewayNamespace) {
			hidden = append(hidden, rule)
		}
	}
	return hidden
}

// serviceNamespaceOf is the namespace in which proxies look for rules of the destination's host.
func serviceNamespaceOf(p *checks.Pass, destination host.Destination) string {
	if _, namespace, ok := host.SplitServiceHost(destination.Host); ok {
		return namespace
	}
	if entries := host.ServiceEntriesByHost(p.Snapshot, destination.Host); len(entries) > 0 {
		return entries[0].Namespace
	}
	return ""
}

// isRuleForMeshOnly reports whether no gateway gets the rule, only callers' proxies: its VirtualService is bound to mesh alone, or its
// matches name nothing else.
func isRuleForMeshOnly(rule *host.HTTPRule) bool {
	if isBoundToMeshOnly(rule.Root) {
		return true
	}
	return len(rule.Spec.Match) > 0 && !slices.ContainsFunc(rule.Spec.Match, func(match *networkingapi.HTTPMatchRequest) bool {
		return len(match.GetGateways()) == 0 || slices.ContainsFunc(match.GetGateways(), isNotMesh)
	})
}

func isBoundToMeshOnly(vs *networking.VirtualService) bool {
	return !slices.ContainsFunc(vs.Spec.Gateways, isNotMesh)
}

func isNotMesh(gateway string) bool { return gateway != host.MeshGateway }

// noClusterSymptom is what callers see of a rule whose cluster does not exist, by the proxies that have the rule.
func noClusterSymptom(rule *host.HTTPRule) string {
	if isRuleForMeshOnly(rule) {
		return "UNAVAILABLE: the route leads to a cluster that the callers' proxies do not have, and they answer 503"
	}
	return symptomNoCluster
}
