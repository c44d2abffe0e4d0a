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
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var httpPolicyOnTCPPort = &checks.Check{
	ID:     "GX703",
	Slug:   "http-policy-on-tcp-port",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A policy asks for HTTP where the proxy sees connections only",
	What: "An AuthorizationPolicy with HTTP fields (paths, methods, hosts, headers, request principals) applies to an exposed port that is " +
		"declared TCP, TLS or HTTPS, or whose pods are in ambient mode, where ztunnel enforces policies without `targetRefs`.",
	Why: "On a TCP port the proxy sees no requests, and ztunnel never does. istiod leaves rules with HTTP fields out of ALLOW policies, which then match less, and " +
		"leaves the fields out of DENY rules, which then match more.",
	Client: "UNAVAILABLE: the connection is closed.",
	Bad: example.ShopTCPServer + example.ShopRoute + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - to: [{operation: {paths: [/shop.v1.Orders/*]}}]
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  rules:
  - to: [{operation: {paths: [/shop.v1.Orders/*]}}]
`,
	Reads:    checks.PolicyReads(mesh.KindAuthorizationPolicy),
	Consults: checks.PolicyConsults(),
	Since:    "v0.1.0",
	Run:      runHTTPPolicyOnTCPPort,
}

func runHTTPPolicyOnTCPPort(p *checks.Pass) {
	for _, access := range enforcements(p) {
		if !access.isTCP() && !access.backend.Ambient {
			continue
		}
		for _, policy := range access.of(securityapi.AuthorizationPolicy_DENY) {
			if rule := meantForRequests(p, access, policy); rule >= 0 && stillDenies(p, access, policy, rule) {
				reportHTTPPolicy(p, access, policy, rule, "its DENY rule then matches without that")
			}
		}
		if letsCallersIn(p, access) {
			continue
		}
		for _, policy := range access.of(securityapi.AuthorizationPolicy_ALLOW) {
			if rule := meantForRequests(p, access, policy); rule >= 0 {
				reportHTTPPolicy(p, access, policy, rule, "its ALLOW rule then matches nothing")
			}
		}
	}
}

// meantForRequests is the place of the first rule with HTTP fields that could match calls to the port, -1 for none.
func meantForRequests(p *checks.Pass, a access, found *security.AuthorizationPolicy) int {
	call := a.anyCall()
	call.TCP, call.Ztunnel = false, false
	return slices.IndexFunc(found.Spec.GetRules(), func(rule *securityapi.Rule) bool {
		return policy.HasHTTPFields(rule) && policy.MatchesRule(p.Snapshot, found, rule, call) > policy.Never
	})
}

// stillDenies reports whether a DENY rule matches calls without its HTTP fields. To ztunnel one that has nothing else matches nothing.
func stillDenies(p *checks.Pass, a access, found *security.AuthorizationPolicy, rule int) bool {
	return policy.MatchesRule(p.Snapshot, found, found.Spec.GetRules()[rule], a.anyCall()) > policy.Never
}

// letsCallersIn reports whether ALLOW rules without HTTP fields let those in who call: the gateways, or where none does, some callers.
func letsCallersIn(p *checks.Pass, a access) bool {
	gateways := exposure.GatewaysTo(p.Snapshot, a.port)
	use := gatewayapi.WaypointOf(p.Snapshot, a.port.Service)
	throughWaypoint := len(gateways) == 0 || gatewayapi.IngressMayUseWaypoint(p.Snapshot, a.port.Service)
	if a.backend.Ambient && use.InUse() && throughWaypoint {
		return !a.letsNothingIn(p, a.callFromWaypoint(use.Gateway))
	}
	if len(gateways) == 0 {
		return !a.letsNothingIn(p, a.anyCall())
	}
	return !slices.ContainsFunc(gateways, func(gateway *proxy.GatewayWorkload) bool {
		return a.letsNothingIn(p, a.callFrom(p, gateway))
	})
}

func reportHTTPPolicy(p *checks.Pass, a access, policy *security.AuthorizationPolicy, rule int, effect string) {
	finding := checks.Finding{
		Level:  checks.ErrorUnlessWeak(a.port),
		Object: policy,
		Path:   plan.PathOf("spec", "rules", rule),
		Message: fmt.Sprintf("The rule asks for something of HTTP, but the proxies of %s take port %d for %s: %s.",
			a.backend, a.backend.Port, a.port.Protocol(), effect),
		Evidence: append([]string{fmt.Sprintf("%s of Service %s/%s is declared %s",
			checks.PortText(a.port), a.port.Service.Namespace, a.port.Service.Name, a.port.Protocol())}, checks.EvidenceOf(a.port)...),
		Symptom: "UNAVAILABLE: the connection is closed",
		Fix:     checks.Fix{Text: fmt.Sprintf("Declare %s of Service %s as gRPC; the rule then works.", checks.PortText(a.port), a.port.Service.Name)},
	}
	if a.backend.Ambient {
		finding.Message = fmt.Sprintf("The rule asks for something of HTTP, but %s is in ambient mode, and ztunnel, which enforces the policy, sees connections only: %s.",
			a.backend, effect)
		finding.Evidence = append([]string{"the policy has no targetRefs, so ztunnel enforces it in front of the pods"}, checks.EvidenceOf(a.port)...)
		finding.Symptom = "UNAVAILABLE: ztunnel refuses the connection"
		finding.Fix.Text = fmt.Sprintf("Let the waypoint enforce the policy: targetRefs with Service %s instead of the selector; and send the gateway's calls "+
			"through the waypoint (label istio.io/ingress-use-waypoint: \"true\" on the Service).", a.port.Service.Name)
	}
	p.Report(finding)
}
