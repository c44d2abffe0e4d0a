package gatewayapi

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var routeNotAllowed = &checks.Check{
	ID:     "GX802",
	Slug:   "route-not-allowed",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No listener of the parent takes routes of this namespace or kind",
	What: "The listeners that a GRPCRoute (or an HTTPRoute to an exposed port) names shut it out by `allowedRoutes`: by the route's namespace, or " +
		"by its kind.",
	Why: "Without `allowedRoutes.namespaces` a listener takes routes of the Gateway's own namespace only. With `kinds` it takes only those; " +
		"listeners of protocol TLS and TCP take neither GRPCRoutes nor HTTPRoutes, and a protocol GRPC, which Gateways of Istio's own API " +
		"have, there is not.",
	Client:   "UNIMPLEMENTED: the gateway answers 404.",
	Bad:      example.ShopServer + exampleInfraAPIGateway("Same") + exampleInfraRoute,
	Good:     example.ShopServer + exampleInfraAPIGateway("All") + exampleInfraRoute,
	Reads:    apiRouteReads,
	Consults: apiRouteConsults,
	Since:    "v0.1.0",
	Run:      runRouteNotAllowed,
}

// exampleInfraAPIGateway is a Gateway in a namespace of its own.
func exampleInfraAPIGateway(from string) string {
	return `apiVersion: v1
kind: Namespace
metadata: {name: infra}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec:
  gatewayClassName: istio
  listeners:
  - name: grpc
    port: 80
    protocol: HTTP
    allowedRoutes: {namespaces: {from: ` + from + `}}
---
`
}

const exampleInfraRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge, namespace: infra}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`

func runRouteNotAllowed(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		of := p.APIRouteRelevance(route)
		if !p.LostInScope(of) {
			continue
		}
		for _, parent := range routeParents(p, route) {
			if match, ok := shutOut(parent); ok && namespaceKnown(p, route, match) {
				reportShutOut(p, route, parent, match, p.LevelFor(of, checks.Error))
			}
		}
	}
}

// shutOut is the first listener that would take the route if its allowedRoutes did; ok is false where one takes it, and where
// the hostnames keep it from all.
func shutOut(parent gatewayapi.RouteParent) (first gatewayapi.ListenerMatch, ok bool) {
	if parent.Attached() {
		return gatewayapi.ListenerMatch{}, false
	}
	place := slices.IndexFunc(parent.Listeners, func(match gatewayapi.ListenerMatch) bool {
		return match.Attachment == gatewayapi.NamespaceShutOut || match.Attachment == gatewayapi.KindShutOut
	})
	if place < 0 {
		return gatewayapi.ListenerMatch{}, false
	}
	return parent.Listeners[place], true
}

// namespaceKnown reports whether a listener's selector was held against the namespace as it is.
func namespaceKnown(p *checks.Pass, route *gatewayapi.APIRoute, match gatewayapi.ListenerMatch) bool {
	if match.Attachment != gatewayapi.NamespaceShutOut || selectorOfListener(match.Listener) == nil {
		return true
	}
	_, there := p.Namespaces().Get("", route.Key.Namespace)
	return there || p.Missing(mesh.KindNamespace, "", route.Key.Namespace)
}

func selectorOfListener(listener *gatewayv1.Listener) *metav1.LabelSelector {
	if listener.AllowedRoutes == nil || listener.AllowedRoutes.Namespaces == nil || listener.AllowedRoutes.Namespaces.From == nil ||
		*listener.AllowedRoutes.Namespaces.From != gatewayv1.NamespacesFromSelector {
		return nil
	}
	return listener.AllowedRoutes.Namespaces.Selector
}

func reportShutOut(p *checks.Pass, route *gatewayapi.APIRoute, parent gatewayapi.RouteParent, match gatewayapi.ListenerMatch, level checks.Level) {
	listener := listenerText(ownerOf(parent), match.Listener)
	finding := checks.Finding{Level: level, Object: route.Object, Path: plan.PathOf("spec", "parentRefs", parent.Index)}
	finding.Symptom = routeNotServed + besideOtherParents(p, route, parent.Reference)
	selector := selectorOfListener(match.Listener)
	switch {
	case match.Attachment == gatewayapi.KindShutOut && !checks.SpeaksHTTP(match.Listener):
		finding.Message = fmt.Sprintf("Routes of kind %s are not taken by %s, whose protocol is %s.", route.Key.Kind, listener, match.Listener.Protocol)
		finding.Fix = speakHTTP(p, route, parent, match.Listener)
	case match.Attachment == gatewayapi.KindShutOut:
		finding.Message = fmt.Sprintf("Routes of kind %s are not taken by %s.", route.Key.Kind, listener)
		finding.Evidence = kindsEvidence(match.Listener)
		finding.Fix = allowKind(p, route, ownerOf(parent), match.Listener)
	case selector != nil:
		finding.Message = fmt.Sprintf("Routes of namespace %s are not taken by %s, whose selector asks for other labels.",
			route.Key.Namespace, listener)
		finding.Evidence = []string{fmt.Sprintf("its selector is %q", metav1.FormatLabelSelector(selector))}
		finding.Fix = checks.Fix{Text: fmt.Sprintf("Label namespace %s so that the selector matches, or widen the selector.", route.Key.Namespace)}
	default:
		finding.Message = fmt.Sprintf("Routes of namespace %s are not taken by %s, which takes those of its own namespace only.",
			route.Key.Namespace, listener)
		finding.Fix = allowNamespace(p, route, ownerOf(parent), match.Listener)
	}
	p.Report(finding)
}

// speakHTTP is the fix in words for a listener of a protocol that takes no such routes: another that does, or another protocol.
func speakHTTP(p *checks.Pass, route *gatewayapi.APIRoute, parent gatewayapi.RouteParent, listener *gatewayv1.Listener) checks.Fix {
	if beside := listenerBeside(p, route, parent); beside != "" {
		return checks.Fix{Text: fmt.Sprintf("Name %s in the parentRef, which takes the route.", beside)}
	}
	return checks.Fix{Text: fmt.Sprintf("Write HTTP (or HTTPS) as the protocol of %s, or add such a listener to it.",
		listenerText(ownerOf(parent), listener))}
}

func kindsEvidence(listener *gatewayv1.Listener) []string {
	evidence := []string{fmt.Sprintf("its protocol is %s", listener.Protocol)}
	for _, kind := range listener.AllowedRoutes.Kinds {
		group := gatewayv1.Group(gatewayv1.GroupName)
		if kind.Group != nil {
			group = *kind.Group
		}
		evidence = append(evidence, fmt.Sprintf("its allowedRoutes name kind %s of group %q", kind.Kind, group))
	}
	return evidence
}

// allowKind adds the route's kind to those that the listener takes.
func allowKind(p *checks.Pass, route *gatewayapi.APIRoute, owner mesh.Object, listener *gatewayv1.Listener) checks.Fix {
	kinds := []any{}
	for _, kind := range listener.AllowedRoutes.Kinds {
		allowed := map[string]any{"kind": string(kind.Kind)}
		if kind.Group != nil {
			allowed["group"] = string(*kind.Group)
		}
		kinds = append(kinds, allowed)
	}
	kinds = append(kinds, map[string]any{"kind": route.Key.Kind.Info().Kind})
	return checks.Fix{
		Text:  fmt.Sprintf("Add kind %s of group %s to the allowedRoutes of %s.", route.Key.Kind, gatewayv1.GroupName, listenerText(owner, listener)),
		Level: checks.Ask,
		Changes: checks.SetField(p, owner, fmt.Sprintf("the listener is to take %s %s/%s", route.Key.Kind, route.Key.Namespace, route.Key.Name),
			kinds, "spec", "listeners", "name="+string(listener.Name), "allowedRoutes", "kinds"),
	}
}

// allowNamespace lets the route's namespace in beside the Gateway's own.
func allowNamespace(p *checks.Pass, route *gatewayapi.APIRoute, owner mesh.Object, listener *gatewayv1.Listener) checks.Fix {
	namespaces := map[string]any{
		"from": string(gatewayv1.NamespacesFromSelector),
		"selector": map[string]any{"matchExpressions": []any{map[string]any{
			"key": "kubernetes.io/metadata.name", "operator": "In", "values": []any{owner.GetNamespace(), route.Key.Namespace},
		}}},
	}
	return checks.Fix{
		Text:  fmt.Sprintf("Let %s take routes of namespace %s too.", listenerText(owner, listener), route.Key.Namespace),
		Level: checks.Ask,
		Changes: checks.SetField(p, owner, fmt.Sprintf("the listener is to take %s %s/%s", route.Key.Kind, route.Key.Namespace, route.Key.Name),
			namespaces, plan.Path{"spec", "listeners", "name=" + string(listener.Name), "allowedRoutes", "namespaces"}...),
	}
}
