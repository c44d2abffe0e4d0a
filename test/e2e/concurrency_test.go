package e2e

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// together runs commands at the same time.
func (s *scene) together(commands ...[]string) []outcome {
	s.Helper()
	outcomes := make([]outcome, len(commands))
	var group sync.WaitGroup
	for i, command := range commands {
		group.Go(func() { outcomes[i] = s.runQuietly(command...) })
	}
	group.Wait()
	return outcomes
}

// Two creates of one workload at once: whatever each says, a third one finds everything there, and delete gives it back.
func TestTwoCreatesOfOneWorkload(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + service(`, name: http`))
	before := s.picture()
	for _, result := range s.together(recipe(), recipe()) {
		assert.Contains(t, []int{0, 2}, result.code, result.stdout+result.stderr)
		if result.code == 2 {
			result.says("To go on:")
		}
	}
	s.settled()
	s.create().exits(0)
	s.settled()
	s.writesNothing(func() { s.create().exits(0).says("nothing to change") })
	s.delete().exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
}

// Two workloads for one host at once. Nothing locks the host between the look and the write, so both may be written; but then
// the look afterwards tells the one that gets no calls, and exit codes are not both 0. Each can be taken back.
func TestTwoCreatesForOneHost(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + orders)
	before := s.picture()
	outcomes := s.together(recipe(), []string{"create", "deployment/orders", "--port", "8000", "--target-port", "50051"})
	codes := []int{outcomes[0].code, outcomes[1].code}
	assert.NotEqual(t, []int{0, 0}, codes, "%s%s\n\n%s%s", outcomes[0].stdout, outcomes[0].stderr, outcomes[1].stdout, outcomes[1].stderr)
	s.runQuietly("delete", "deployment/orders").exits(0)
	s.create().exits(0)
	s.runQuietly("delete", "deployment/server", "--restart=namespace").exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
}
