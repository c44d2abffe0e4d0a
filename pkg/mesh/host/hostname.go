package host

import (
	"cmp"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// HostMatches reports whether two host names have a name in common. Either may be a wildcard: "*", or "*" and an ending. Case
// counts, as it does to istiod.
// Source: Istio's pkg/config/host/name.go (Name.Matches).
func HostMatches(a, b string) bool {
	return HostSubsetOf(a, b) || HostSubsetOf(b, a)
}

// HostSubsetOf reports whether every name that a covers, b covers too. A wildcard does not cover its bare ending: "foo.com" is not
// under "*.foo.com".
// Source: Istio's pkg/config/host/name.go (Name.SubsetOf).
func HostSubsetOf(a, b string) bool {
	ending, wildcard := strings.CutPrefix(b, "*")
	if !wildcard {
		return a == b
	}
	return strings.HasSuffix(strings.TrimPrefix(a, "*"), ending)
}

// CompareHosts sorts the more specific host first: names before wildcards, long ones before short ones. It is the order in
// which Envoy looks for the virtual host of a call.
// Source: Istio's pkg/config/host/names.go (MoreSpecific).
func CompareHosts(a, b string) int {
	return cmp.Or(
		proxy.BoolRank(!strings.HasPrefix(a, "*"))-proxy.BoolRank(!strings.HasPrefix(b, "*")),
		cmp.Compare(len(b), len(a)),
		cmp.Compare(a, b),
	)
}

// HostIndex finds the hosts of a long list that have names in common with a given one.
type HostIndex struct {
	hosts     []string
	names     map[string]bool
	wildcards map[string]bool
}

// NewHostIndex indexes hosts, names and wildcards.
func NewHostIndex(hosts []string) *HostIndex {
	index := &HostIndex{hosts: hosts, names: map[string]bool{}, wildcards: map[string]bool{}}
	for _, host := range hosts {
		if ending, wildcard := strings.CutPrefix(host, "*"); wildcard {
			index.wildcards[ending] = true
		} else {
			index.names[host] = true
		}
	}
	return index
}

// Common are the names that the indexed hosts and this one have in common: the host itself where one of them covers it, and
// those that it covers.
// Source: Istio's pkg/config/host/names.go (Names.Intersection), for one of the other names.
func (x *HostIndex) Common(host string) []string {
	var common []string
	if x.covers(host) {
		common = append(common, host)
	}
	if !strings.HasPrefix(host, "*") {
		return common
	}
	seen := map[string]bool{host: true} // taken above
	for _, indexed := range x.hosts {
		if HostSubsetOf(indexed, host) && !seen[indexed] {
			seen[indexed] = true
			common = append(common, indexed)
		}
	}
	return common
}

func (x *HostIndex) covers(host string) bool {
	rest, wildcard := strings.CutPrefix(host, "*")
	if !wildcard && x.names[host] {
		return true
	}
	for i := 0; i <= len(rest); i++ {
		if x.wildcards[rest[i:]] {
			return true
		}
	}
	return false
}

// MatchesPattern is Istio's string match: "*" for anything there is, "*x" and "x*" for suffix and prefix, else the value itself.
// Source: Istio's pilot/pkg/security/authz/matcher/string.go (StringMatcherWithPrefix).
func MatchesPattern(pattern, value string) bool {
	switch {
	case pattern == "*":
		return value != ""
	case strings.HasPrefix(pattern, "*"):
		return strings.HasSuffix(value, pattern[1:])
	case strings.HasSuffix(pattern, "*"):
		return strings.HasPrefix(value, pattern[:len(pattern)-1])
	}
	return value == pattern
}
