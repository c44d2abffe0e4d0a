//go:build unix

package lint

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestRunGrowsLinearly judges ten times as much of everything in about ten times the time. The bound leaves room for sorting, for
// caches that overflow; what is compared pair by pair takes a hundred times as long.
func TestRunGrowsLinearly(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	const few, many, bound, tries = 150, 1500, 30, 3
	for name, pieces := range growths {
		t.Run(name, func(t *testing.T) {
			var short, long time.Duration
			// What others do to the processor's caches counts too: on a busy machine one try may be unlucky.
			for range tries {
				short, long = timeToJudge(t, few, pieces), timeToJudge(t, many, pieces)
				t.Logf("%d: %v, %d: %v", few, short, many, long)
				if long < bound*max(short, time.Millisecond) {
					return
				}
			}
			assert.Less(t, long, bound*max(short, time.Millisecond))
		})
	}
}

// timeToJudge is the shortest processor time of some runs.
func timeToJudge(t *testing.T, count int, pieces func(i int) []string) time.Duration {
	t.Helper()
	objects := append([]mesh.Sourced{}, casetest.Base(t, "default")...)
	for _, text := range []string{grownService(0), grownDeployment(0), fixedGateway, fixedKubernetesGateway, fixedNamespace} {
		objects = append(objects, decodeOne(t, text))
	}
	for i := range count {
		for _, text := range pieces(i) {
			objects = append(objects, decodeOne(t, text))
		}
	}
	shortest := time.Hour
	for range 3 {
		started := processorTime(t)
		Run(mesh.New(objects, mesh.Options{Now: casetest.Now}), Options{AllScopes: true})
		shortest = min(shortest, processorTime(t)-started)
	}
	return shortest
}

// processorTime is what the test has used so far; unlike the clock it does not run while others have the processors.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
