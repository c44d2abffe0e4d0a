package host

import (
	"regexp"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// methodPath is a path of gRPC, as far as the method's name or into it: /pkg.Service/Method. Packages begin with a letter and
// services with a capital, which tells such a path from /api/v1.0/users or /static.files/.
var methodPath = regexp.MustCompile(`^/([A-Za-z_][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*/([A-Za-z_][A-Za-z0-9_]*)?$`)

// IsMethodPath reports whether a path, or the prefix of one, is that of a gRPC service or method: /pkg.Service/ or /pkg.Service/Method.
func IsMethodPath(path string) bool { return methodPath.MatchString(path) }

// methodRegex is the beginning of a regular expression for the paths of a gRPC service, once its dots are not escaped.
var methodRegex = regexp.MustCompile(`^\^?/([A-Za-z_][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*/`)

type ruleMatchMemory struct{ *networkingapi.HTTPRoute }

type ruleMatch struct {
	path string
	ok   bool
}

// RuleMatchesMethod is matchesMethod for a rule, which has a route for each of its matches.
func RuleMatchesMethod(s *mesh.Snapshot, rule *networkingapi.HTTPRoute) (path string, ok bool) {
	if len(rule.GetMatch()) < 2 {
		return MatchesMethod(rule.GetMatch())
	}
	match := mesh.Remember(s, ruleMatchMemory{rule}, func() ruleMatch {
		path, ok := MatchesMethod(rule.GetMatch())
		return ruleMatch{path, ok}
	})
	return match.path, match.ok
}

// MatchesMethod gives the path of the first match of a route that only calls of a gRPC service can meet.
func MatchesMethod(matches []*networkingapi.HTTPMatchRequest) (path string, ok bool) {
	for _, match := range matches {
		uri := match.GetUri()
		for _, path := range []string{uri.GetExact(), uri.GetPrefix()} {
			if IsMethodPath(path) {
				return path, true
			}
		}
		if regex := uri.GetRegex(); methodRegex.MatchString(strings.ReplaceAll(regex, `\.`, ".")) {
			return regex, true
		}
	}
	return "", false
}
