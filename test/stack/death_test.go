package stack

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parentVariable makes this test binary play the part of a test that starts a stack and then is killed.
const parentVariable = "STACK_TEST_PARENT"

// offspring is what the parent says about its stack.
type offspring struct {
	Folder     string
	Supervisor int
	Processes  []int
}

// TestMain plays the parent where it is asked for.
func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), Options{Flavour: None})
	if err != nil {
		panic(err)
	}
	processes, err := s.supervisor.List()
	if err != nil {
		panic(err)
	}
	told := offspring{Folder: s.record.Plane.Folder, Supervisor: s.supervisor.PID()}
	for _, process := range processes {
		told.Processes = append(told.Processes, process.PID)
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		panic(err)
	}
	select {}
}

// killableParent starts a process that has started a stack.
func killableParent(t *testing.T) (*exec.Cmd, offspring) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a control plane")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=1")
	parent.Stderr = t.Output()
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	t.Cleanup(func() { _ = parent.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err)
	var told offspring
	require.NoError(t, json.Unmarshal(line, &told))
	require.Len(t, told.Processes, 5, "etcd, three of Kubernetes, kwok")
	for _, pid := range append(told.Processes, told.Supervisor) {
		require.True(t, alive(pid))
	}
	return parent, told
}

func alive(pid int) bool {
	return syscall.Kill(pid, 0) == nil
}

func assertGone(t *testing.T, pids ...int) {
	t.Helper()
	assert.EventuallyWithT(t, func(c *assert.CollectT) {
		for _, pid := range pids {
			assert.False(c, alive(pid), "process %d lives", pid)
		}
	}, 10*time.Second, 20*time.Millisecond)
}

func TestNothingOutlivesAKilledParent(t *testing.T) {
	parent, told := killableParent(t)
	require.NoError(t, parent.Process.Kill())
	require.ErrorContains(t, parent.Wait(), "signal: killed")
	assertGone(t, append(told.Processes, told.Supervisor)...)
	assert.NoDirExists(t, told.Folder)
}

func TestNoProcessOutlivesAKilledSupervisor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties processes to their parent")
	}
	_, told := killableParent(t)
	require.NoError(t, syscall.Kill(told.Supervisor, syscall.SIGKILL))
	assertGone(t, told.Processes...)
	status := statusOf(t.Context(), told.Folder, "killed")
	assert.Equal(t, "its processes are gone", status.Problem)
	was, err := Down(t.Context(), filepath.Base(told.Folder))
	require.NoError(t, err)
	assert.True(t, was)
	assert.NoDirExists(t, told.Folder)
}
