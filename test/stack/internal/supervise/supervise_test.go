package supervise

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// supervised is a supervisor that runs in the test's own process.
type supervised struct {
	*Client
	folder string
	tether *io.PipeWriter
	served chan error
}

func supervisor(t *testing.T) *supervised {
	t.Helper()
	// Not t.TempDir: with a long test name the socket's path would not do.
	folder, err := os.MkdirTemp("", "supervise")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	theirs, ours := io.Pipe()
	s := &supervised{folder: folder, tether: ours, served: make(chan error, 1)}
	go func() { s.served <- Serve(folder, theirs) }()
	require.Eventually(t, func() bool {
		s.Client, err = Dial(folder)
		return err == nil
	}, 5*time.Second, time.Millisecond)
	t.Cleanup(func() { _ = ours.Close() })
	return s
}

func (s *supervised) shell(name, script string) Command {
	return Command{Name: name, Path: "/bin/sh", Arguments: []string{"-c", script}, Dir: s.folder, Log: filepath.Join(s.folder, name+".log")}
}

func alive(pid int) bool {
	return syscall.Kill(pid, 0) == nil
}

func TestDialWithoutASupervisor(t *testing.T) {
	_, err := Dial(t.TempDir())
	require.ErrorIs(t, err, ErrNotRunning)
}

func TestAProcessRunsUntilItIsStopped(t *testing.T) {
	s := supervisor(t)
	process, err := s.Start(s.shell("sleeper", "echo begun; exec sleep 100"))
	require.NoError(t, err)
	assert.True(t, process.Running)
	assert.True(t, alive(process.PID))
	_, err = s.Start(s.shell("sleeper", "exit 0"))
	require.ErrorContains(t, err, "sleeper runs already")
	require.Eventually(t, func() bool {
		content, _ := os.ReadFile(process.Log)
		return string(content) == "begun\n"
	}, 5*time.Second, time.Millisecond, "the log has what it printed")

	stopped, err := s.Stop("sleeper")
	require.NoError(t, err)
	assert.False(t, stopped.Running)
	assert.Equal(t, "signal: terminated", stopped.Exit)
	assert.False(t, alive(process.PID))

	again, err := s.Start(s.shell("sleeper", "exec sleep 100"))
	require.NoError(t, err)
	assert.NotEqual(t, process.PID, again.PID)
	list, err := s.List()
	require.NoError(t, err)
	assert.Len(t, list, 1, "the new process takes the place of the old one")
}

func TestListSaysHowProcessesEnded(t *testing.T) {
	s := supervisor(t)
	_, err := s.Start(s.shell("failing", "exit 3"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		list, err := s.List()
		return err == nil && len(list) == 1 && !list[0].Running && list[0].Exit == "exit status 3"
	}, 5*time.Second, time.Millisecond)
}

func TestAProgramThatIsNotThere(t *testing.T) {
	s := supervisor(t)
	_, err := s.Start(Command{Name: "none", Path: "/nonexistent", Dir: s.folder, Log: filepath.Join(s.folder, "none.log")})
	require.ErrorContains(t, err, "start none: ")
	_, err = s.Stop("none")
	require.ErrorContains(t, err, "none was never started")
}

func TestEverythingEnds(t *testing.T) {
	ways := map[string]func(*supervised) error{
		"on demand":                            func(s *supervised) error { return s.Shutdown() },
		"with the program at the tether's end": func(s *supervised) error { return s.tether.Close() },
	}
	for way, end := range ways {
		t.Run(way, func(t *testing.T) {
			s := supervisor(t)
			// One that does not listen to SIGTERM.
			process, err := s.Start(s.shell("stubborn", "trap '' TERM; while :; do sleep 0.1; done"))
			require.NoError(t, err)
			require.NoError(t, end(s))
			require.NoError(t, <-s.served)
			assert.False(t, alive(process.PID))
			assert.NoDirExists(t, s.folder)
			_, err = Dial(s.folder)
			require.ErrorIs(t, err, ErrNotRunning)
		})
	}
}

func TestAReleasedStackOutlivesItsTether(t *testing.T) {
	s := supervisor(t)
	process, err := s.Start(s.shell("sleeper", "exec sleep 100"))
	require.NoError(t, err)
	require.NoError(t, s.Release())
	require.NoError(t, s.tether.Close())
	time.Sleep(50 * time.Millisecond)
	assert.True(t, alive(process.PID))
	require.NoError(t, s.Shutdown())
	assert.False(t, alive(process.PID))
}
