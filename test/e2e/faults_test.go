package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// interruption is a way in which a command is stopped at a request.
type interruption struct {
	befalls fault
	// signal, if not 0, is sent to the command instead of an answer.
	signal syscall.Signal
}

var (
	ctrlC = interruption{silence, syscall.SIGINT}
	// others are tried one after the other, another one at each request.
	others = []interruption{{befalls: lostRequest}, {silence, syscall.SIGKILL}, {befalls: lostAnswer}, {befalls: serverError}}
)

// runInterrupted runs a command that is interrupted at the request of that number, and says whether it got that far.
func (s *scene) runInterrupted(p *proxy, at int, how interruption, arguments ...string) (result outcome, reached bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), commandTimeout)
	defer cancel()
	command := s.command(ctx, arguments...)
	var struck atomic.Bool
	p.take()
	p.fault = func(number int) fault {
		if number != at {
			return none
		}
		struck.Store(true)
		if how.signal != 0 {
			_ = command.Process.Signal(how.signal)
		}
		return how.befalls
	}
	result = s.finish(command)
	p.fault = nil
	return result, struck.Load()
}

// Whatever request of create is the last one, or the one that fails: create again converges, and delete leaves everything
// as it was. Where nothing had been written yet, the account says so or names nothing as done.
func TestCreateStoppedAtEveryRequest(t *testing.T) {
	t.Run("Ctrl-C", func(t *testing.T) {
		stopAtEveryRequest(t, onDefault, func(int) interruption { return ctrlC }, recipe()...)
	})
	t.Run("others", func(t *testing.T) {
		stopAtEveryRequest(t, onRevisions, func(at int) interruption { return others[at%len(others)] }, recipe("--revision", "1-26")...)
	})
}

func stopAtEveryRequest(t *testing.T, shared *sharedStack, how func(at int) interruption, create ...string) {
	s := on(t, shared)
	s.given(server + "---" + service(`, name: http`))
	p := s.throughProxy()
	before := s.picture()
	for at := 1; !t.Failed(); at++ {
		result, reached := s.runInterrupted(p, at, how(at), create...)
		if !reached {
			assert.Greater(t, at, 30, "a create has more requests than that")
			result.exits(0)
			s.runQuietly("delete", create[1]).exits(0)
			return
		}
		requests := p.take()
		where := fmt.Sprintf("%v at request %d (%s)", how(at), at, line(requests, at))
		checkAccount(s, where, how(at), result, requests, "To go on:", "To go back:")
		if len(untilWrite(requests)) == len(requests) {
			// Create again is a first create then, and needs no other test.
			assert.Equal(t, before, s.picture(), "nothing has been written after %s", where)
			continue
		}
		again := s.runQuietly(create...)
		assert.Zero(t, again.code, "create again after %s:\n%s%s\nfirst:\n%s", where, again.stdout, again.stderr, result.stderr)
		s.settled()
		s.hasProxies(2, nativeSidecar)
		taken := s.runQuietly("delete", create[1])
		assert.Zero(t, taken.code, "delete after %s:\n%s", where, taken.stderr)
		s.settled()
		assert.Equal(t, before, s.picture(), "create and delete after %s", where)
	}
}

func line(requests []request, at int) string {
	if at > len(requests) {
		return "not seen"
	}
	return requests[at-1].line
}

// checkAccount looks at what an interrupted command says. One that had its way in spite of the fault, or that was only about
// to tell of it, ends well.
func checkAccount(s *scene, where string, how interruption, result outcome, requests []request, commands ...string) {
	s.Helper()
	if how.signal == syscall.SIGKILL {
		return
	}
	assert.Contains(s, []int{0, 2}, result.code, "%s:\n%s", where, result.stderr)
	if result.code == 0 {
		return
	}
	assert.NotEmpty(s, result.stderr, where)
	assert.NotContains(s, result.stderr, "goroutine", where)
	if how.signal != 0 {
		assert.Contains(s, result.stderr, "interrupted", where)
	}
	if strings.Contains(result.stderr, "\n  done ") {
		result.says(commands...)
	} else if len(untilWrite(requests)) < len(requests) {
		assert.Regexp(s, "not done |unknown |everything was done", result.stderr, where)
	}
}

// The same for delete: stopped at any request, a second delete leaves everything as it was before create.
func TestDeleteStoppedAtEveryRequest(t *testing.T) {
	s := on(t, onOrdinary)
	s.given(server + "---" + service(`, name: http`))
	p := s.throughProxy()
	before := s.picture()
	created := ""
	for at := 1; !t.Failed(); at++ {
		how := ctrlC
		if at%2 == 0 {
			how = others[at/2%len(others)]
		}
		if created == "" {
			s.runQuietly(recipe()...).exits(0)
			s.settled()
			created = s.picture()
		}
		result, reached := s.runInterrupted(p, at, how, "delete", "deployment/server")
		if !reached {
			assert.Greater(t, at, 15, "a delete has more requests than that")
			result.exits(0)
			break
		}
		requests := p.take()
		where := fmt.Sprintf("%v at request %d (%s)", how, at, line(requests, at))
		checkAccount(s, where, how, result, requests, "To go on:")
		if len(untilWrite(requests)) == len(requests) {
			assert.Equal(t, created, s.picture(), "nothing has been written after %s", where)
			continue
		}
		again := s.runQuietly("delete", "deployment/server")
		assert.Zero(t, again.code, "delete again after %s:\n%s", where, again.stderr)
		s.settled()
		assert.Equal(t, before, s.picture(), "delete again after %s", where)
		created = ""
	}
	s.settled()
	assert.Equal(t, before, s.picture())
}
