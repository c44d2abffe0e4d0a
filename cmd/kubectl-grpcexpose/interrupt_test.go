//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestInterrupt holds that Ctrl-C ends every command at once: in a computation, in reads that wait, while the API server does not
// answer, at a question.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	directory := t.TempDir()
	binary := filepath.Join(directory, "kubectl-grpcexpose")
	output, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(output))

	fifo := filepath.Join(directory, "fifo.yaml")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	large := filepath.Join(directory, "large.json")
	require.NoError(t, os.WriteFile(large, largeMesh(40_000), 0o600))
	silent := silentServer(t, directory)
	for name, arguments := range map[string][]string{
		"computation":      {"lint", "-f", large, "--self-contained"},
		"pipe":             {"lint", "-f", fifo},
		"standard input":   {"lint", "-f", "-"},
		"lint":             {"lint", "-A", "--kubeconfig", silent},
		"create":           {"create", "deployment/app", "--kubeconfig", silent},
		"delete":           {"delete", "deployment/app", "--kubeconfig", silent},
		"status":           {"status", "deployment/app", "--kubeconfig", silent},
		"verify":           {"verify", "deployment/app", "--kubeconfig", silent},
		"version":          {"version", "--kubeconfig", silent},
		"create with pipe": {"create", "deployment/app", "-f", fifo, "--kubeconfig", silent},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.Command(binary, arguments...)
			input, err := command.StdinPipe()
			require.NoError(t, err)
			defer input.Close()
			var stdout, stderr bytes.Buffer
			command.Stdout, command.Stderr = &stdout, &stderr
			require.NoError(t, command.Start())
			begun := 700 * time.Millisecond
			if name == "computation" {
				begun = 3 * time.Second // the file is read by then
			}
			interrupt(t, command, begun, &stderr)
		})
	}
	t.Run("question", func(t *testing.T) {
		file := filepath.Join(directory, "ask.yaml")
		require.NoError(t, os.WriteFile(file, []byte(askedFirst), 0o600))
		terminal, keyboard := pseudoTerminal(t)
		command := exec.Command(binary, "lint", "-f", file, "--self-contained", "--fix=all")
		var stderr bytes.Buffer
		command.Stdin, command.Stderr = terminal, &stderr
		require.NoError(t, command.Start())
		interrupt(t, command, 700*time.Millisecond, &stderr)
		assert.Contains(t, stderr.String(), "Go ahead?")
		require.NoError(t, keyboard.Close())
	})
}

// interrupt gives a command time to begin, interrupts it, and expects it to end.
func interrupt(t *testing.T, command *exec.Cmd, begun time.Duration, stderr *bytes.Buffer) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // its exit code says enough
		close(ended)
	}()
	select {
	case <-ended:
		t.Fatalf("it ended by itself: %s", stderr)
	case <-time.After(begun):
	}
	interrupted := time.Now()
	require.NoError(t, command.Process.Signal(os.Interrupt))
	select {
	case <-ended:
		t.Logf("ended after %v", time.Since(interrupted))
		assert.Less(t, time.Since(interrupted), time.Second)
		assert.Equal(t, 2, command.ProcessState.ExitCode(), stderr.String())
		assert.Contains(t, stderr.String(), "interrupted")
	case <-time.After(10 * time.Second):
		require.NoError(t, command.Process.Kill())
		t.Fatal("it goes on")
	}
}

// silentServer is the kubeconfig of an API server that takes requests and never answers.
func silentServer(t *testing.T, directory string) string {
	t.Helper()
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		select {
		case <-done:
		case <-request.Context().Done():
		}
	}))
	t.Cleanup(func() { close(done); server.Close() })
	path := filepath.Join(directory, "kubeconfig")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: silent
clusters: [{name: silent, cluster: {server: %q}}]
users: [{name: silent, user: {}}]
contexts: [{name: silent, context: {cluster: silent, user: silent}}]
`, server.URL), 0o600))
	return path
}

// largeMesh is a file that takes longer to check than the test waits.
func largeMesh(services int) []byte {
	var b strings.Builder
	b.WriteString(`{"apiVersion":"v1","kind":"List","items":[`)
	for i := range services {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{"selector":{"app":"app-%[1]d"},"ports":[{"port":8000,"targetPort":50051}]}},`, i)
		fmt.Fprintf(&b, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"app-%[1]d","namespace":"shop"},"spec":{"selector":{"matchLabels":{"app":"app-%[1]d"}},"template":{"metadata":{"labels":{"app":"app-%[1]d"}},"spec":{"containers":[{"name":"app","ports":[{"name":"grpc","containerPort":50051}]}]}}}}`, i)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// askedFirst has a fault whose fix restarts pods, about which lint --fix=all asks.
const askedFirst = `
apiVersion: v1
kind: Service
metadata: {name: app, namespace: shop}
spec:
  selector: {app: app}
  ports: [{name: http, port: 8000, targetPort: 50051}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: shop}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers: [{name: app, ports: [{name: grpc, containerPort: 50051}]}]
`

// pseudoTerminal is a terminal and the keyboard that types into it.
func pseudoTerminal(t *testing.T) (terminal, keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no terminals here: " + err.Error())
	}
	var locked, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		_, _, failure := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(unsafe.Pointer(value)))
		require.Zero(t, failure)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, keyboard
}
