package oracle

import (
	"regexp"
	"strings"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// call is a gRPC call as Envoy's router sees it.
type call struct {
	path    string
	headers map[string]string
}

// sampleCalls are gRPC calls that between them meet and miss every condition that random matches have.
func sampleCalls(host string) []call {
	authorities := []string{strings.Replace(host, "*", "x", 1)}
	if host == "*" {
		authorities = []string{"a.example.com", "other.org"}
	}
	var calls []call
	for _, authority := range authorities {
		for _, path := range []string{"/shop.Orders/Get", "/shop.Orders/List", "/shop.Cart/Get", "/SHOP.orders/Get", "/shopping/Get", "/x.Y/Z"} {
			for _, user := range []string{"", "a", "application/grpc", "trailers", "other"} {
				for _, debug := range []string{"", "a", "application/grpc", "trailers", "other"} {
					calls = append(calls, grpcCall(authority, path, user, debug))
				}
			}
		}
	}
	return calls
}

func grpcCall(authority, path, user, debug string) call {
	headers := map[string]string{
		":method": "POST", ":scheme": "http", ":authority": authority, ":path": path, "content-type": "application/grpc", "te": "trailers",
	}
	if user != "" {
		headers["x-user"] = user
	}
	if debug != "" {
		headers["x-debug"] = debug
	}
	return call{path, headers}
}

// reached are the names of the routes of a virtual host that some sample call comes to.
func reached(host string, routes []*route.Route) map[string]bool {
	names := map[string]bool{}
	for _, sample := range sampleCalls(host) {
		for _, entry := range routes {
			if takes(entry.GetMatch(), sample) {
				names[entry.Name] = true
				break
			}
		}
	}
	return names
}

// takes says whether Envoy's router would take the call by this match.
// Source: Envoy source/common/router/config_impl.cc (RouteEntryImplBase::matchRoute).
func takes(match *route.RouteMatch, c call) bool {
	if len(match.GetQueryParameters()) > 0 {
		return false // gRPC calls have no query
	}
	path, fold := c.path, match.GetCaseSensitive() != nil && !match.GetCaseSensitive().GetValue()
	lower := func(text string) string {
		if fold {
			return strings.ToLower(text)
		}
		return text
	}
	fits := false
	switch specifier := match.GetPathSpecifier().(type) {
	case *route.RouteMatch_Prefix:
		fits = strings.HasPrefix(lower(path), lower(specifier.Prefix))
	case *route.RouteMatch_Path:
		fits = lower(path) == lower(specifier.Path)
	case *route.RouteMatch_SafeRegex:
		fits = matchesWhole(specifier.SafeRegex.GetRegex(), path)
	}
	for _, header := range match.GetHeaders() {
		fits = fits && headerFits(header, c.headers)
	}
	return fits
}

func matchesWhole(expression, text string) bool {
	compiled, err := regexp.Compile("^(?:" + expression + ")$")
	return err == nil && compiled.MatchString(text)
}

func headerFits(header *route.HeaderMatcher, headers map[string]string) bool {
	value, there := headers[strings.ToLower(header.Name)]
	if !there && header.TreatMissingHeaderAsEmpty {
		there = true
	}
	switch specifier := header.GetHeaderMatchSpecifier().(type) {
	case *route.HeaderMatcher_PresentMatch:
		return (there == specifier.PresentMatch) != header.InvertMatch
	case *route.HeaderMatcher_StringMatch:
		// A header that is not there fits no pattern, and inverted every one.
		return (there && stringFits(specifier.StringMatch, value)) != header.InvertMatch
	default:
		return false
	}
}

func stringFits(pattern *matcher.StringMatcher, value string) bool {
	switch match := pattern.GetMatchPattern().(type) {
	case *matcher.StringMatcher_Exact:
		return value == match.Exact
	case *matcher.StringMatcher_Prefix:
		return strings.HasPrefix(value, match.Prefix)
	case *matcher.StringMatcher_SafeRegex:
		return matchesWhole(match.SafeRegex.GetRegex(), value)
	default:
		return false
	}
}
