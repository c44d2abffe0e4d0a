package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Before its first write create sends at most 25 requests on the recipe's cluster, in at most 4 rounds.
//
// The proxy holds every request up for a tenth of a second, which is much longer than the API server and the plugin take
// for one. So a request that needs the answer to another begins a tenth of a second later, and those that need the same
// answers begin together. The number of rounds is the length of the longest chain of requests of which each begins
// after the one before it has ended; the greedy choice of the one that ends first finds it.
func TestRequestsBeforeTheFirstWrite(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	proxy := s.throughProxy()
	proxy.delay = 100 * time.Millisecond
	s.create().exits(0)
	before := untilWrite(proxy.take())
	var lines string
	for _, request := range before {
		lines += request.start.Sub(before[0].start).Round(time.Millisecond).String() + " " + request.line + "\n"
	}
	assert.LessOrEqual(t, len(before), 25, lines)
	assert.LessOrEqual(t, rounds(before), 4, lines)
	t.Logf("%d requests in %d rounds\n%s", len(before), rounds(before), lines)
}

func rounds(requests []request) int {
	slices.SortFunc(requests, func(a, b request) int { return a.end.Compare(b.end) })
	count := 0
	var last time.Time
	for _, request := range requests {
		if request.start.After(last) {
			count++
			last = request.end
		}
	}
	return count
}
