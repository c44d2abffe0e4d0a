package route

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var nonGRPCAction = &checks.Check{
	ID:     "GX515",
	Slug:   "non-grpc-action",
	Levels: []checks.Level{checks.Warning},
	Title:  "A rule answers gRPC calls in the manner of HTTP",
	What: "Finds `redirect` and `directResponse` on rules that gRPC calls come to, and `fault.abort` with `httpStatus` on rules that lead to " +
		"an exposed port. A rule for another path or method is none of them, nor is a last rule for what nothing else took, or a redirect of " +
		"plaintext calls to the server that takes the host with TLS.",
	Why: "gRPC clients follow no redirects and read no status but that of gRPC, which they guess from the HTTP status where it is missing. " +
		"`fault.abort.grpcStatus` says what is meant.",
	Client: "UNKNOWN for a redirect; for a status the code that gRPC maps it to, as UNAVAILABLE for 503.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    redirect: {authority: orders.example.org}
  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {exact: /}, method: {exact: GET}}]
    redirect: {authority: www.example.org}
  - fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, vs := range p.VirtualServices().All() {
			if !host.IsDelegate(vs) {
				judgeActions(p, vs)
			}
		}
	},
}

func judgeActions(p *checks.Pass, vs *networking.VirtualService) {
	gRPC := p.VirtualServiceInScope(vs)
	on := whereListening(p, vs)
	routed := false
	for _, rule := range rulesServed(p, vs) {
		ports, leads := carriesGRPC(p, rule)
		action, field := answerOf(rule.Spec)
		switch {
		case action != "":
			if takesGRPC(rule, on, gRPC && !routed) {
				reportAction(p, rule, action, field)
			}
		case leads && abortsWithHTTP(rule.Spec):
			reportAbort(p, rule, ports)
		}
		routed = routed || leads && action == ""
	}
}

// answerOf says how a rule answers calls itself.
func answerOf(rule *networkingapi.HTTPRoute) (action, field string) {
	switch {
	case rule.GetRedirect() != nil:
		return "redirects calls", "redirect"
	case rule.GetDirectResponse() != nil:
		return fmt.Sprintf("answers calls with HTTP status %d", rule.DirectResponse.GetStatus()), "directResponse"
	default:
		return "", ""
	}
}

// abortsWithHTTP reports whether some calls are ended with an HTTP status; without a percentage none are.
// Source: Istio's pilot/pkg/networking/core/route/route.go (TranslateFault).
func abortsWithHTTP(rule *networkingapi.HTTPRoute) bool {
	abort := rule.GetFault().GetAbort()
	return abort.GetHttpStatus() != 0 && abort.GetPercentage().GetValue() > 0
}

// takesGRPC reports whether a rule without destinations takes gRPC calls: one of its matches is for a gRPC service, or, where all
// lets it, for everything.
func takesGRPC(rule *host.HTTPRule, on listening, all bool) bool {
	if len(rule.Spec.Match) == 0 {
		return all
	}
	for _, match := range rule.Spec.Match {
		if _, reason := neverMet(match, rule.Holder.Namespace, on, false); reason != "" || sendsToTLS(rule, match, on) {
			continue
		}
		path := match.GetUri().GetExact() + match.GetUri().GetPrefix() + match.GetUri().GetRegex()
		everything := (path == "" || path == "/") && len(match.Headers) == 0 && len(match.WithoutHeaders) == 0
		if host.IsMethodPath(path) || all && everything {
			return true
		}
	}
	return false
}

// sendsToTLS reports whether a match is for plaintext calls only, and the rule sends them to the server that takes the host with TLS:
// the same as httpsRedirect, of which GX409 speaks where there is no such server.
func sendsToTLS(rule *host.HTTPRule, match *networkingapi.HTTPMatchRequest, on listening) bool {
	secure := func(l listener) bool { return l.scheme == "https" }
	if rule.Spec.GetRedirect().GetScheme() != "https" || !slices.ContainsFunc(on.servers, secure) {
		return false
	}
	reaching := on.forMatch(match, rule.Holder.Namespace)
	return !reaching.mesh && !slices.ContainsFunc(reaching.servers, func(l listener) bool {
		return l.meets(match) && secure(l)
	})
}

func reportAction(p *checks.Pass, rule *host.HTTPRule, action, field string) {
	vs, index := writtenIn(rule, func(r *networkingapi.HTTPRoute) bool {
		own, _ := answerOf(r)
		return own != ""
	})
	finding := checks.Finding{
		Object:  vs,
		Path:    httpField(index, field),
		Message: fmt.Sprintf("%s %s, which is no answer to a gRPC client.", ruleText(vs, index), action),
		Symptom: "UNKNOWN: clients do not follow redirects",
		Fix:     checks.Fix{Text: "Route the calls, answer them with fault.abort.grpcStatus, or narrow the rule to what browsers ask for."},
	}
	if rule.Spec.GetDirectResponse() != nil {
		finding.Symptom = statusSymptom(int32(rule.Spec.DirectResponse.GetStatus()))
	}
	p.Report(finding)
}

func reportAbort(p *checks.Pass, rule *host.HTTPRule, ports []*exposure.ExposedPort) {
	vs, index := writtenIn(rule, func(r *networkingapi.HTTPRoute) bool { return r.GetFault() != nil })
	status := rule.Spec.Fault.Abort.GetHttpStatus()
	p.Report(checks.Finding{
		Object:   vs,
		Path:     httpField(index, "fault"),
		Message:  fmt.Sprintf("%s aborts calls with HTTP status %d, which is no answer to a gRPC client.", ruleText(vs, index), status),
		Evidence: append([]string{"the rule leads to " + behindText(ports)}, behindEvidence(ports)...),
		Symptom:  statusSymptom(status),
		Fix:      checks.Fix{Text: "Give the abort a grpcStatus in place of httpStatus, or take the fault out."},
	})
}

// statusSymptom follows gRPC's mapping of HTTP statuses to codes.
func statusSymptom(status int32) string {
	switch status {
	case 400:
		return "INTERNAL: gRPC's code for status 400"
	case 401:
		return "UNAUTHENTICATED: gRPC's code for status 401"
	case 403:
		return "PERMISSION_DENIED: gRPC's code for status 403"
	case 404:
		return "UNIMPLEMENTED: gRPC's code for status 404"
	case 429, 502, 503, 504:
		return fmt.Sprintf("UNAVAILABLE: gRPC's code for status %d", status)
	default:
		return fmt.Sprintf("UNKNOWN: gRPC has no code for status %d", status)
	}
}
