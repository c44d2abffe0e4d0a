package dataplane

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// retries is what a client of a service with several pods is advised to have.
const retries = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

// caller makes calls one after the other, all the time, until it is stopped.
type caller struct {
	mutex    sync.Mutex
	made     int
	failures []failure
	stop     func()
}

type failure struct {
	at  time.Time
	err error
}

// calling begins to make calls.
func (s *scene) calling(connection *grpc.ClientConn) *caller {
	ctx, cancel := context.WithCancel(s.Context())
	c := &caller{}
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			_, err := greet(ctx, connection)
			if ctx.Err() != nil {
				return
			}
			c.mutex.Lock()
			c.made++
			if err != nil {
				c.failures = append(c.failures, failure{time.Now(), err})
			}
			c.mutex.Unlock()
			time.Sleep(2 * time.Millisecond)
		}
	})
	c.stop = func() {
		cancel()
		done.Wait()
	}
	return c
}

// during gives what became of the calls while something was done, and a little after.
func (s *scene) during(does func()) *caller {
	s.Helper()
	connection := s.dial(8000, grpc.WithDefaultServiceConfig(retries))
	s.greets(codes.OK, connection)
	calls := s.calling(connection)
	does()
	time.Sleep(time.Second)
	calls.stop()
	require.Greater(s, calls.made, 50)
	return calls
}

// TestCreateUnderTraffic holds that a client with retries sees no more of create's rolling restart than of one by kubectl,
// that a second create is not seen at all, and that delete answers calls until it takes the way to the pods away.
func TestCreateUnderTraffic(t *testing.T) {
	s := on(t)
	s.create("--inject=none", "--restart=none")
	byKubectl := s.during(func() {
		s.kubectl("rollout", "restart", "deployment/server")
		s.kubectl("rollout", "status", "deployment/server", "--timeout=60s")
	})
	byCreate := s.during(func() { s.create() })
	assert.LessOrEqual(t, len(byCreate.failures), len(byKubectl.failures), "%v", byCreate.failures)

	again := s.during(func() {
		got := s.run("create", "deployment/server", "--port", "8000", "--target-port", "50051").exits(0)
		assert.Contains(t, got.stdout, "nothing to change")
	})
	assert.Empty(t, again.failures)

	var stillThere time.Time
	calls := s.during(func() {
		seen := s.lastSeen("virtualservice/server")
		s.run("delete", "deployment/server").exits(0)
		stillThere = <-seen
	})
	require.NotEmpty(t, calls.failures, "the way is gone")
	for _, failure := range calls.failures {
		assert.True(t, failure.at.After(stillThere), "%s before the route went: %v", stillThere.Sub(failure.at), failure.err)
	}
	// A connection that is still open gets the answer of a listener without routes; a new one gets none.
	last := status.Code(calls.failures[len(calls.failures)-1].err)
	assert.Contains(t, []codes.Code{codes.Unimplemented, codes.Unavailable}, last)
}

// lastSeen tells when an object was there for the last time.
func (s *scene) lastSeen(object string) <-chan time.Time {
	seen := make(chan time.Time, 1)
	go func() {
		var last time.Time
		for s.Context().Err() == nil {
			asked := time.Now()
			if _, err := s.Kubectl(s.Context(), "get", object, "-n", s.namespace); err != nil {
				break
			}
			last = asked
		}
		seen <- last
	}()
	return seen
}
