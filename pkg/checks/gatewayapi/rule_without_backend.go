package gatewayapi

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var ruleWithoutBackend = &checks.Check{
	ID:     "GX810",
	Slug:   "rule-without-backend",
	Levels: []checks.Level{checks.Error},
	Title:  "A rule of a GRPCRoute has no backend that takes calls",
	What: "A rule of a GRPCRoute has no `backendRefs`, or all of them have weight 0, or one is of a kind that Istio does not know as a backend " +
		"of gRPC calls.",
	Why: "The Gateway API demands that a gateway answers 500 to calls that a rule takes and has no backend for. A backendRef is to a Service " +
		"(or to a Hostname of networking.istio.io, or to a ServiceImport).",
	Client: "UNKNOWN (500).",
	Bad: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, port: 8000, weight: 0}]
`,
	Good:     example.ShopServer + example.ShopAPIGateway + example.ShopAPIRoute,
	Reads:    apiRouteReads,
	Consults: apiRouteConsults,
	Since:    "v0.1.0",
	Run:      runRuleWithoutBackend,
}

func runRuleWithoutBackend(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		grpc, ok := route.Object.(*gatewayv1.GRPCRoute)
		if !ok || !servedByIstio(p, route) {
			continue
		}
		of := map[int][]gatewayapi.APIBackend{}
		for _, backend := range route.Backends {
			of[backend.Rule] = append(of[backend.Rule], backend)
		}
		for i := range grpc.Spec.Rules {
			judgeBackendsOfRule(p, route, &grpc.Spec.Rules[i], i, of[i])
		}
	}
}

// servedByIstio reports whether one of the route's parents is istiod's to serve, as far as is known. A Gateway of another controller knows
// other backends.
func servedByIstio(p *checks.Pass, route *gatewayapi.APIRoute) bool {
	foreign := 0
	for _, parent := range routeParents(p, route) {
		if parent.Gateway != nil && !gatewayapi.IsIstios(p.Snapshot, parent.Gateway) {
			foreign++
		}
	}
	return foreign == 0 || foreign < len(route.Parents)
}

func judgeBackendsOfRule(p *checks.Pass, route *gatewayapi.APIRoute, rule *gatewayv1.GRPCRouteRule, index int, backends []gatewayapi.APIBackend) {
	finding := checks.Finding{
		Object: route.Object, Level: checks.Error, Path: plan.PathOf("spec", "rules", index, "backendRefs"),
		Symptom: "UNKNOWN: the gateway answers 500 to the calls that the rule takes",
		Fix:     checks.Fix{Text: "Name the Service and port that serve the calls."},
	}
	switch {
	case len(rule.BackendRefs) == 0:
		finding.Message = fmt.Sprintf("Rule %d has no backendRefs: nothing serves the calls that it takes.", index)
	case len(backends) == 0:
		finding.Message = fmt.Sprintf("All backendRefs of rule %d have weight 0: nothing serves the calls that it takes.", index)
		finding.Fix.Text = "Give a backend a weight above 0."
	default:
		for _, backend := range backends {
			if !backend.IsKnownKind() {
				finding.Path = backendField(backend, "kind")
				finding.Message = fmt.Sprintf("Istio knows no backend of kind %s for a GRPCRoute.", backendKindText(backend))
				finding.Symptom = "UNKNOWN: the gateway answers 500" + partOfCalls(route, backend)
				p.Report(finding)
			}
		}
		return
	}
	p.Report(finding)
}

func backendKindText(backend gatewayapi.APIBackend) string {
	text := "Service"
	if backend.Reference.Kind != nil {
		text = string(*backend.Reference.Kind)
	}
	if backend.Reference.Group != nil && *backend.Reference.Group != "" {
		text += " (" + string(*backend.Reference.Group) + ")"
	}
	return text
}
