package host

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
)

// pathKind is how a match compares the path.
type pathKind int

// The kinds of comparison.
const (
	PathPrefix pathKind = iota
	PathExact
	PathRegex
)

// RouteMatch is one match of an http rule as Envoy gets it.
type RouteMatch struct {
	Kind pathKind
	Path string
	// fold says that the path is compared without case.
	Fold bool
	// conditions are what must hold beside the path, sorted. Equal texts are equal conditions.
	Conditions []string
}

// RouteMatchOf translates a match; nil takes every call.
// Source: Istio's pilot/pkg/networking/core/route/route.go (TranslateRouteMatch).
func RouteMatchOf(match *networkingapi.HTTPMatchRequest) RouteMatch {
	translated := RouteMatch{Kind: PathPrefix, Path: "/"}
	if match == nil {
		return translated
	}
	switch uri := match.GetUri().GetMatchType().(type) {
	case *networkingapi.StringMatch_Exact:
		translated.Kind, translated.Path = PathExact, uri.Exact
	case *networkingapi.StringMatch_Prefix:
		translated.Path = uri.Prefix
	case *networkingapi.StringMatch_Regex:
		translated.Kind, translated.Path = PathRegex, uri.Regex
	}
	translated.Fold = match.IgnoreUriCase
	translated.Conditions = conditionsOf(match)
	return translated
}

func conditionsOf(match *networkingapi.HTTPMatchRequest) []string {
	var conditions []string
	add := func(what string, value *networkingapi.StringMatch) {
		conditions = append(conditions, what+" "+conditionValue(value))
	}
	if match.Method != nil {
		add(":method", match.Method)
	}
	if match.Authority != nil {
		add(":authority", match.Authority)
	}
	if match.Scheme != nil {
		add(":scheme", match.Scheme)
	}
	for name, value := range match.Headers {
		add("header "+strings.ToLower(name), value)
	}
	for name, value := range match.WithoutHeaders {
		add("without "+strings.ToLower(name), value)
	}
	for name, value := range match.QueryParams {
		add("query "+name, value)
	}
	slices.Sort(conditions)
	return conditions
}

// conditionValue is a StringMatch as a text; no value, and regular expressions that take any, ask only that there is one.
// Source: Istio's pilot/pkg/networking/core/route/route.go (canBeConvertedToPresentMatch).
func conditionValue(value *networkingapi.StringMatch) string {
	switch match := value.GetMatchType().(type) {
	case *networkingapi.StringMatch_Exact:
		return "exact " + match.Exact
	case *networkingapi.StringMatch_Prefix:
		return "prefix " + match.Prefix
	case *networkingapi.StringMatch_Regex:
		if !slices.Contains([]string{"*", ".*", ".+"}, match.Regex) {
			return "regex " + match.Regex
		}
	}
	return "present"
}

// IsCatchAll is istiod's notion of a route that takes every call: only such a one ends a VirtualService, and moves behind the
// routes of others.
// Source: Istio's pilot/pkg/networking/core/route/route.go (IsCatchAllRoute).
func (m RouteMatch) IsCatchAll() bool {
	all := m.Kind == PathPrefix && m.Path == "/" || m.Kind == PathRegex && m.Path == ".*"
	return all && len(m.Conditions) == 0
}

// metByEveryGRPCCall are the conditions that hold for each gRPC call, so that they do not make a match any narrower.
// Source: the gRPC over HTTP2 protocol, Requests.
var metByEveryGRPCCall = map[string]bool{
	":method exact POST":                          true,
	":method present":                             true,
	":method regex POST":                          true,
	":authority present":                          true,
	":scheme present":                             true,
	"header content-type present":                 true,
	"header content-type prefix application/grpc": true,
	"header te exact trailers":                    true,
	"header te present":                           true,
}

// Narrowing are the conditions that leave out some gRPC calls.
func (m RouteMatch) Narrowing() []string {
	var conditions []string
	for _, condition := range m.Conditions {
		if !metByEveryGRPCCall[condition] {
			conditions = append(conditions, condition)
		}
	}
	return conditions
}

// TakenPrefix is a prefix all of whose gRPC calls the match takes; ok is false for an exact path, and for a regular expression
// that is more than a literal beginning and ".*", or ".+" behind a slash or dot, with which no path of a call ends. Envoy matches
// the whole path, so that "^" and "$" add nothing.
func (m RouteMatch) TakenPrefix() (prefix string, ok bool) {
	switch m.Kind {
	case PathPrefix:
		return m.Path, true
	case PathRegex:
		return openBeginning(m.Path)
	}
	return "", false
}

// openBeginning is the literal text of a regular expression that has nothing else but an open end.
func openBeginning(expression string) (literal string, ok bool) {
	parsed, err := parseWhole(expression)
	if err != nil {
		return "", false
	}
	start, end := openEnd(parsed)
	if end == nil {
		return "", false
	}
	var beginning strings.Builder
	for _, part := range start {
		switch {
		case part.Op == syntax.OpLiteral && part.Flags&syntax.FoldCase == 0:
			beginning.WriteString(string(part.Rune))
		case isAnyCharacter(part):
			beginning.WriteByte('.') // it takes any character, so also the dot
		default:
			return "", false
		}
	}
	literal = beginning.String()
	return literal, end.Op == syntax.OpStar || goesOn(literal)
}

// parseWhole reads an expression that has to match the whole path, so that "^" and "$" add nothing.
func parseWhole(expression string) (*syntax.Regexp, error) {
	return syntax.Parse(strings.TrimSuffix(strings.TrimPrefix(expression, "^"), "$"), syntax.Perl)
}

// openEnd takes an expression apart that ends with any characters: ".*", or ".+" for one at least; end is nil for any other.
func openEnd(expression *syntax.Regexp) (start []*syntax.Regexp, end *syntax.Regexp) {
	parts := []*syntax.Regexp{expression}
	if expression.Op == syntax.OpConcat {
		parts = expression.Sub
	}
	last := len(parts) - 1
	end = withoutGroup(parts[last])
	if (end.Op == syntax.OpStar || end.Op == syntax.OpPlus) && isAnyCharacter(end.Sub[0]) {
		return parts[:last], end
	}
	return nil, nil
}

// goesOn reports whether the path of no call ends so.
func goesOn(beginning string) bool {
	return strings.HasSuffix(beginning, "/") || strings.HasSuffix(beginning, ".")
}

// PathExpression is a regular expression that is more than a literal beginning with an open end.
type PathExpression struct {
	// whole matches a path from end to end; beginning matches what may stand before an open end of the expression, nil if it has none.
	whole, beginning *regexp.Regexp
	// openOnce says that the open end is of one character at least.
	openOnce bool
}

// ExpressionOf is nil for what is no regular expression: Envoy takes no configuration with it.
func ExpressionOf(path string) *PathExpression {
	parsed, err := parseWhole(path)
	if err != nil {
		return nil
	}
	expression := &PathExpression{whole: regexp.MustCompile("^(?:" + parsed.String() + ")$")}
	if start, end := openEnd(parsed); len(start) > 0 {
		beginning := &syntax.Regexp{Op: syntax.OpConcat, Sub: start, Flags: parsed.Flags}
		expression.beginning, expression.openOnce = regexp.MustCompile("^(?:"+beginning.String()+")"), end.Op == syntax.OpPlus
	}
	return expression
}

// TakesAllOf reports whether the expression takes every gRPC call that an exact path or a prefix takes.
func (e *PathExpression) TakesAllOf(match RouteMatch) bool {
	switch {
	case match.Fold:
		return false
	case match.Kind == PathExact:
		return e.whole.MatchString(match.Path)
	case match.Kind == PathPrefix && e.beginning != nil:
		return e.beginning.MatchString(match.Path) && (!e.openOnce || goesOn(match.Path))
	default:
		return false
	}
}

func withoutGroup(expression *syntax.Regexp) *syntax.Regexp {
	for expression.Op == syntax.OpCapture {
		expression = expression.Sub[0]
	}
	return expression
}

func isAnyCharacter(expression *syntax.Regexp) bool {
	return expression.Op == syntax.OpAnyChar || expression.Op == syntax.OpAnyCharNotNL
}

// LiteralBeginning is what all paths that the match takes begin with.
func (m RouteMatch) LiteralBeginning() string {
	if m.Kind != PathRegex {
		return m.Path
	}
	expression, err := regexp.Compile(strings.TrimPrefix(m.Path, "^"))
	if err != nil {
		return ""
	}
	literal, _ := expression.LiteralPrefix()
	return literal
}
