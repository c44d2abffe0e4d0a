//go:build unix

package plugin

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lintrun"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

func TestSettingsOfOthersAreNotUsed(t *testing.T) {
	strangersTree(t, "checks: [GX509]\n")
	lint := []string{"lint", "-f", "shop.yaml", "--self-contained"}
	require.NoError(t, os.Chmod(manifest.SettingsFile, 0o666))
	got := command(t, lint...)
	assert.Equal(t, ExitFailed, got.code)
	assert.Contains(t, got.err, "is not used: everyone may write it; make it yours and writable only for you, or name it with --config if you trust it")
	assert.NotEqual(t, ExitFailed, command(t, append(lint, "--config", manifest.SettingsFile)...).code, "the user names it")

	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	require.NoError(t, os.Chmod(manifest.SettingsFile, 0o644))
	require.NoError(t, os.Chown(manifest.SettingsFile, 12345, -1))
	got = command(t, lint...)
	assert.Equal(t, ExitFailed, got.code)
	assert.Contains(t, got.err, "is not used: it belongs to another user (12345)")
}

// TestNothingBlocks names pipes and devices where files belong.
func TestNothingBlocks(t *testing.T) {
	strangersTree(t, "")
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	for name, arguments := range map[string][]string{
		"settings, pipe":        {"--config", "pipe"},
		"settings, device":      {"--config", "/dev/zero"},
		"baseline, pipe":        {"--baseline", "pipe"},
		"baseline, device":      {"--baseline", "/dev/zero"},
		"new baseline, pipe":    {"--baseline", "pipe", "--write-baseline"},
		"new baseline, device":  {"--baseline", "/dev/zero", "--write-baseline"},
		"baseline, directory":   {"--baseline", "real"},
		"settings, a directory": {"--config", "real"},
	} {
		got := command(t, append([]string{"lint", "-f", "shop.yaml"}, arguments...)...)
		assert.Equal(t, ExitFailed, got.code, name)
		assert.Contains(t, got.err, "cannot be read: it is not a regular file", name)
	}
	require.NoError(t, os.Remove(manifest.SettingsFile))
	require.NoError(t, os.Rename("pipe", manifest.SettingsFile))
	assert.Contains(t, command(t, "lint", "-f", "shop.yaml").err, "cannot be read: it is not a regular file", "the settings that are found")

	require.NoError(t, os.Remove(manifest.SettingsFile))
	require.NoError(t, os.WriteFile("large", make([]byte, lintrun.MaxSettings+1), 0o600))
	assert.Contains(t, command(t, "lint", "-f", "shop.yaml", "--config", "large").err, "cannot be read: it is too large")
}

// TestInterruptWhileReading names a pipe that nobody writes to, and standard input that does not end.
func TestInterruptWhileReading(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	endless, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = writer.Close() }()
	for _, arguments := range [][]string{{"lint", "-f", pipe}, {"create", "deployment/a", "-f", pipe}, {"lint", "-f", "-"}, {"create", "deployment/a", "-f", "-"}} {
		ctx, interrupt := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, interrupt)
		streams, _, _ := report.FakeStreams("")
		streams.In = endless
		started := time.Now()
		assert.NotEqual(t, ExitFine, Execute(ctx, func() {}, streams, arguments))
		assert.Less(t, time.Since(started), 500*time.Millisecond, arguments)
	}
}

// TestNamedPipe is a process substitution: a pipe that the user names.
func TestNamedPipe(t *testing.T) {
	lintFiles(t)
	text := manifestText(t, "shop.yaml")
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	go func() { _ = os.WriteFile("pipe", []byte(text), 0o600) }()
	got := command(t, "lint", "-f", "pipe", "--self-contained")
	assert.Equal(t, ExitBad, got.code, got.err)
	assert.Contains(t, got.out, "GX301")
}
