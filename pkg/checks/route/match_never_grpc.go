package route

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var matchNeverGRPC = &checks.Check{
	ID:     "GX511",
	Slug:   "match-never-grpc",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A match that no gRPC call can meet",
	What: "Finds matches, on rules that lead to an exposed port, for another method than POST, another scheme than the servers have, a port " +
		"that is no Gateway server's number, an exact path that is not `/package.Service/Method`, a prefix without the leading slash, a " +
		"regular expression that is not met either, a `*` in a path or prefix, or query parameters. Not if other rules bring the calls to the same place.",
	Why: "A gRPC call is always `POST /package.Service/Method` without a query; `:scheme` is https with TLS and http without. `port` is " +
		"compared with the number in the Gateway, not with that of the gateway's Service or listener.",
	Client: "The rule never applies: UNIMPLEMENTED, or the calls go to another rule's server.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{method: {exact: GET}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{method: {exact: POST}, uri: {prefix: /shop.v1.Orders/}}]
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, vs := range p.VirtualServices().All() {
			if !host.IsDelegate(vs) {
				judgeMatches(p, vs)
			}
		}
	},
}

// judgedMatch is a match of a rule to an exposed port, and why no gRPC call meets it; matches without a reason can be met.
type judgedMatch struct {
	rule    *host.HTTPRule
	place   int
	targets []string
	field   string
	reason  string
}

func judgeMatches(p *checks.Pass, vs *networking.VirtualService) {
	listening := whereListening(p, vs)
	var judged []judgedMatch
	for _, rule := range host.HTTPRules(p.Snapshot, vs) {
		ports, ok := gRPCRoute(p, rule)
		if !ok || len(rule.Spec.Route) == 0 {
			continue
		}
		// A browser's gRPC-Web calls are preceded by OPTIONS.
		web := slices.ContainsFunc(ports, func(port *exposure.ExposedPort) bool { return port.Protocol() == workload.ProtocolGRPCWeb })
		targets := ruleTargets(p, rule)
		if len(rule.Spec.Match) == 0 {
			judged = append(judged, judgedMatch{rule: rule, place: -1, targets: targets})
		}
		for i, match := range rule.Spec.Match {
			found := judgedMatch{rule: rule, place: i, targets: targets}
			found.field, found.reason = neverMet(match, rule.Holder.Namespace, listening, web)
			if found.reason == "" {
				found.field, found.reason = foreignSource(p, rule, match)
			}
			judged = append(judged, found)
		}
	}
	for _, match := range judged {
		if match.reason != "" && !arrivesOtherwise(match, judged, listening) {
			reportNeverMet(p, match)
		}
	}
}

// foreignSource gives the field of a match, for gateways alone, that asks for callers: at a gateway the source is the gateway's own pod.
// Source: Istio's pilot/pkg/networking/core/route/route.go (sourceMatchHTTP).
func foreignSource(p *checks.Pass, rule *host.HTTPRule, match *networkingapi.HTTPMatchRequest) (field, reason string) {
	field = "sourceLabels"
	if len(match.GetSourceLabels()) == 0 {
		field = "sourceNamespace"
	}
	gateways := p.GatewaysServing(rule.Root)
	asks := len(match.GetSourceLabels()) > 0 || match.GetSourceNamespace() != ""
	if !asks || len(gateways) == 0 || host.BoundToMesh(rule.Root) || slices.ContainsFunc(gateways, func(gw *proxy.GatewayWorkload) bool {
		return mesh.HasLabels(gw.Client().Labels, match.GetSourceLabels()) && (match.GetSourceNamespace() == "" || match.GetSourceNamespace() == gw.Namespace)
	}) {
		return "", ""
	}
	return field, "at a gateway it means the gateway's own pods, not the callers"
}

func ruleTargets(p *checks.Pass, rule *host.HTTPRule) []string {
	var targets []string
	for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
		targets = append(targets, fmt.Sprint(destination.Host, " ", destination.Port, " ", destination.Spec.GetSubset()))
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

// arrivesOtherwise reports whether another match brings calls to the same destinations, so that the one that is never met is of no
// harm. One that is meant for gRPC calls is missed all the same, unless the other match takes every call from the same servers.
func arrivesOtherwise(match judgedMatch, judged []judgedMatch, listening listening) bool {
	meant := match.isMeant()
	return slices.ContainsFunc(judged, func(other judgedMatch) bool {
		sameTargets := slices.Equal(other.targets, match.targets)
		return other.reason == "" && sameTargets && (!meant || other.takesAllOf(match, listening))
	})
}

// isMeant reports whether the match is meant for gRPC calls: by its path, or because it is for other servers than there are.
func (m judgedMatch) isMeant() bool {
	return meantMethod(m.path()) || m.path() == "" && (m.field == "scheme" || m.field == "port")
}

// takesAllOf reports whether the match takes every call from where the other one's could come.
func (m judgedMatch) takesAllOf(other judgedMatch, listening listening) bool {
	spec, namespace := m.spec(), m.rule.Holder.Namespace
	if path := m.path(); path != "" && path != "/" || len(spec.GetHeaders())+len(spec.GetWithoutHeaders()) > 0 || spec.GetAuthority() != nil {
		return false
	}
	mine, theirs := listening.forMatch(spec, namespace), listening.forMatch(other.spec(), other.rule.Holder.Namespace)
	return (mine.mesh || !theirs.mesh) && !slices.ContainsFunc(theirs.servers, func(on listener) bool {
		return !slices.Contains(mine.servers, on) || !on.meets(spec)
	})
}

// spec is the match itself, nil where the rule has none.
func (m judgedMatch) spec() *networkingapi.HTTPMatchRequest {
	if m.place < 0 {
		return nil
	}
	return m.rule.Spec.Match[m.place]
}

// path is the exact path or prefix that the match asks for, empty for any.
func (m judgedMatch) path() string {
	uri := m.spec().GetUri()
	if literal, ok := literalOf(uri.GetRegex()); ok {
		return literal
	}
	return uri.GetExact() + uri.GetPrefix() + uri.GetRegex()
}

// meantMethod reports whether a path names a gRPC service, with or without its slashes, or with a star for its methods.
func meantMethod(path string) bool {
	bare := strings.Trim(path, "/*")
	return host.IsMethodPath("/"+bare+"/") || host.IsMethodPath("/"+bare)
}

// literalOf is the only text that a regular expression matches; ok is false where there are more, or none is asked for.
func literalOf(expression string) (text string, ok bool) {
	compiled, err := regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(expression, "^"), "$"))
	if err != nil || expression == "" {
		return "", false
	}
	return compiled.LiteralPrefix()
}

func reportNeverMet(p *checks.Pass, match judgedMatch) {
	rule := match.rule
	vs, index, path := rule.Holder, rule.Index, httpField(rule.Index, "match")
	if own := rule.Holder.Spec.Http[rule.Index].Match; len(own) == len(rule.Spec.Match) {
		path = httpField(rule.Index, "match", match.place, strings.Split(match.field, "."))
	} else if len(own) == 0 {
		vs, index = rule.Root, rule.RootIndex
		path = httpField(index, "match", match.place, strings.Split(match.field, "."))
	}
	ports, _ := gRPCRoute(p, rule)
	p.Report(checks.Finding{
		Level:    p.LevelFor(p.RuleRelevance(rule), checks.Error),
		Object:   vs,
		Path:     path,
		Message:  fmt.Sprintf("No gRPC call meets match %d of %s: %s.", match.place+1, ruleText(vs, index), match.reason),
		Evidence: behindEvidence(ports),
		Symptom:  symptomNoRoute,
		Fix:      checks.Fix{Text: matchFix(match.field)},
	})
}

func matchFix(field string) string {
	if strings.HasPrefix(field, "uri.") {
		return "Match uri prefix /package.Service/, or delete the match."
	}
	return fmt.Sprintf("Take %s out of the match, or match what the calls have.", field)
}

// listening is where the calls come from that a VirtualService or a match of it is for.
type listening struct {
	// servers are those that take the VirtualService's hosts.
	servers []listener
	// mesh says that sidecars serve it too: their calls are plaintext, on whatever port the Service has.
	mesh bool
	// known says that none of its Gateways is missing.
	known bool
}

// listener is a server as a match sees it; gateway is its Gateway's "namespace/name".
type listener struct {
	gateway, scheme string
	number          uint32
}

// meets reports whether the scheme and the number are those that a match asks for.
func (l listener) meets(match *networkingapi.HTTPMatchRequest) bool {
	return canBe(match.GetScheme(), l.scheme) && (match.GetPort() == 0 || match.GetPort() == l.number)
}

func whereListening(p *checks.Pass, vs *networking.VirtualService) listening {
	_, missing := host.GatewaysOf(p.Snapshot, vs)
	found := listening{mesh: host.BoundToMesh(vs), known: len(missing) == 0}
	for _, bound := range checks.BoundServers(p.Snapshot, vs) {
		if !gateway.ServerIsHTTP(bound.Server) || bound.Server.GetTls().GetHttpsRedirect() {
			continue
		}
		on := listener{bound.Gateway.Namespace + "/" + bound.Gateway.Name, "http", bound.Server.GetPort().GetNumber()}
		if gateway.ServerIsTLS(bound.Server) {
			on.scheme = "https"
		}
		found.servers = append(found.servers, on)
	}
	return found
}

// forMatch is where the calls come from that reach a match in an object of that namespace: it may name some of the gateways.
func (l listening) forMatch(match *networkingapi.HTTPMatchRequest, namespace string) listening {
	narrowed := listening{mesh: l.mesh && gateway.MatchIsFor(match, namespace, host.MeshGateway), known: l.known}
	for _, on := range l.servers {
		if gateway.MatchIsFor(match, namespace, on.gateway) {
			narrowed.servers = append(narrowed.servers, on)
		}
	}
	return narrowed
}

// forRule are the servers whose calls can come to a rule, by their scheme and number and the gateways that its matches name.
func (l listening) forRule(rule *host.HTTPRule) []listener {
	matches := rule.Spec.Match
	if len(matches) == 0 {
		matches = []*networkingapi.HTTPMatchRequest{nil}
	}
	var servers []listener
	for _, match := range matches {
		for _, on := range l.forMatch(match, rule.Holder.Namespace).servers {
			if on.meets(match) && !slices.Contains(servers, on) {
				servers = append(servers, on)
			}
		}
	}
	return servers
}

// isKnown reports whether there is something to compare a match with, and all of it.
func (l listening) isKnown() bool { return l.known && (l.mesh || len(l.servers) > 0) }

// schemes are those that calls have.
func (l listening) schemes() []string {
	var schemes []string
	if l.mesh {
		schemes = append(schemes, "http")
	}
	for _, on := range l.servers {
		if !slices.Contains(schemes, on.scheme) {
			schemes = append(schemes, on.scheme)
		}
	}
	return schemes
}

func (l listening) hasPort(number uint32) bool {
	return number == 0 || l.mesh || slices.ContainsFunc(l.servers, func(on listener) bool { return on.number == number })
}

// neverMet gives the field of a match, in an object of that namespace, that no gRPC call meets, and why.
func neverMet(match *networkingapi.HTTPMatchRequest, namespace string, listening listening, web bool) (field, reason string) {
	uri, on := match.GetUri(), listening.forMatch(match, namespace)
	literal, isLiteral := literalOf(uri.GetRegex())
	switch {
	case !canBe(match.GetMethod(), "POST") && (!web || !canBe(match.GetMethod(), "OPTIONS")):
		return "method", "gRPC calls are POST, not " + matchText(match.GetMethod())
	case len(match.GetQueryParams()) > 0:
		return "queryParams", "the path of a gRPC call has no query"
	case on.isKnown() && !slices.ContainsFunc(on.schemes(), func(scheme string) bool { return canBe(match.GetScheme(), scheme) }):
		return "scheme", "the scheme of the calls that come there is " + strings.Join(on.schemes(), " or ")
	case on.isKnown() && !on.hasPort(match.GetPort()):
		return "port", fmt.Sprintf("the Gateway server's number is %d, not %d", on.servers[0].number, match.GetPort())
	case isExact(uri) && !isMethodForm(uri.GetExact()):
		return "uri.exact", fmt.Sprintf("%s is not of the form /package.Service/Method", uri.GetExact())
	case isLiteral && !isMethodForm(literal):
		return "uri.regex", fmt.Sprintf("%s is not of the form /package.Service/Method, and it has to match the whole path", literal)
	case strings.Contains(uri.GetExact()+uri.GetPrefix(), "*"):
		return "uri." + kindOfMatch(uri), fmt.Sprintf("the * in %s is a character like any other here", uri.GetExact()+uri.GetPrefix())
	case uri.GetPrefix() != "" && !strings.HasPrefix(uri.GetPrefix(), "/"):
		return "uri.prefix", fmt.Sprintf("paths begin with a slash, %s does not", uri.GetPrefix())
	case uri.GetRegex() != "" && !mayBeginWithSlash(uri.GetRegex()):
		return "uri.regex", fmt.Sprintf("paths begin with a slash, %s does not, and it has to match the whole path", uri.GetRegex())
	default:
		return "", ""
	}
}

// matchText is what a match asks for, with what may hide the difference.
func matchText(value *networkingapi.StringMatch) string {
	text := value.GetExact() + value.GetPrefix() + value.GetRegex()
	if strings.EqualFold(text, "POST") {
		return text + ": upper and lower case differ"
	}
	return text
}

func kindOfMatch(value *networkingapi.StringMatch) string {
	if isExact(value) {
		return "exact"
	}
	return "prefix"
}

func isExact(value *networkingapi.StringMatch) bool {
	_, exact := value.GetMatchType().(*networkingapi.StringMatch_Exact)
	return exact
}

// isMethodForm reports whether a path has two segments, as that of every gRPC call.
func isMethodForm(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && strings.HasPrefix(path, "/") && service != "" && method != "" && !strings.Contains(method, "/")
}
