package policy

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// HostRule is what istiod makes of the DestinationRules of one namespace for one host.
type HostRule struct {
	// Host is the full name, or a wildcard.
	Host string
	// Rules are those that were merged, in istiod's order; the first is the one that the others were added to.
	Rules []*networking.DestinationRule
	// PolicyFrom is the one whose trafficPolicy counts, nil if none has one.
	PolicyFrom *networking.DestinationRule
	// Subsets are all of them; of two with a name the first counts.
	Subsets []HostSubset

	exportTo map[string]bool
}

// HostSubset is a subset and where it stands.
type HostSubset struct {
	Spec  *networkingapi.Subset
	From  *networking.DestinationRule
	Index int
}

// Subset is the one of that name; ok is false where there is none.
func (r *HostRule) Subset(name string) (subset HostSubset, ok bool) {
	if r == nil {
		return HostSubset{}, false
	}
	for _, subset := range r.Subsets {
		if subset.Spec.GetName() == name {
			return subset, true
		}
	}
	return HostSubset{}, false
}

// DestinationRuleFor is the rule that a client uses for a host of a Service in that namespace, nil if none. It looks in the
// client's namespace, then in the Service's, then in the root namespace, and takes the first that has a rule for the host,
// even one that only a wildcard makes; in the root namespace a client finds only that namespace's private rules first.
// Source: Istio's pilot/pkg/model/push_context.go (destinationRule, getExportedDestinationRuleFromNamespace) and sidecar.go
// (SidecarScope.DestinationRule).
func DestinationRuleFor(s *mesh.Snapshot, client proxy.Client, host, serviceNamespace string) *HostRule {
	var withoutSelector *HostRule
	for _, rule := range DestinationRulesFor(s, client.Namespace, host, serviceNamespace) {
		selector := rule.Selector()
		if selector == nil {
			withoutSelector = rule
			continue
		}
		if rule.Rules[0].Namespace == client.Namespace && mesh.HasLabels(client.Labels, selector) {
			return rule
		}
	}
	return withoutSelector
}

// Selector are the labels of the clients that the rule is for, nil for all.
func (r *HostRule) Selector() map[string]string {
	selector := r.Rules[0].Spec.GetWorkloadSelector()
	if selector != nil && selector.GetMatchLabels() == nil {
		return map[string]string{}
	}
	return selector.GetMatchLabels()
}

// DestinationRulesFor are all rules for a host among which clients of a namespace find theirs: those with a selector and, of
// those without, the last.
func DestinationRulesFor(s *mesh.Snapshot, clientNamespace, host, serviceNamespace string) []*HostRule {
	index := destinationRules(s)
	root := proxy.RootNamespace(s)
	own := index.local[clientNamespace]
	if clientNamespace == root {
		own = index.rootPrivate
	}
	if rules := own.mostSpecific(host); len(rules) > 0 {
		return rules
	}
	for _, namespace := range []string{serviceNamespace, root} {
		var visible []*HostRule
		for _, rule := range index.exported[namespace].mostSpecific(host) {
			if len(rule.exportTo) == 0 || rule.exportTo["*"] || rule.exportTo[clientNamespace] {
				visible = append(visible, rule)
			}
		}
		if len(visible) > 0 {
			return visible
		}
	}
	return nil
}

// ExportedDestinationRules are those of a namespace, for the host itself or else the longest wildcard, among which clients of
// other namespaces find theirs: those that are exported to any of them.
func ExportedDestinationRules(s *mesh.Snapshot, namespace, host string) []*HostRule {
	return destinationRules(s).exported[namespace].mostSpecific(host)
}

// SidecarClients are the sidecars of a Service's callers, one for each choice of rules: one of the Service's own namespace, one of
// each namespace with sidecars that has rules of its own for the host, and those that a rule's workloadSelector is for.
func SidecarClients(s *mesh.Snapshot, host, serviceNamespace string) []proxy.Client {
	var clients []proxy.Client
	for _, namespace := range ruleNamespaces(s, host, serviceNamespace) {
		all := proxy.Client{Namespace: namespace}
		if namespace == serviceNamespace || proxy.HasSidecars(s, all) {
			clients = append(clients, all)
		}
		for _, rule := range DestinationRulesFor(s, namespace, host, serviceNamespace) {
			selected := proxy.Client{Namespace: namespace, Labels: rule.Selector()}
			if len(selected.Labels) > 0 && rule.Rules[0].Namespace == namespace && proxy.HasSidecars(s, selected) {
				clients = append(clients, selected)
			}
		}
	}
	return clients
}

// ruleNamespaces are a Service's own namespace and after it, by name, those that have rules for the host.
func ruleNamespaces(s *mesh.Snapshot, host, serviceNamespace string) []string {
	namespaces := []string{serviceNamespace}
	local := destinationRules(s).local
	for _, namespace := range slices.Sorted(maps.Keys(local)) {
		if namespace != serviceNamespace && len(local[namespace].mostSpecific(host)) > 0 {
			namespaces = append(namespaces, namespace)
		}
	}
	return namespaces
}

// hostRules are the rules of one namespace by host.
type hostRules struct{ exact, wildcard map[string][]*HostRule }

// mostSpecific are the rules of the host itself, else of the longest wildcard that covers it.
// Source: Istio's pilot/pkg/model/config.go (MostSpecificHostMatch).
func (r *hostRules) mostSpecific(host string) []*HostRule {
	if r == nil {
		return nil
	}
	if rules, ok := r.of(host)[host]; ok {
		return rules
	}
	suffix := strings.TrimPrefix(host, "*")
	best := ""
	for wildcard := range r.wildcard {
		if strings.HasSuffix(suffix, wildcard[1:]) && len(wildcard) > len(best) {
			best = wildcard
		}
	}
	return r.wildcard[best]
}

func (r *hostRules) of(host string) map[string][]*HostRule {
	if strings.HasPrefix(host, "*") {
		return r.wildcard
	}
	return r.exact
}

type destinationRuleIndex struct {
	local, exported map[string]*hostRules
	rootPrivate     *hostRules
}

type destinationRulesMemory struct{}

// destinationRules sorts and merges all DestinationRules as istiod does.
// Source: Istio's pilot/pkg/model/push_context.go (setDestinationRules, sortConfigBySelectorAndCreationTime).
func destinationRules(s *mesh.Snapshot) *destinationRuleIndex {
	s.Read(mesh.KindDestinationRule)
	s.Read(mesh.KindConfigMap)
	return mesh.Remember(s, destinationRulesMemory{}, func() *destinationRuleIndex {
		index := &destinationRuleIndex{local: map[string]*hostRules{}, exported: map[string]*hostRules{}, rootPrivate: newHostRules()}
		root, privateByDefault := proxy.RootNamespace(s), slices.Contains(proxy.DefaultMeshConfig(s).GetDefaultDestinationRuleExportTo(), ".")
		for _, rule := range sortedDestinationRules(s.DestinationRules().All()) {
			host := host.ResolveHost(rule.Spec.GetHost(), rule.Namespace)
			exportTo := destinationRuleExportTo(rule)
			if len(exportTo) == 0 || exportTo["*"] || exportTo["."] || exportTo[rule.Namespace] {
				entryOf(index.local, rule.Namespace).merge(rule, host, exportTo)
			}
			onlyHere := len(exportTo) == 1 && (exportTo["."] || exportTo[rule.Namespace])
			switch {
			case !onlyHere && (len(exportTo) > 0 || !privateByDefault):
				entryOf(index.exported, rule.Namespace).merge(rule, host, exportTo)
			case rule.Namespace == root:
				index.rootPrivate.merge(rule, host, exportTo)
			}
		}
		return index
	})
}

func newHostRules() *hostRules {
	return &hostRules{exact: map[string][]*HostRule{}, wildcard: map[string][]*HostRule{}}
}

func entryOf(rules map[string]*hostRules, namespace string) *hostRules {
	if rules[namespace] == nil {
		rules[namespace] = newHostRules()
	}
	return rules[namespace]
}

func sortedDestinationRules(rules []*networking.DestinationRule) []*networking.DestinationRule {
	sorted := slices.Clone(rules)
	slices.SortStableFunc(sorted, func(a, b *networking.DestinationRule) int {
		return cmp.Or(
			proxy.BoolRank(a.Spec.GetWorkloadSelector() != nil)-proxy.BoolRank(b.Spec.GetWorkloadSelector() != nil),
			mesh.CompareAge(a, b),
		)
	})
	return sorted
}

// destinationRuleExportTo is where a rule is visible; one with a workloadSelector only in its own namespace.
func destinationRuleExportTo(rule *networking.DestinationRule) map[string]bool {
	exportTo := map[string]bool{}
	if rule.Spec.GetWorkloadSelector() != nil {
		exportTo["."] = true
		return exportTo
	}
	for _, namespace := range rule.Spec.GetExportTo() {
		exportTo[namespace] = true
	}
	return exportTo
}

// merge adds a rule to those of its host: to each existing one that it may be merged with, or else as one of its own.
// Source: Istio's pilot/pkg/model/destination_rule.go (mergeDestinationRule), with ENABLE_ENHANCED_DESTINATIONRULE_MERGE.
func (r *hostRules) merge(rule *networking.DestinationRule, host string, exportTo map[string]bool) {
	byHost := r.of(host)
	separately := true
	for _, existing := range byHost[host] {
		switch {
		case maps.Equal(exportTo, existing.exportTo):
			separately = false
		case len(existing.exportTo) > 0 && containsAll(exportTo, existing.exportTo):
			separately = true
		default:
			separately = true
			continue
		}
		mine, theirs := rule.Spec.GetWorkloadSelector(), existing.Rules[0].Spec.GetWorkloadSelector()
		same := maps.Equal(mine.GetMatchLabels(), theirs.GetMatchLabels())
		if mine != nil && theirs != nil && !same {
			separately = true
			continue
		}
		if (mine == nil && theirs == nil) || (mine != nil && theirs != nil) {
			separately = false
		}
		existing.add(rule)
	}
	if separately {
		added := &HostRule{Host: host, exportTo: exportTo}
		added.add(rule)
		byHost[host] = append(byHost[host], added)
	}
}

func (r *HostRule) add(rule *networking.DestinationRule) {
	r.Rules = append(r.Rules, rule)
	if r.PolicyFrom == nil && rule.Spec.GetTrafficPolicy() != nil {
		r.PolicyFrom = rule
	}
	known := map[string]bool{}
	for _, subset := range r.Subsets {
		known[subset.Spec.GetName()] = true
	}
	for i, subset := range rule.Spec.GetSubsets() {
		if !known[subset.GetName()] {
			r.Subsets = append(r.Subsets, HostSubset{Spec: subset, From: rule, Index: i})
		}
	}
}

func containsAll(set, wanted map[string]bool) bool {
	for key := range wanted {
		if !set[key] {
			return false
		}
	}
	return true
}
