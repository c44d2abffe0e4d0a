package host

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzHosts holds what is true of all host names: what covers another matches it, matching has no direction, the order is one,
// and the index finds what comparing with each would find.
func FuzzHosts(f *testing.F) {
	for _, hosts := range []string{"", "*", "a.example.com", "*.example.com a.example.com", "*example.com", "* *.a.b *.b c.b", "orders orders.shop", ".. * *.", "A.example.com a.example.com"} {
		f.Add(hosts, "*.example.com", "shop")
		f.Add(hosts, "orders", "")
	}
	f.Fuzz(func(t *testing.T, text, host, namespace string) {
		hosts := strings.Fields(text)
		if len(hosts) > 100 {
			return
		}
		index := NewHostIndex(hosts)
		var common []string
		for _, other := range hosts {
			assert.Equal(t, HostMatches(host, other), HostMatches(other, host))
			if HostSubsetOf(host, other) {
				assert.True(t, HostMatches(host, other))
				common = append(common, host)
			} else if HostSubsetOf(other, host) {
				common = append(common, other)
			}
			assert.Equal(t, CompareHosts(host, other), -CompareHosts(other, host))
			assert.Equal(t, host == other, CompareHosts(host, other) == 0)
		}
		slices.Sort(common)
		assert.ElementsMatch(t, slices.Compact(common), index.Common(host))
		resolved := ResolveHost(host, namespace)
		require.Equal(t, resolved, ResolveHost(resolved, namespace), "a resolved name resolves to itself")
	})
}
