package access

import (
	"fmt"
	"slices"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var policyLeavesWaypointOut = &checks.Check{
	ID:     "GX707",
	Slug:   "policy-leaves-waypoint-out",
	Base:   "ambient",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "An ALLOW policy that ztunnel enforces leaves out the waypoint",
	What: "The pods behind an exposed port are in ambient mode and their Service uses a waypoint; an ALLOW policy for the pods (with a `selector`, " +
		"or for the namespace) names callers, and no such policy names the waypoint.",
	Why: "Calls in the mesh go to the waypoint, and from there to the pods: to the ztunnel of the pods the caller is the waypoint, by the service " +
		"account of its pods. Policies about the first caller belong on the waypoint (`targetRefs`).",
	Client:   "UNAVAILABLE: ztunnel refuses the waypoint's connection.",
	Bad:      exampleAmbientServer + exampleWaypointPolicy("cluster.local/ns/web/sa/frontend"),
	Good:     exampleAmbientServer + exampleWaypointPolicy("cluster.local/ns/shop/sa/waypoint"),
	Reads:    append(checks.PolicyReads(mesh.KindAuthorizationPolicy), mesh.KindKubernetesGateway),
	Consults: checks.PolicyConsults(mesh.KindAuthorizationPolicy, mesh.KindKubernetesGateway),
	Since:    "v0.1.0",
	Run:      runPolicyLeavesWaypointOut,
}

// exampleAmbientServer is the server in a namespace in ambient mode, with a waypoint.
var exampleAmbientServer = example.AmbientShop

func exampleWaypointPolicy(principal string) string {
	return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - from: [{source: {principals: [` + principal + `]}}]
`
}

func runPolicyLeavesWaypointOut(p *checks.Pass) {
	reported := map[*security.AuthorizationPolicy]bool{}
	for _, access := range enforcements(p) {
		use := gatewayapi.WaypointOf(p.Snapshot, access.port.Service)
		if !access.backend.Ambient || !use.InUse() || !access.letsNothingIn(p, access.callFromWaypoint(use.Gateway)) {
			continue
		}
		for _, found := range access.of(securityapi.AuthorizationPolicy_ALLOW) {
			if !reported[found] && namesMeshCallers(p, access, found) && noOtherPolicy(p, access.backend.Namespace) {
				reported[found] = true
				reportWaypointLeftOut(p, access, use.Gateway, found)
			}
		}
	}
}

// namesMeshCallers reports whether a rule lets callers in, and none of the gateways with a route to the port: these go past the waypoint.
func namesMeshCallers(p *checks.Pass, a access, found *security.AuthorizationPolicy) bool {
	gateways := exposure.GatewaysTo(p.Snapshot, a.port)
	return slices.ContainsFunc(found.Spec.GetRules(), func(rule *securityapi.Rule) bool {
		return policy.MatchesRule(p.Snapshot, found, rule, a.anyCall()) > policy.Never && !slices.ContainsFunc(gateways, func(gateway *proxy.GatewayWorkload) bool {
			return policy.MatchesRule(p.Snapshot, found, rule, a.callFrom(p, gateway)) > policy.Never
		})
	})
}

func reportWaypointLeftOut(p *checks.Pass, a access, waypoint *gatewayv1.Gateway, found *security.AuthorizationPolicy) {
	domain := proxy.DefaultMeshConfig(p.Snapshot).GetTrustDomain()
	principal := fmt.Sprintf("%s/ns/%s/sa/%s", domain, waypoint.Namespace, waypointAccount(waypoint))
	p.Report(checks.Finding{
		Level: checks.ErrorUnlessWeak(a.port), Object: found, Path: plan.PathOf("spec", "rules"),
		Message: fmt.Sprintf("The policy names callers of %s but not waypoint %s/%s, from which the calls in the mesh come: ztunnel refuses them.",
			a.backend, waypoint.Namespace, waypoint.Name),
		Evidence: []string{
			fmt.Sprintf("Service %s/%s uses the waypoint, whose calls come as ns/%s/sa/%s", a.port.Service.Namespace, a.port.Service.Name,
				waypoint.Namespace, waypointAccount(waypoint)),
			"the policy has no targetRefs, so ztunnel enforces it in front of the pods",
		},
		Symptom: "UNAVAILABLE: ztunnel refuses the waypoint's connection",
		Fix: checks.Fix{
			Text: fmt.Sprintf("Allow principal %s, and move the rules about the callers to a policy of the waypoint (targetRefs: Service %s).",
				principal, a.port.Service.Name),
			Level: checks.Ask,
			Changes: checks.Update(p, found, "the calls in the mesh come from the waypoint", func(form *unstructured.Unstructured) []plan.Edit {
				rules, _, _ := unstructured.NestedSlice(form.Object, "spec", "rules")
				rules = append(rules, map[string]any{"from": []any{map[string]any{"source": map[string]any{"principals": []any{principal}}}}})
				return []plan.Edit{plan.Set(form, rules, "spec", "rules")}
			}),
		},
	})
}
