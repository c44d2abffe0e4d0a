package lint

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestChecksReadWhatTheyDeclare runs every check alone over every case: what it reads it has declared. A Snapshot remembers
// what it has worked out, so each run gets one of its own.
func TestChecksReadWhatTheyDeclare(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	cases := casetest.All(t)
	for _, check := range All() {
		t.Run(check.ID, func(t *testing.T) {
			t.Parallel()
			var reading sync.Mutex
			undeclared := map[mesh.Kind]string{}
			for _, c := range cases {
				Run(c.Snapshot(t, func(kind mesh.Kind) {
					reading.Lock()
					defer reading.Unlock()
					if !slices.Contains(check.Reads, kind) && !slices.Contains(check.Consults, kind) {
						undeclared[kind] = c.Name
					}
				}), Options{Checks: []*checks.Check{check}})
			}
			for _, kind := range slices.Sorted(maps.Keys(undeclared)) {
				t.Errorf("reads %s, which it does not declare (in %s)", kind, undeclared[kind])
			}
		})
	}
}
