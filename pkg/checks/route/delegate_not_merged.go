package route

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var delegateNotMerged = &checks.Check{
	ID:     "GX516",
	Slug:   "delegate-not-merged",
	Levels: []checks.Level{checks.Error},
	Title:  "A rule delegates to a VirtualService that is not merged into it",
	What: "Finds rules with a `delegate` that does not exist, that has `hosts` or `gateways` of its own, or that has rules whose matches are not within " +
		"those of the rule that delegates.",
	Why: "istiod puts the rules of a delegate in the place of the rule that names it. A VirtualService with hosts is no delegate, and the namespace of a " +
		"delegate is that of the VirtualService that names it unless it says another. What cannot be merged is left out without a word.",
	Client: "UNIMPLEMENTED: the gateway has no route for the call and answers 404, unless a later rule takes it.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /shop.Orders/}}]
    delegate: {name: orders-routes}
`) + exampleDelegate("hosts: [orders.shop.svc.cluster.local]\n  "),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /shop.Orders/}}]
    delegate: {name: orders-routes}
`) + exampleDelegate(""),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run:      runDelegateNotMerged,
}

func exampleDelegate(hosts string) string {
	return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders-routes, namespace: shop}
spec:
  ` + hosts + `http:
  - route: [{destination: {host: orders, port: {number: 8000}}}]
`
}

func runDelegateNotMerged(p *checks.Pass) {
	merged := map[delegateRule]bool{}
	roots := map[*networking.VirtualService]delegation{}
	for _, root := range p.VirtualServices().All() {
		if host.IsDelegate(root) {
			continue
		}
		for _, rule := range host.HTTPRules(p.Snapshot, root) {
			merged[delegateRule{rule.Holder, rule.Index}] = true
		}
		for i := range root.Spec.Http {
			if root.Spec.Http[i].GetDelegate() == nil {
				continue
			}
			of := delegation{root, i}
			delegate, there := p.VirtualServices().Get(of.key().Namespace, of.key().Name)
			switch {
			case !there:
				reportMissingDelegate(p, of)
			case !host.IsDelegate(delegate) || len(delegate.Spec.Gateways) > 0:
				reportNoDelegate(p, of, delegate)
			case host.VirtualServiceVisibleTo(p.Snapshot, delegate, root.Namespace): // GX513 is about the others
				if _, known := roots[delegate]; !known {
					roots[delegate] = of
				}
			}
		}
	}
	for _, delegate := range p.VirtualServices().All() {
		of, delegated := roots[delegate]
		if !delegated {
			continue
		}
		for i := range delegate.Spec.Http {
			// Of a delegate of several roots each takes what is within its own matches.
			if delegate.Spec.Http[i] != nil && !merged[delegateRule{delegate, i}] {
				reportOutside(p, of, delegate, i)
			}
		}
	}
}

// delegation is a rule of a root that delegates.
type delegation struct {
	root  *networking.VirtualService
	index int
}

// delegateRule is one rule of a delegate.
type delegateRule struct {
	holder *networking.VirtualService
	index  int
}

func (d delegation) key() mesh.Key {
	delegate := d.root.Spec.Http[d.index].GetDelegate()
	key := mesh.Key{Kind: mesh.KindVirtualService, Namespace: delegate.GetNamespace(), Name: delegate.GetName()}
	if key.Namespace == "" {
		key.Namespace = d.root.Namespace
	}
	return key
}

func (d delegation) path() plan.Path { return httpField(d.index, "delegate") }

// relevance is that of the rules of a delegate, if it is there, else of what else shows where the calls are to go.
func (d delegation) relevance(p *checks.Pass, delegate *networking.VirtualService) checks.Relevance {
	rule := d.root.Spec.Http[d.index]
	if _, ok := host.MatchesMethod(rule.Match); ok {
		return checks.CertainGRPC
	}
	if exposure.MatchesPlainHTTP(rule) {
		return checks.PlainHTTP
	}
	if delegate == nil {
		return p.LostRelevance(d.root)
	}
	most := checks.PlainHTTP
	for i, sub := range delegate.Spec.Http {
		if sub != nil {
			most = max(most, p.RuleRelevance(&host.HTTPRule{Root: d.root, Holder: delegate, Index: i, RootIndex: d.index, Spec: sub}))
		}
	}
	return most
}

func reportMissingDelegate(p *checks.Pass, of delegation) {
	relevance := of.relevance(p, nil)
	key := of.key()
	if !p.LostInScope(relevance) || !p.Missing(mesh.KindVirtualService, key.Namespace, key.Name) {
		return
	}
	finding := checks.Finding{
		Object: of.root, Path: of.path(), Level: p.LevelFor(relevance, checks.Error),
		Message: fmt.Sprintf("%s delegates to VirtualService %s/%s, which does not exist: istiod leaves the rule out.", ruleText(of.root, of.index), key.Namespace, key.Name),
		Symptom: symptomNoRoute,
		Fix:     checks.Fix{Text: "Name a VirtualService without hosts, with its namespace where that is another than the root's."},
	}
	if of.root.Spec.Http[of.index].GetDelegate().GetNamespace() == "" {
		finding.Evidence = append(finding.Evidence, "without a namespace the delegate is looked for in "+of.root.Namespace+", where this VirtualService is")
	}
	var named []*networking.VirtualService
	for _, vs := range p.VirtualServices().All() {
		if vs.Name == key.Name && host.IsDelegate(vs) && host.VirtualServiceVisibleTo(p.Snapshot, vs, of.root.Namespace) {
			named = append(named, vs)
			finding.Evidence = append(finding.Evidence, "there is "+mesh.KeyOf(vs).String())
		}
	}
	// Whether rules with matches of their own are within those of the root is not known before they are merged.
	if len(named) == 1 && !slices.ContainsFunc(named[0].Spec.Http, func(rule *networkingapi.HTTPRoute) bool { return len(rule.GetMatch()) > 0 }) {
		namespace := named[0].Namespace
		finding.Fix = checks.Fix{
			Text: fmt.Sprintf("Set the namespace of the delegate to %s.", namespace), Level: checks.Ask,
			Changes:  checks.SetField(p, of.root, "the delegate is in namespace "+namespace, namespace, append(of.path(), "namespace")...),
			OnWordOf: []mesh.Key{mesh.KeyOf(named[0])},
		}
	}
	p.Report(finding)
}

// reportNoDelegate is about a VirtualService that istiod does not take for a delegate, or whose webhook refuses as one.
// Source: Istio's pilot/pkg/model/virtualservice_controller.go (delegateVirtualServices), pkg/config/validation/validation.go
// (validateVirtualService).
func reportNoDelegate(p *checks.Pass, of delegation, delegate *networking.VirtualService) {
	relevance := of.relevance(p, delegate)
	if !p.InScope(relevance) {
		return
	}
	what, does := "hosts", "istiod takes it for one of its own and leaves the rule out"
	if host.IsDelegate(delegate) {
		what, does = "gateways", "istiod's webhook refuses it"
	}
	p.Report(checks.Finding{
		Object: of.root, Path: of.path(), Level: p.LevelFor(relevance, checks.Error),
		Message:  fmt.Sprintf("%s delegates to %s, which has %s of its own: %s.", ruleText(of.root, of.index), mesh.KeyOf(delegate), what, does),
		Evidence: []string{"a delegate has neither hosts nor gateways: those of the VirtualService that names it count"},
		Symptom:  symptomNoRoute,
		Fix:      checks.Fix{Text: fmt.Sprintf("Remove hosts and gateways from %s, or write its routes into a VirtualService without them.", mesh.KeyOf(delegate))},
	})
}

// reportOutside is about a rule of a delegate that no root takes.
// Source: Istio's pilot/pkg/model/virtualservice.go (MergeHTTPRoutes, mergeHTTPMatchRequests).
func reportOutside(p *checks.Pass, of delegation, delegate *networking.VirtualService, index int) {
	sub := delegate.Spec.Http[index]
	relevance := p.RuleRelevance(&host.HTTPRule{Root: of.root, Holder: delegate, Index: index, RootIndex: of.index, Spec: sub})
	if !p.InScope(relevance) {
		return
	}
	finding := checks.Finding{
		Object: delegate, Path: httpField(index, "match"), Level: p.LevelFor(relevance, checks.Error),
		Message: fmt.Sprintf("%s asks for more than %s, which delegates to it: istiod leaves the rule out.", ruleText(delegate, index), ruleText(of.root, of.index)),
		Symptom: symptomNoRoute,
		Fix:     checks.Fix{Text: "Give the rule matches that are within those of the rule that delegates, or none."},
	}
	if sub.GetDelegate() != nil {
		finding.Path = httpField(index, "delegate")
		finding.Message = fmt.Sprintf("%s delegates again, which a delegate may not: istiod leaves the rule out.", ruleText(delegate, index))
		finding.Fix.Text = "Write the routes themselves into the delegate."
	}
	for _, match := range of.root.Spec.Http[of.index].GetMatch() {
		if uri := match.GetUri(); uri != nil {
			finding.Evidence = append(finding.Evidence, "the rule that delegates matches "+matchText(uri))
		}
	}
	finding.Evidence = slices.Compact(finding.Evidence)
	p.Report(finding)
}
