//go:build unix

package lint

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestHostileObjects holds that nobody's object makes the run slow for all: neither one as large as an API server stores, nor the
// largest of its shape that is still read. The base is a mesh of a thousand workloads.
func TestHostileObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	base := append(clusterOf(t, 1000, 50), decodeOne(t, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"evil","labels":{"istio-injection":"enabled"}}}`))
	runCost(t, base)
	without := runCost(t, base)
	for _, name := range slices.Sorted(maps.Keys(hostiles)) {
		t.Run(name, func(t *testing.T) {
			largest := largestRead(t, name)
			sizes := []int{largest}
			if largest < hostileBytes && os.Getenv("GRPCEXPOSE_LONG_TESTS") != "" { // what is not read costs its decoding
				sizes = append(sizes, hostileBytes)
			}
			for _, size := range sizes {
				objects := append(slices.Clone(base), hostileObjects(t, name, size)...)
				var with cost
				for range 3 { // on a busy machine one try may be unlucky
					if with = runCost(t, objects); with.time < 2*without.time+slackTime {
						break
					}
				}
				assert.Less(t, with.time, 2*without.time+slackTime, "%d bytes", size)
				assert.Less(t, with.memory, 2*without.memory+slackMemory, "%d bytes", size)
			}
		})
	}
}

// largestRead is a size at which all objects of that shape are read, and at twice that size they are not.
func largestRead(t *testing.T, name string) int {
	t.Helper()
	size := hostileBytes >> 8
	for size < hostileBytes && len(mesh.New(hostileObjects(t, name, 2*size), mesh.Options{}).TooLarge()) == 0 {
		size *= 2
	}
	return size
}

func hostileObjects(t *testing.T, name string, size int) []mesh.Sourced {
	t.Helper()
	var objects []mesh.Sourced
	for _, text := range hostiles[name](size) {
		objects = append(objects, decodeOne(t, text))
	}
	return objects
}

// cost is the processor's time and the bytes that were allocated.
type cost struct {
	time   time.Duration
	memory uint64
}

// The mesh is small beside the clusters for which the bound of twice the cost is meant.
const (
	slackTime   = 150 * time.Millisecond
	slackMemory = 64 << 20
)

func runCost(t *testing.T, objects []mesh.Sourced) cost {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := processorTime(t)
	report := Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{AllScopes: true})
	used := processorTime(t) - started
	runtime.ReadMemStats(&after)
	for _, skip := range report.Skips {
		assert.NotContains(t, skip.Reason, "bug of this program")
	}
	return cost{used, after.TotalAlloc - before.TotalAlloc}
}

// TestManyFindingsOfOneObject: the list is cut and says so, at the same level.
func TestManyFindingsOfOneObject(t *testing.T) {
	objects := append(casetest.Base(t, "default"), decodeOne(t, fixedNamespace))
	for _, text := range hostiles["Service: ports without a name of a workload that declares them"](20_000) {
		objects = append(objects, decodeOne(t, strings.ReplaceAll(text, `"namespace":"evil"`, `"namespace":"shop"`)))
	}
	check, _ := Find("GX301")
	snapshot := mesh.New(objects, mesh.Options{Now: casetest.Now})
	every := Run(snapshot, Options{Checks: []*checks.Check{check}, Every: true})
	some := Run(snapshot, Options{Checks: []*checks.Check{check}})
	assert.Greater(t, len(every.Findings), mostPerObject+2)
	assert.Len(t, some.Findings, mostPerObject+1)
	assert.Equal(t, every.Worst(), some.Worst())
	last := some.Findings[mostPerObject]
	assert.Contains(t, last.Message, "are not listed")
	assert.Equal(t, check.ID, last.ID)

	// Silencing all of them silences the line, too.
	silent := Run(snapshot, Options{Checks: []*checks.Check{check}, Ignore: func(checks.Finding) (string, bool) { return "known", true }})
	assert.Empty(t, silent.Findings)
	assert.Len(t, silent.Suppressed, len(every.Findings))
}
