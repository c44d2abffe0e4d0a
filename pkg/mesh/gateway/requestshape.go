package gateway

import (
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// RequestShape is what a route says of the requests that come by it, as they leave the gateway.
type RequestShape struct {
	// Host is their :authority, with or without a port; empty for not known.
	Host string
	// Path is theirs, or where it is not Exact the beginning of it; empty for not known.
	Path  string
	Exact bool
}

// RequestShape is that of a route's requests. What the gateway rewrites, and what is matched without case or by an expression, is
// not known.
func (r *GatewayRoute) RequestShape() RequestShape {
	var shape RequestShape
	rewrite := r.Spec.GetRewrite()
	if rewrite.GetAuthority() == "" && r.Spec.GetHeaders() == nil && !strings.HasPrefix(r.Host, "*") {
		shape.Host = r.Host
	}
	if rewrite.GetUri() == "" && rewrite.GetUriRegexRewrite() == nil && !r.match.Fold && r.match.Kind != host.PathRegex {
		shape.Path, shape.Exact = r.match.Path, r.match.Kind == host.PathExact
	}
	return shape
}

// NoneOf reports whether something is known of the requests, and none fits.
func NoneOf(shapes []RequestShape, fits func(RequestShape) bool) bool {
	return len(shapes) > 0 && !slices.ContainsFunc(shapes, fits)
}

// MayHaveHost reports whether a pattern for hosts may match. It is held against the :authority as it is, without regard to case; clients
// may put a port behind the name.
// Source: Istio's pilot/pkg/security/authz/matcher/header.go (HostMatcher).
func (r RequestShape) MayHaveHost(pattern string) bool {
	pattern, hostname := strings.ToLower(pattern), strings.ToLower(r.Host)
	if hostname == "" || host.MatchesPattern(pattern, hostname) {
		return true
	}
	if name, port, hasPort := strings.Cut(pattern, ":"); hasPort {
		return host.MatchesPattern(name, hostname) || strings.HasPrefix(name, "*") && host.MatchesPattern(pattern, hostname+":"+port)
	}
	return false
}

// MayHavePath reports whether a pattern for paths may match. Templates are taken to.
func (r RequestShape) MayHavePath(pattern string) bool {
	if r.Path == "" || strings.Contains(pattern, "{") || host.MatchesPattern(pattern, r.Path) {
		return true
	}
	switch {
	case r.Exact:
		return false
	case strings.HasPrefix(pattern, "*"): // some end or other
		return true
	default:
		return strings.HasPrefix(strings.TrimSuffix(pattern, "*"), r.Path)
	}
}
