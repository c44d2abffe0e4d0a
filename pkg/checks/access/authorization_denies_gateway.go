package access

import (
	"fmt"
	"slices"

	securityapi "istio.io/api/security/v1beta1"
	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var authorizationDeniesGateway = &checks.Check{
	ID:     "GX701",
	Slug:   "authorization-denies-gateway",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "AuthorizationPolicies let no call of the gateway in",
	What: "The AuthorizationPolicies of the pods behind a routed port let no call of the gateway reach it: there are ALLOW policies and none of " +
		"their rules can match, or a DENY policy matches every call.",
	Why: "As soon as one ALLOW policy applies to a pod, what none of them matches is refused; a policy without rules matches nothing. To the pods " +
		"the caller is the gateway, by the service account and namespace of its pods, and only where mutual TLS is in force. `ports` are those " +
		"of the pods, not of the Service. Before pods in ambient mode stands ztunnel: the gateway's calls do not go through a waypoint unless the " +
		"Service says `istio.io/ingress-use-waypoint`, and ztunnel leaves out ALLOW rules that ask for something of HTTP.",
	Client: "PERMISSION_DENIED: RBAC: access denied; UNAVAILABLE where ztunnel refuses the connection.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - from: [{source: {namespaces: [shop]}}]
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - from: [{source: {namespaces: [shop, istio-system]}}]
`,
	Reads:    checks.PolicyReads(mesh.KindAuthorizationPolicy),
	Consults: checks.PolicyConsults(),
	Since:    "v0.1.0",
	Run:      runAuthorizationDeniesGateway,
}

func runAuthorizationDeniesGateway(p *checks.Pass) {
	reported := map[*security.AuthorizationPolicy]bool{}
	for _, access := range accesses(p) {
		for _, gateway := range exposure.GatewaysTo(p.Snapshot, access.port) {
			for _, policy := range refusals(p, access, access.callFrom(p, gateway)) {
				if !reported[policy] {
					reported[policy] = true
					reportRefusal(p, access, gateway, policy)
				}
			}
		}
	}
}

// refusals are the policies because of which no such call is let in.
func refusals(p *checks.Pass, a access, call policy.Call) []*security.AuthorizationPolicy {
	denying := slices.DeleteFunc(a.of(securityapi.AuthorizationPolicy_DENY), func(rule *security.AuthorizationPolicy) bool {
		return policy.Matches(p.Snapshot, rule, call) != policy.Always
	})
	if len(denying) > 0 {
		return denying
	}
	if a.letsNothingIn(p, call) && noOtherPolicy(p, a.backend.Namespace) {
		return a.of(securityapi.AuthorizationPolicy_ALLOW)
	}
	return nil
}

// noOtherPolicy reports whether all policies which may apply in the namespace are known.
func noOtherPolicy(p *checks.Pass, namespace string) bool {
	return p.Missing(mesh.KindAuthorizationPolicy, namespace, "") && p.Missing(mesh.KindAuthorizationPolicy, proxy.RootNamespace(p.Snapshot), "")
}

func reportRefusal(p *checks.Pass, a access, gateway *proxy.GatewayWorkload, found *security.AuthorizationPolicy) {
	call := a.callFrom(p, gateway)
	finding := checks.Finding{
		Level:    checks.ErrorUnlessWeak(a.port),
		Object:   found,
		Path:     plan.PathOf("spec", "rules"),
		Evidence: []string{identityText(gateway, call)},
		Symptom:  "PERMISSION_DENIED: RBAC: access denied",
		Fix:      checks.Fix{Text: remedy(p, a, gateway, found)},
	}
	if call.Ztunnel {
		finding.Symptom = "UNAVAILABLE: ztunnel refuses the connection"
		finding.Evidence = append(finding.Evidence,
			"the pods are in ambient mode: ztunnel holds the policy against the gateway's connection, which does not go through a waypoint")
	}
	where := fmt.Sprintf("port %d of %s", a.backend.Port, a.backend)
	switch {
	case found.Spec.GetAction() == securityapi.AuthorizationPolicy_DENY:
		finding.Message = fmt.Sprintf("The policy denies every call of %s to %s.", checks.GatewayText(gateway), where)
		for i, rule := range found.Spec.GetRules() {
			if policy.MatchesRule(p.Snapshot, found, rule, call) == policy.Always {
				finding.Path = plan.PathOf("spec", "rules", i)
				finding.Evidence = append(finding.Evidence, whyMet(p, found, i, call)...)
				if asksForVerb(rule) {
					finding.Evidence = append(finding.Evidence, "gRPC is always POST")
				}
				break
			}
		}
	case len(found.Spec.GetRules()) == 0:
		finding.Path = plan.PathOf("spec")
		finding.Message = fmt.Sprintf("The policy allows nothing (it has no rules), and no other lets %s in to %s.", checks.GatewayText(gateway), where)
	default:
		finding.Message = fmt.Sprintf("No rule of this policy, nor of another ALLOW policy, lets %s in to %s.", checks.GatewayText(gateway), where)
		finding.Evidence = append(finding.Evidence, whyUnmet(p, a, gateway, found)...)
	}
	p.Report(finding)
}

// asksForVerb reports whether a rule names HTTP verbs.
func asksForVerb(rule *securityapi.Rule) bool {
	return slices.ContainsFunc(rule.GetTo(), func(to *securityapi.Rule_To) bool { return len(to.GetOperation().GetMethods()) > 0 })
}
