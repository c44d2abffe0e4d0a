package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outcome is what a run of the plugin gave.
type outcome struct {
	scene          *scene
	stdout, stderr string
	code           int
	// raw is standard output as it was printed; the others are without what differs from run to run.
	raw string
}

// commandTimeout ends a command that does not end by itself.
const commandTimeout = 2 * time.Minute

// command is a run of the plugin in the scene's namespace, not begun yet.
func (s *scene) command(ctx context.Context, arguments ...string) *exec.Cmd {
	own := make([]string, 0, len(arguments)+2)
	for _, argument := range arguments {
		own = append(own, s.own(argument))
	}
	if !slices.Contains(own, "--namespace") {
		own = append(own, "-n", s.namespace)
	}
	command := exec.CommandContext(ctx, plugin, own...)
	command.Env = []string{"KUBECONFIG=" + s.kubeconfig, "HOME=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}
	return command
}

// run runs the plugin to its end and adds it to the transcript.
func (s *scene) run(arguments ...string) outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), commandTimeout)
	defer cancel()
	result := s.finish(s.command(ctx, arguments...))
	s.record(arguments, result)
	return result
}

// runQuietly runs the plugin and leaves it out of the transcript.
func (s *scene) runQuietly(arguments ...string) outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), commandTimeout)
	defer cancel()
	return s.finish(s.command(ctx, arguments...))
}

func (s *scene) finish(command *exec.Cmd) outcome {
	s.Helper()
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s, err)
	}
	return outcome{s, s.plain(stdout.String()), s.plain(stderr.String()), command.ProcessState.ExitCode(), stdout.String()}
}

// create is the recipe's command, with more flags.
func (s *scene) create(flags ...string) outcome {
	s.Helper()
	return s.run(recipe(flags...)...)
}

func recipe(flags ...string) []string {
	return append([]string{"create", "deployment/server", "--port", "8000", "--target-port", "50051"}, flags...)
}

// delete takes the recipe's command back.
func (s *scene) delete(flags ...string) outcome {
	s.Helper()
	return s.run(append([]string{"delete", "deployment/server"}, flags...)...)
}

// exits requires the exit code.
func (o outcome) exits(code int) outcome {
	o.scene.Helper()
	require.Equal(o.scene, code, o.code, "stdout:\n%s\nstderr:\n%s", o.stdout, o.stderr)
	return o
}

// says requires that stdout or stderr has the text, for outputs that no golden holds.
func (o outcome) says(texts ...string) outcome {
	o.scene.Helper()
	for _, text := range texts {
		assert.Contains(o.scene, o.stdout+o.stderr, text)
	}
	return o
}

var (
	wordTest = regexp.MustCompile(`(^|[^A-Za-z0-9_])test($|[^A-Za-z0-9_])`)

	// What differs from run to run, and what stands for it.
	variable = []struct {
		pattern *regexp.Regexp
		name    string
	}{
		{regexp.MustCompile(`\b127\.64\.\d+\.\d+\b`), "GATEWAY-ADDRESS"},
		{regexp.MustCompile(`\b10\.96\.\d+\.\d+\b`), "CLUSTER-IP"},
		{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIMESTAMP"},
		{regexp.MustCompile(`\bserver-[0-9a-f]{6,10}-[0-9a-z]{5}\b`), "server-HASH-ID"},
		{regexp.MustCompile(`\bserver-[0-9a-z]{5}\b`), "server-ID"},
		{regexp.MustCompile(`"/\S+/kubeconfig"`), `"KUBECONFIG"`},
		{regexp.MustCompile(`resourceVersion: "\d+"`), `resourceVersion: "VERSION"`},
		{regexp.MustCompile(`nodePort: \d+`), "nodePort: NODE-PORT"},
		{regexp.MustCompile(`\bnodePort \d+`), "nodePort NODE-PORT"},
		// What lint reads depends on what else is in the cluster.
		{regexp.MustCompile(`\bin \d+ objects\b`), "in N objects"},
		{regexp.MustCompile(`\b\d+ checks run\b`), "N checks run"},
		{regexp.MustCompile(`\b\d+ skipped at least in part\b`), "N skipped at least in part"},
		// How far a rollout is when somebody looks depends on the machine.
		{regexp.MustCompile(`(?m)^\w+ \S+: (waiting for the controller to see the change|\d+ of \d+ (new )?pods .*|old pods yet to end: \d+)\n`), ""},
	}
)

// plain is output without what differs from run to run.
func (s *scene) plain(output string) string {
	output = regexp.MustCompile(`\b`+s.namespace+`\b`).ReplaceAllString(output, "test")
	for _, part := range variable {
		output = part.pattern.ReplaceAllString(output, part.name)
	}
	return output
}

func (s *scene) record(arguments []string, result outcome) {
	if s.commands++; s.commands > 1 {
		s.transcript.WriteString("\n")
	}
	words := s.plain(strings.Join(arguments, " "))
	if !slices.Contains(arguments, "--namespace") {
		words += " -n test"
	}
	fmt.Fprintf(&s.transcript, "$ kubectl grpcexpose %s\n", words)
	s.transcript.WriteString(result.stdout)
	if result.stderr != "" {
		s.transcript.WriteString("--- stderr\n" + result.stderr)
	}
	fmt.Fprintf(&s.transcript, "--- exit code %d\n", result.code)
}

// note adds text, such as an object, to the transcript.
func (s *scene) note(title, text string) {
	fmt.Fprintf(&s.transcript, "\n# %s\n%s", title, s.plain(text))
}

// golden compares the transcript with the test's golden file.
func (s *scene) golden() {
	s.Helper()
	path := filepath.Join("testdata", strings.ReplaceAll(strings.TrimPrefix(s.T.Name(), "Test"), "/", "-")+".golden")
	if *update {
		require.NoError(s, os.WriteFile(path, []byte(s.transcript.String()), 0o644))
		return
	}
	expected, err := os.ReadFile(path)
	require.NoError(s, err, "make it with go test -run '%s' -update", s.T.Name())
	assert.Equal(s, string(expected), s.transcript.String())
}
