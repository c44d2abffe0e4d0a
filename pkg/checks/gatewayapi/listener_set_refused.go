package gatewayapi

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var listenerSetRefused = &checks.Check{
	ID:     "GX812",
	Slug:   "listener-set-refused",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The Gateway does not serve the listeners of a ListenerSet",
	What: "A ListenerSet on the path of gRPC calls names a Gateway that does not exist or does not admit it (`allowedListeners`), or has a listener " +
		"that conflicts with one that comes before it.",
	Why: "A Gateway admits no ListenerSets unless its `allowedListeners` say so. Of two listeners on one port with one hostname (or of protocols " +
		"that do not go together) only the first is served: the Gateway's own, then those of the older ListenerSet.",
	Client:   "UNAVAILABLE: nothing listens; UNIMPLEMENTED (404) where another listener of the port takes the calls.",
	Bad:      example.ShopServer + exampleSetGateway("") + exampleListenerSet,
	Good:     example.ShopServer + exampleSetGateway("  allowedListeners: {namespaces: {from: All}}\n") + exampleListenerSet,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindListenerSet),
	Consults: checks.WithoutKinds(apiRouteConsults, mesh.KindListenerSet),
	Since:    "v0.1.0",
	Run:      runListenerSetRefused,
}

// exampleSetGateway is a Gateway in a namespace of its own, with more lines of its spec.
func exampleSetGateway(more string) string {
	return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP}
` + more + "---\n"
}

const exampleListenerSet = `apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: shop, namespace: shop}
spec:
  parentRef: {name: edge, namespace: istio-system}
  listeners:
  - {name: grpc, port: 8000, protocol: HTTP, hostname: orders.example.com}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: shop, kind: ListenerSet}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`

func runListenerSetRefused(p *checks.Pass) {
	relevances := listenerSetsOfGRPC(p)
	for _, set := range gatewayapi.ListenerSets(p.Snapshot) {
		of, named := relevances[set.Object]
		if !named || !p.LostInScope(of.all) {
			continue
		}
		if set.Admission == gatewayapi.Admitted {
			for i, listener := range set.Listeners {
				if listener.Conflict != nil && p.LostInScope(of.ofListener(listener.Name)) {
					reportConflict(p, set, i, p.LevelFor(of.ofListener(listener.Name), checks.Error))
				}
			}
			continue
		}
		reportNotAdmitted(p, set, p.LevelFor(of.all, checks.Error))
	}
}

// setRelevance is what a ListenerSet, and each of its listeners that routes name, has to do with gRPC.
type setRelevance struct {
	all        checks.Relevance
	byListener map[gatewayv1.SectionName]checks.Relevance
}

func (r setRelevance) ofListener(name gatewayv1.SectionName) checks.Relevance {
	return r.byListener[name]
}

// listenerSetsOfGRPC are the ListenerSets that routes name, with the best that is known of these.
func listenerSetsOfGRPC(p *checks.Pass) map[*gatewayv1.ListenerSet]setRelevance {
	found := map[*gatewayv1.ListenerSet]setRelevance{}
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		for _, parent := range gatewayapi.ListenerSetParents(p.Snapshot, route) {
			if parent.Set == nil {
				continue
			}
			of, known := found[parent.Set.Object]
			if !known {
				of.byListener = map[gatewayv1.SectionName]checks.Relevance{}
			}
			relevance := p.APIRouteRelevance(route)
			of.all = max(of.all, relevance)
			for _, match := range parent.Listeners {
				of.byListener[match.Listener.Name] = max(of.byListener[match.Listener.Name], relevance)
			}
			found[parent.Set.Object] = of
		}
	}
	return found
}

func reportNotAdmitted(p *checks.Pass, set *gatewayapi.ListenerSet, level checks.Level) {
	finding := checks.Finding{
		Object: set.Object, Level: level, Path: plan.PathOf("spec", "parentRef", "name"),
		Symptom: "UNAVAILABLE: nothing listens, or UNIMPLEMENTED (404) where another listener takes the calls",
	}
	name := set.GatewayNamespace + "/" + set.GatewayName
	switch set.Admission {
	case gatewayapi.NoSuchGateway:
		if kind := set.Object.Spec.ParentRef.Kind; kind != nil && *kind != "Gateway" {
			finding.Path = plan.PathOf("spec", "parentRef", "kind")
			finding.Message = fmt.Sprintf("The parent of the ListenerSet is a %s: only a Gateway has ListenerSets.", *kind)
			finding.Fix.Text = "Name a Gateway."
			break
		}
		if !p.Missing(mesh.KindKubernetesGateway, set.GatewayNamespace, set.GatewayName) {
			return
		}
		finding.Message = fmt.Sprintf("The Gateway %s of the ListenerSet does not exist.", name)
		finding.Evidence = gatewaysNamed(p, gatewayapi.RouteParent{Name: set.GatewayName})
		finding.Fix.Text = "Name an existing Gateway, with its namespace where that is not the ListenerSet's own."
	case gatewayapi.ClassWithoutSets:
		finding.Message = fmt.Sprintf("Gateway %s has class %s, whose Gateways have no ListenerSets.", name, set.Gateway.Spec.GatewayClassName)
		finding.Fix.Text = "Name a Gateway of class istio."
	case gatewayapi.NamespaceNotAdmitted:
		if !admissionKnown(p, set) {
			return
		}
		finding.Message = fmt.Sprintf("Gateway %s admits no ListenerSets of namespace %s.", name, set.Object.Namespace)
		finding.Evidence = []string{allowedListenersText(set.Gateway)}
		finding.Fix = admitNamespace(p, set)
	default:
		return
	}
	p.Report(finding)
}

// admissionKnown reports whether a selector for namespaces was held against the namespace as it is.
func admissionKnown(p *checks.Pass, set *gatewayapi.ListenerSet) bool {
	allowed := set.Gateway.Spec.AllowedListeners
	if allowed == nil || allowed.Namespaces == nil || allowed.Namespaces.Selector == nil {
		return true
	}
	_, there := p.Namespaces().Get("", set.Object.Namespace)
	return there || p.Missing(mesh.KindNamespace, "", set.Object.Namespace)
}

func allowedListenersText(gateway *gatewayv1.Gateway) string {
	allowed := gateway.Spec.AllowedListeners
	switch {
	case allowed == nil || allowed.Namespaces == nil || allowed.Namespaces.From == nil:
		return "it has no allowedListeners, and then admits none"
	case allowed.Namespaces.Selector != nil && *allowed.Namespaces.From == gatewayv1.NamespacesFromSelector:
		return fmt.Sprintf("its allowedListeners select namespaces by %q", metav1.FormatLabelSelector(allowed.Namespaces.Selector))
	}
	return fmt.Sprintf("its allowedListeners are from: %s", *allowed.Namespaces.From)
}

// admitNamespace admits ListenerSets of the namespace, and of the Gateway's own; a selector that is there is left to its owner.
func admitNamespace(p *checks.Pass, set *gatewayapi.ListenerSet) checks.Fix {
	fix := checks.Fix{Text: fmt.Sprintf("Admit ListenerSets of namespace %s in the allowedListeners of Gateway %s/%s.",
		set.Object.Namespace, set.GatewayNamespace, set.GatewayName)}
	allowed := set.Gateway.Spec.AllowedListeners
	if allowed != nil && allowed.Namespaces != nil && allowed.Namespaces.Selector != nil {
		return fix
	}
	fix.Level = checks.Ask
	fix.Changes = checks.SetField(p, set.Gateway, fmt.Sprintf("the Gateway is to admit ListenerSet %s/%s", set.Object.Namespace, set.Object.Name),
		map[string]any{
			"from": string(gatewayv1.NamespacesFromSelector),
			"selector": map[string]any{"matchExpressions": []any{map[string]any{
				"key": "kubernetes.io/metadata.name", "operator": "In", "values": []any{set.GatewayNamespace, set.Object.Namespace},
			}}},
		}, "spec", "allowedListeners", "namespaces")
	return fix
}

func reportConflict(p *checks.Pass, set *gatewayapi.ListenerSet, index int, level checks.Level) {
	listener := set.Listeners[index]
	first := fmt.Sprintf("listener %q of Gateway %s/%s", listener.Conflict.Name, set.GatewayNamespace, set.GatewayName)
	why := "the Gateway's own listeners come first"
	if listener.Conflict.Set != nil {
		first = fmt.Sprintf("listener %q of ListenerSet %s/%s", listener.Conflict.Name, listener.Conflict.Set.Namespace, listener.Conflict.Set.Name)
		why = "of two ListenerSets the older one comes first, then the one that is first by name"
	}
	p.Report(checks.Finding{
		Object: set.Object, Level: level, Path: plan.PathOf("spec", "listeners", index),
		Message:  fmt.Sprintf("Listener %q is not served: %s comes first, and has the same port %d and hostname, or a protocol that does not go with this one's.", listener.Name, first, listener.Port),
		Evidence: []string{why, fmt.Sprintf("the protocols are %s and %s", listener.Conflict.Protocol, listener.Protocol)},
		Symptom:  "UNIMPLEMENTED: the listener that is served has no such route, or UNAVAILABLE where it is no listener of HTTP",
		Fix:      checks.Fix{Text: "Give the listener a hostname or port of its own, or attach the route to the listener that is served."},
	})
}
