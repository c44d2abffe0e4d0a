package gatewayapi

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var parentNotFound = &checks.Check{
	ID:     "GX801",
	Slug:   "parent-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A route's parent Gateway or listener does not exist",
	What: "A `parentRef` of a GRPCRoute (or of an HTTPRoute to an exposed port) names a Gateway that does not exist, or a `sectionName` or " +
		"`port` that none of its listeners has; or a Gateway of Istio's own API, which takes no such routes.",
	Why:    "A parentRef without `namespace` means the route's own namespace. A route whose parent is not found is attached to nothing.",
	Client: "UNIMPLEMENTED (the gateway answers 404), or UNAVAILABLE where there is no listener.",
	Bad: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: grpcs}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: grpc}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Reads:    apiRouteReads,
	Consults: apiRouteConsults,
	Since:    "v0.1.0",
	Run:      runParentNotFound,
}

func runParentNotFound(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		of := p.APIRouteRelevance(route)
		if !p.LostInScope(of) {
			continue
		}
		for _, parent := range gatewayapi.GatewayParents(p.Snapshot, route) {
			finding := checks.Finding{Object: route.Object, Level: p.LevelFor(of, checks.Error), Symptom: routeNotServed}
			switch {
			case parent.Gateway == nil && p.Missing(mesh.KindKubernetesGateway, parent.Namespace, parent.Name):
				finding.Path = parentField(parent, "name")
				finding.Message = fmt.Sprintf("The parent Gateway %s/%s does not exist.", parent.Namespace, parent.Name)
				finding.Evidence = gatewaysNamed(p, parent)
				finding.Fix.Text = "Name an existing Gateway, with its namespace where that is not the route's own."
			case parent.Gateway != nil && len(parent.Listeners) == 0:
				finding.Path, finding.Message = listenerNotFound(parent)
				finding.Evidence = []string{"its listeners are " + strings.Join(listenerNames(parent), ", ")}
				finding.Fix.Text = "Name one of the Gateway's listeners, or leave sectionName and port out."
			default:
				continue
			}
			finding.Symptom += besideOtherParents(p, route, parent.Reference)
			p.Report(finding)
		}
		for i, reference := range route.Parents {
			if gatewayapi.IsIstioGatewayParent(reference) {
				p.Report(gatewayOfIstio(p, route, i, p.LevelFor(of, checks.Error)))
			}
		}
	}
}

// besideOtherParents says which calls fail where other parents take the route.
func besideOtherParents(p *checks.Pass, route *gatewayapi.APIRoute, lost gatewayv1.ParentReference) string {
	for _, parent := range gatewayapi.GatewayParents(p.Snapshot, route) {
		if parent.Attached() && !gatewayapi.SameParent(parent.Reference, lost, route.Key.Namespace) {
			return fmt.Sprintf("; calls through %s are served", takerText(parent))
		}
	}
	return ""
}

// takerText names what of a parent takes the route: the Gateway, or where the reference is to some of its listeners or not all take the
// route, the first that does.
func takerText(parent gatewayapi.RouteParent) string {
	var takers []*gatewayv1.Listener
	for _, match := range parent.Listeners {
		if match.Attachment == gatewayapi.Attached {
			takers = append(takers, match.Listener)
		}
	}
	if parent.Reference.SectionName != nil || parent.Reference.Port != nil || len(takers) < len(parent.Listeners) {
		return listenerText(parent.Gateway, takers[0])
	}
	return fmt.Sprintf("Gateway %s/%s", parent.Namespace, parent.Name)
}

// gatewayOfIstio is the finding for a reference to a Gateway of Istio's own API.
func gatewayOfIstio(p *checks.Pass, route *gatewayapi.APIRoute, index int, level checks.Level) checks.Finding {
	reference := route.Parents[index]
	named := gatewayapi.RouteParent{Name: string(reference.Name)}
	return checks.Finding{
		Object: route.Object, Level: level, Path: plan.PathOf("spec", "parentRefs", index, "group"),
		Message: fmt.Sprintf("The parent %s is a Gateway of group networking.istio.io: a %s attaches to Gateways of gateway.networking.k8s.io only.",
			reference.Name, route.Key.Kind),
		Evidence: gatewaysNamed(p, named),
		Symptom:  routeNotServed + besideOtherParents(p, route, reference),
		Fix: checks.Fix{Text: "Name a Gateway of gateway.networking.k8s.io, and leave the group out; to a Gateway of networking.istio.io calls are " +
			"routed by a VirtualService."},
	}
}

// gatewaysNamed hints at Gateways with the name in other namespaces.
func gatewaysNamed(p *checks.Pass, parent gatewayapi.RouteParent) []string {
	var hints []string
	for _, gateway := range p.KubernetesGateways().All() {
		if gateway.Name == parent.Name {
			hints = append(hints, fmt.Sprintf("there is a Gateway %s of gateway.networking.k8s.io in namespace %s", gateway.Name, gateway.Namespace))
		}
	}
	return hints
}

func listenerNotFound(parent gatewayapi.RouteParent) (path plan.Path, message string) {
	gateway := fmt.Sprintf("Gateway %s/%s", parent.Namespace, parent.Name)
	section, port := parent.Reference.SectionName, parent.Reference.Port
	switch {
	case section != nil && *section != "" && port != nil:
		return parentField(parent, "sectionName"), fmt.Sprintf("%s has no listener %q on port %d.", gateway, *section, *port)
	case section != nil && *section != "":
		return parentField(parent, "sectionName"), fmt.Sprintf("%s has no listener %q.", gateway, *section)
	case port != nil:
		return parentField(parent, "port"), fmt.Sprintf("%s has no listener on port %d.", gateway, *port)
	}
	return parentField(parent, "name"), gateway + " has no listeners."
}

func listenerNames(parent gatewayapi.RouteParent) []string {
	names := []string{}
	for _, listener := range parent.Gateway.Spec.Listeners {
		names = append(names, fmt.Sprintf("%s (port %d)", listener.Name, listener.Port))
	}
	return names
}
