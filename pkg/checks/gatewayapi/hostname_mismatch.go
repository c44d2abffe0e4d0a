package gatewayapi

import (
	"fmt"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var hostnameMismatch = &checks.Check{
	ID:     "GX803",
	Slug:   "hostname-mismatch",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The route's hostnames and the listener's do not meet",
	What: "None of the listeners that a GRPCRoute (or an HTTPRoute to an exposed port) names has a hostname in common with the route's " +
		"hostnames.",
	Why:    "A listener takes a route for the names that both cover; `*.example.com` covers any name below it, and no hostname covers all.",
	Client: "UNIMPLEMENTED: the gateway answers 404.",
	Bad: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.org]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Good: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Reads:    apiRouteReads,
	Consults: apiRouteConsults,
	Since:    "v0.1.0",
	Run:      runHostnameMismatch,
}

func runHostnameMismatch(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		of := p.APIRouteRelevance(route)
		if !p.LostInScope(of) {
			continue
		}
		for _, parent := range routeParents(p, route) {
			if !onlyHostnamesDiffer(parent) {
				continue
			}
			var evidence []string
			for _, match := range parent.Listeners {
				evidence = append(evidence, hostnameEvidence(ownerOf(parent), match))
			}
			p.Report(checks.Finding{
				Level:  p.LevelFor(of, checks.Error),
				Object: route.Object,
				Path:   plan.PathOf("spec", "hostnames"),
				Message: fmt.Sprintf("No listener of %s that the route names takes %s.",
					ownerText(ownerOf(parent)), strings.Join(route.Hostnames, ", ")),
				Evidence: evidence,
				Symptom:  routeNotServed + besideOtherParents(p, route, parent.Reference),
				Fix:      checks.Fix{Text: meetHostnames(p, route, parent)},
			})
		}
	}
}

// meetHostnames is the fix in words: another listener of the Gateway that takes the route, or other hostnames.
func meetHostnames(p *checks.Pass, route *gatewayapi.APIRoute, parent gatewayapi.RouteParent) string {
	if beside := listenerBeside(p, route, parent); beside != "" {
		return fmt.Sprintf("Name %s in the parentRef, which takes the route; or give the route a hostname that the listener covers.", beside)
	}
	return "Give the route a hostname that the listener covers, or the listener one that covers the route's."
}

func hostnameEvidence(owner mesh.Object, match gatewayapi.ListenerMatch) string {
	listener := listenerText(owner, match.Listener)
	if match.Attachment == gatewayapi.HostnamesElsewhere {
		return fmt.Sprintf("%s leaves them to a listener on port %d with a closer hostname", listener, match.Listener.Port)
	}
	return fmt.Sprintf("%s has hostname %s", listener, *match.Listener.Hostname)
}

// onlyHostnamesDiffer reports whether all listeners that the reference names have other hostnames than the route, or leave its own to
// another listener.
func onlyHostnamesDiffer(parent gatewayapi.RouteParent) bool {
	for _, match := range parent.Listeners {
		if match.Attachment != gatewayapi.HostnamesDoNotMeet && match.Attachment != gatewayapi.HostnamesElsewhere {
			return false
		}
	}
	return len(parent.Listeners) > 0
}
