package e2e

import (
	"bufio"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watcher is a lint --watch that runs.
type watcher struct {
	*scene
	lines     chan string
	interrupt func()
	// end gives the exit code after an interrupt.
	end func() int
}

// watch begins lint --watch and waits until it watches.
func (s *scene) watch(flags ...string) *watcher {
	s.Helper()
	command := s.command(s.Context(), append([]string{"lint", "--watch"}, flags...)...)
	out, err := command.StdoutPipe()
	require.NoError(s, err)
	progress, err := command.StderrPipe()
	require.NoError(s, err)
	require.NoError(s, command.Start())
	w := &watcher{scene: s, lines: make(chan string, 1000)}
	follow := func(stream io.Reader) chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for scanner := bufio.NewScanner(stream); scanner.Scan(); {
				w.lines <- s.plain(scanner.Text())
			}
		}()
		return done
	}
	read := []chan struct{}{follow(out), follow(progress)}
	w.interrupt = func() { require.NoError(s, command.Process.Signal(syscall.SIGINT)) }
	w.end = func() int {
		for _, done := range read {
			<-done
		}
		_ = command.Wait() // the exit code is looked at
		return command.ProcessState.ExitCode()
	}
	w.sees("Watching; press Ctrl-C to end.")
	return w
}

// sees waits for a line with the text.
func (w *watcher) sees(text string) {
	w.Helper()
	var seen []string
	patience := time.After(rolloutPatience)
	for {
		select {
		case line := <-w.lines:
			if strings.Contains(line, text) {
				return
			}
			seen = append(seen, line)
		case <-patience:
			require.Fail(w, "not seen", "%s\nbut\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// Findings appear and go as objects change; Ctrl-C ends it with what is left as exit code.
func TestLintWatch(t *testing.T) {
	s := on(t, onDefault)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	w := s.watch()
	s.given(meshless)
	w.sees("+ warning GX301 Service test/server")
	s.patch("services", "server", `{"spec":{"ports":[{"name":"grpc","port":8000,"targetPort":50051}]}}`)
	w.sees("- warning GX301 Service test/server")
	s.put(strings.NewReplacer("name: http", "name: grpc", "  type: NodePort\n", "", "orders.example.com\"], gateways", "payments.example.com\"], gateways").Replace(faulty))
	w.sees("+ error GX502 VirtualService test/server")
	s.kubectl("delete", "virtualservice", "server", "-n", "test")
	w.sees("- error GX502 VirtualService test/server")
	s.kubectl("delete", "gateway.networking.istio.io", "server", "-n", "test")
	w.sees("- warning GX414 Gateway test/server")
	w.interrupt()
	assert.Equal(t, 0, w.end())

	s.patch("services", "server", `{"spec":{"ports":[{"name":"http","port":8000,"targetPort":50051}]}}`)
	w = s.watch("deployment/server")
	w.interrupt()
	assert.Equal(t, 1, w.end(), "a warning is left")
}
