package checks

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var matchNeverGRPC = &Check{
	ID:     "GX511",
	Slug:   "match-never-grpc",
	Levels: []Level{Error, Warning},
	Title:  "A match that no gRPC call can meet",
	What: "Finds matches, on rules that lead to an exposed port, for another method than POST, another scheme than the servers have, a port " +
		"that is no Gateway server's number, an exact path that is not `/package.Service/Method`, a prefix without the leading slash, or " +
		"query parameters. Not if other rules bring the calls to the same place.",
	Why: "A gRPC call is always `POST /package.Service/Method` without a query; `:scheme` is https with TLS and http without. `port` is " +
		"compared with the number in the Gateway, not with that of the gateway's Service or listener.",
	Client: "The rule never applies: UNIMPLEMENTED, or the calls go to another rule's server.",
	Bad: routedServer + routingGateway + routeWith(`  - match: [{method: {exact: GET}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: routedServer + routingGateway + routeWith(`  - match: [{method: {exact: POST}, uri: {prefix: /shop.v1.Orders/}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    routeReads,
	Consults: routeConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		for _, vs := range p.VirtualServices().All() {
			if !mesh.IsDelegate(vs) {
				judgeMatches(p, vs)
			}
		}
	},
}

// judgedMatch is a match of a rule to an exposed port, and why no gRPC call meets it; matches without a reason can be met.
type judgedMatch struct {
	rule    *mesh.HTTPRule
	place   int
	targets []string
	field   string
	reason  string
}

func judgeMatches(p *Pass, vs *networking.VirtualService) {
	listening := whereListening(p, vs)
	var judged []judgedMatch
	for _, rule := range p.HTTPRules(vs) {
		ports, ok := p.gRPCRoute(rule)
		if !ok || len(rule.Spec.Route) == 0 {
			continue
		}
		// A browser's gRPC-Web calls are preceded by OPTIONS.
		web := slices.ContainsFunc(ports, func(port *mesh.ExposedPort) bool { return port.Protocol() == mesh.ProtocolGRPCWeb })
		targets := ruleTargets(p, rule)
		if len(rule.Spec.Match) == 0 {
			judged = append(judged, judgedMatch{rule: rule, place: -1, targets: targets})
		}
		for i, match := range rule.Spec.Match {
			found := judgedMatch{rule: rule, place: i, targets: targets}
			found.field, found.reason = neverMet(match, listening, web)
			judged = append(judged, found)
		}
	}
	for _, match := range judged {
		if match.reason != "" && !arrivesOtherwise(match, judged) {
			reportNeverMet(p, match)
		}
	}
}

func ruleTargets(p *Pass, rule *mesh.HTTPRule) []string {
	var targets []string
	for _, destination := range p.Destinations(rule.Spec, rule.Holder.Namespace) {
		targets = append(targets, fmt.Sprint(destination.Host, " ", destination.Port))
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

// arrivesOtherwise says that another match brings calls to the same destinations, so that the one that is never met is of no
// harm. A path that is meant to be a gRPC service's is missed all the same, unless the other match takes every path.
func arrivesOtherwise(match judgedMatch, judged []judgedMatch) bool {
	meant := meantMethod(match.path())
	return slices.ContainsFunc(judged, func(other judgedMatch) bool {
		sameTargets := slices.Equal(other.targets, match.targets)
		return other.reason == "" && sameTargets && (!meant || other.path() == "" || other.path() == "/")
	})
}

// path is the exact path or prefix that the match asks for, empty for any.
func (m judgedMatch) path() string {
	if m.place < 0 {
		return ""
	}
	uri := m.rule.Spec.Match[m.place].GetUri()
	return uri.GetExact() + uri.GetPrefix() + uri.GetRegex()
}

// meantMethod says that a path names a gRPC service, with or without its slashes.
func meantMethod(path string) bool {
	return mesh.IsMethodPath("/"+strings.Trim(path, "/")+"/") || mesh.IsMethodPath("/"+strings.Trim(path, "/"))
}

func reportNeverMet(p *Pass, match judgedMatch) {
	rule := match.rule
	vs, index, path := rule.Holder, rule.Index, httpField(rule.Index, "match")
	if own := rule.Holder.Spec.Http[rule.Index].Match; len(own) == len(rule.Spec.Match) {
		path = httpField(rule.Index, fmt.Sprintf("match[%d].%s", match.place, match.field))
	} else if len(own) == 0 {
		vs, index = rule.Root, rule.RootIndex
		path = httpField(index, fmt.Sprintf("match[%d].%s", match.place, match.field))
	}
	ports, _ := p.gRPCRoute(rule)
	p.Report(Finding{
		Level:    p.levelFor(p.ruleRelevance(rule), Error),
		Object:   vs,
		Path:     path,
		Message:  fmt.Sprintf("No gRPC call meets match %d of %s: %s.", match.place+1, ruleText(vs, index), match.reason),
		Evidence: behindEvidence(ports),
		Symptom:  symptomNoRoute,
		Fix:      Fix{Text: "Match uri prefix /package.Service/, or delete the match."},
	})
}

// listening is what the servers are that take the VirtualService's hosts.
type listening struct {
	// known says that there are servers, and that sidecars do not serve the VirtualService too.
	known   bool
	schemes []string
	numbers []uint32
}

func whereListening(p *Pass, vs *networking.VirtualService) listening {
	var found listening
	for _, bound := range boundServers(p.Snapshot, vs) {
		if !mesh.ServerIsHTTP(bound.Server) || bound.Server.GetTls().GetHttpsRedirect() {
			continue
		}
		scheme := "http"
		if mesh.ServerIsTLS(bound.Server) {
			scheme = "https"
		}
		found.schemes = append(found.schemes, scheme)
		found.numbers = append(found.numbers, bound.Server.GetPort().GetNumber())
	}
	_, missing := p.GatewaysOf(vs)
	found.known = len(found.numbers) > 0 && len(missing) == 0 && !mesh.BoundToMesh(vs)
	return found
}

// neverMet gives the field of a match that no gRPC call meets, and why.
func neverMet(match *networkingapi.HTTPMatchRequest, on listening, web bool) (field, reason string) {
	uri := match.GetUri()
	switch {
	case !canBe(match.GetMethod(), "POST") && (!web || !canBe(match.GetMethod(), "OPTIONS")):
		return "method", "gRPC calls are POST"
	case len(match.GetQueryParams()) > 0:
		return "queryParams", "the path of a gRPC call has no query"
	case on.known && !slices.ContainsFunc(on.schemes, func(scheme string) bool { return canBe(match.GetScheme(), scheme) }):
		return "scheme", "the servers that take the host are all " + on.schemes[0]
	case on.known && match.GetPort() != 0 && !slices.Contains(on.numbers, match.GetPort()):
		return "port", fmt.Sprintf("the Gateway server's number is %d, not %d", on.numbers[0], match.GetPort())
	case isExact(uri) && !isMethodForm(uri.GetExact()):
		return "uri.exact", fmt.Sprintf("%s is not of the form /package.Service/Method", uri.GetExact())
	case uri.GetPrefix() != "" && !strings.HasPrefix(uri.GetPrefix(), "/"):
		return "uri.prefix", fmt.Sprintf("paths begin with a slash, %s does not", uri.GetPrefix())
	case uri.GetRegex() != "" && !mayBeginWithSlash(uri.GetRegex()):
		return "uri.regex", fmt.Sprintf("paths begin with a slash, %s does not, and it has to match the whole path", uri.GetRegex())
	default:
		return "", ""
	}
}

func isExact(value *networkingapi.StringMatch) bool {
	_, exact := value.GetMatchType().(*networkingapi.StringMatch_Exact)
	return exact
}

// isMethodForm says that a path has two segments, as that of every gRPC call.
func isMethodForm(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && strings.HasPrefix(path, "/") && service != "" && method != "" && !strings.Contains(method, "/")
}
