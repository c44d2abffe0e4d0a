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

var httpPolicyOnTCPPort = &checks.Check{
	ID:     "GX703",
	Slug:   "http-policy-on-tcp-port",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A policy asks for HTTP on a port that the proxy takes for TCP",
	What: "An AuthorizationPolicy with HTTP fields (paths, methods, hosts, headers, request principals) applies to an exposed port that is " +
		"declared TCP, TLS or HTTPS.",
	Why: "On a TCP port the proxy sees no requests. istiod leaves rules with HTTP fields out of ALLOW policies, which then match less, and " +
		"leaves the fields out of DENY rules, which then match more.",
	Client: "UNAVAILABLE: the pods' proxies close the connection.",
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
	for _, access := range accesses(p) {
		if !access.isTCP() || access.backend.Ambient {
			continue
		}
		for _, policy := range access.of(securityapi.AuthorizationPolicy_DENY) {
			if rule := meantForRequests(p, access, policy); rule >= 0 {
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
	call.TCP = false
	return slices.IndexFunc(found.Spec.GetRules(), func(rule *securityapi.Rule) bool {
		return policy.HasHTTPFields(rule) && policy.MatchesRule(p.Snapshot, found, rule, call) > policy.Never
	})
}

// letsCallersIn reports whether ALLOW rules without HTTP fields let those in who call: the gateways, or where none does, some callers.
func letsCallersIn(p *checks.Pass, a access) bool {
	gateways := exposure.GatewaysTo(p.Snapshot, a.port)
	if len(gateways) == 0 {
		return !a.letsNothingIn(p, a.anyCall())
	}
	return !slices.ContainsFunc(gateways, func(gateway *proxy.GatewayWorkload) bool {
		return a.letsNothingIn(p, a.callFrom(p, gateway))
	})
}

func reportHTTPPolicy(p *checks.Pass, a access, policy *security.AuthorizationPolicy, rule int, effect string) {
	p.Report(checks.Finding{
		Level:  checks.ErrorUnlessWeak(a.port),
		Object: policy,
		Path:   plan.PathOf("spec", "rules", rule),
		Message: fmt.Sprintf("The rule asks for something of HTTP, but the proxies of %s take port %d for %s: %s.",
			a.backend, a.backend.Port, a.port.Protocol(), effect),
		Evidence: append([]string{fmt.Sprintf("%s of Service %s/%s is declared %s",
			checks.PortText(a.port), a.port.Service.Namespace, a.port.Service.Name, a.port.Protocol())}, checks.EvidenceOf(a.port)...),
		Symptom: "UNAVAILABLE: the connection is closed",
		Fix:     checks.Fix{Text: fmt.Sprintf("Declare %s of Service %s as gRPC; the rule then works.", checks.PortText(a.port), a.port.Service.Name)},
	})
}
