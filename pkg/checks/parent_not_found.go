package checks

import (
	"fmt"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var parentNotFound = &Check{
	ID:     "GX801",
	Slug:   "parent-not-found",
	Levels: []Level{Error, Warning},
	Title:  "A route's parent Gateway or listener does not exist",
	What: "A `parentRef` of a GRPCRoute (or of an HTTPRoute to an exposed port) names a Gateway that does not exist, or a `sectionName` or " +
		"`port` that none of its listeners has.",
	Why:    "A parentRef without `namespace` means the route's own namespace. A route whose parent is not found is attached to nothing.",
	Client: "UNIMPLEMENTED (the gateway answers 404), or UNAVAILABLE where there is no listener.",
	Bad: exampleShopServer + exampleShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: grpcs}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good: exampleShopServer + exampleShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
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

func runParentNotFound(p *Pass) {
	for _, route := range p.APIRoutes() {
		of := p.apiRouteRelevance(route)
		if !p.speaksOfLost(of) {
			continue
		}
		for _, parent := range p.GatewayParents(route) {
			finding := Finding{Object: route.Object, Level: p.levelFor(of, Error), Symptom: routeNotServed}
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
			p.Report(finding)
		}
	}
}

// gatewaysNamed hints at Gateways with the name in other namespaces.
func gatewaysNamed(p *Pass, parent mesh.RouteParent) []string {
	var hints []string
	for _, gateway := range p.KubernetesGateways().All() {
		if gateway.Name == parent.Name {
			hints = append(hints, fmt.Sprintf("there is a Gateway %s in namespace %s", gateway.Name, gateway.Namespace))
		}
	}
	return hints
}

func listenerNotFound(parent mesh.RouteParent) (path, message string) {
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

func listenerNames(parent mesh.RouteParent) []string {
	names := []string{}
	for _, listener := range parent.Gateway.Spec.Listeners {
		names = append(names, fmt.Sprintf("%s (port %d)", listener.Name, listener.Port))
	}
	return names
}
