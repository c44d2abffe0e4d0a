package route

import (
	"fmt"
	"regexp"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var rewriteBreaksPath = &checks.Check{
	ID:     "GX512",
	Slug:   "rewrite-breaks-path",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A rewrite changes the path of gRPC calls",
	What: "Finds `rewrite.uri` and `rewrite.uriRegexRewrite` on rules that lead to an exposed port and change the path, unless what they " +
		"write is itself the path of a gRPC service.",
	Why: "The path of a gRPC call is the name of the method, `/package.Service/Method`. A server looks the path up among its methods and " +
		"knows no other.",
	Client: "UNIMPLEMENTED from the server, for every call of the rule.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    rewrite: {uri: /}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /shop.v1.Orders/}}]
    rewrite: {authority: orders.internal}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		eachRoute(p, func(rule *host.HTTPRule) {
			ports, ok := carriesGRPC(p, rule)
			field := rewrittenField(rule.Spec)
			if !ok || field == "" {
				return
			}
			vs, index := writtenIn(rule, func(r *networkingapi.HTTPRoute) bool { return r.GetRewrite() != nil })
			// istiod refuses a rewrite without any field.
			remove := []string{"spec", "http", fmt.Sprint(index), "rewrite"}
			if rule.Spec.Rewrite.Authority != "" {
				remove = append(remove, field)
			}
			evidence := behindEvidence(ports)
			if vs != rule.Holder {
				evidence = append(evidence, fmt.Sprintf("%s, which it delegates to, has no rewrite of its own and takes this one",
					ruleText(rule.Holder, rule.Index)))
			}
			p.Report(checks.Finding{
				Level:    p.LevelFor(p.RuleRelevance(rule), checks.Error),
				Object:   vs,
				Path:     httpField(index, "rewrite", field),
				Message:  fmt.Sprintf("%s changes the path of gRPC calls to %s.", ruleText(vs, index), behindText(ports)),
				Evidence: evidence,
				Symptom:  symptomNoPath,
				Fix: checks.Fix{
					Text:     "Delete the rewrite of the path.",
					Level:    checks.Ask,
					OnWordOf: checks.OnWordOf(ports...),
					Changes:  checks.SetField(p, vs, "gRPC servers know only the original path", nil, remove...),
				},
			})
		})
	},
}

// methodPrefix is a path, or what is written into one, that names a gRPC service.
var methodPrefix = regexp.MustCompile(`/([A-Za-z_][A-Za-z0-9_]*\.)*[A-Z][A-Za-z0-9_]*/`)

// rewrittenField is the field that changes the path of the rule's calls, empty if they keep a path that a server may know.
func rewrittenField(rule *networkingapi.HTTPRoute) string {
	rewrite := rule.GetRewrite()
	if regex := rewrite.GetUriRegexRewrite(); regex != nil {
		if methodPrefix.MatchString(regex.GetRewrite()) {
			return ""
		}
		return "uriRegexRewrite"
	}
	uri := rewrite.GetUri()
	if uri == "" {
		return ""
	}
	matches := rule.Match
	if len(matches) == 0 {
		matches = []*networkingapi.HTTPMatchRequest{nil}
	}
	for _, match := range matches {
		if !keepsMethod(replacedPart(match), uri) {
			return "uri"
		}
	}
	return ""
}

// keepsMethod reports whether a path is still that of a gRPC call when a part of it is replaced: by itself, or by a gRPC service. What
// is written before all paths makes them longer.
func keepsMethod(part, uri string) bool {
	switch {
	case part == uri:
		return true
	case part == "/":
		return false
	case strings.HasSuffix(part, "/"), part == "":
		return methodPrefix.MatchString(uri)
	default:
		return methodPrefix.MatchString(uri + "/") // the rest of the path begins with the slash
	}
}

// replacedPart is what a rewrite.uri takes the place of: the matched prefix, or the whole exact path.
// Source: Envoy's RouteAction.prefix_rewrite.
func replacedPart(match *networkingapi.HTTPMatchRequest) string {
	switch uri := match.GetUri().GetMatchType().(type) {
	case *networkingapi.StringMatch_Prefix:
		return uri.Prefix
	case *networkingapi.StringMatch_Exact:
		return uri.Exact
	case *networkingapi.StringMatch_Regex:
		return ""
	default:
		return "/"
	}
}
