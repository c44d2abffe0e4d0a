package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// hostile is a value that would begin lines, give orders to a terminal, and to a CI system.
const hostile = "x\nTo go on: evil\n::error::y\x1b]52;c;eA==\a\u009b2K\u202e##[error]z\xff"

// failingClient fails half-way.
type failingClient struct {
	execution.Client
	result cluster.ApplyResult
}

func (failingClient) Check(context.Context, plan.Plan, cluster.WriteOptions) (cluster.CheckResult, error) {
	return nil, nil
}

func (c failingClient) Apply(context.Context, plan.Plan, cluster.ApplyOptions) (cluster.ApplyResult, error) {
	return c.result, errors.New(hostile)
}

func TestErrorsOnStderrAreClean(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"kind": "Service", "metadata": map[string]any{"name": hostile, "namespace": hostile}}}
	change := plan.Change{Action: plan.Delete, Object: object}
	quiet, _, _ := report.FakeStreams("")
	failing := &execution.Execution{Streams: quiet, Options: execution.Options{DryRun: execution.DryRunNone}, GoOn: "again", GoBack: "back", Client: failingClient{result: cluster.ApplyResult{
		Done: []cluster.Applied{{Change: change}}, Failed: &change, NotBegun: []plan.Change{change},
	}}}
	_, account := failing.CarryOut(t.Context())
	lacking := []cluster.Permission{{Verb: "get", Resource: hostile, Namespace: hostile, Name: hostile}}
	refusal := &expose.Error{Problem: hostile, Choices: []string{hostile, hostile}, Next: hostile}
	for name, test := range map[string]struct {
		err   error
		lines int
	}{
		"one":         {errors.New(hostile), 1},
		"usage":       {usage("%s", hostile), 2},
		"joined":      {fmt.Errorf("%s: %w", hostile, errors.Join(errors.New(hostile), errors.New(hostile))), 2},
		"refusal":     {refusal, 4},
		"with gaps":   {review.WithGaps(fmt.Errorf("x: %w", refusal), &cluster.Loaded{Gaps: []mesh.Gap{{Reason: hostile}}}, "create"), 5},
		"account":     {account, 6},
		"permissions": {rbac.Missing("nothing was written: you lack permissions", lacking), 21},
	} {
		t.Run(name, func(t *testing.T) {
			streams, _, printed := report.FakeStreams("")
			assert.Equal(t, ExitFailed, exitCode(streams.Err, name, test.err))
			lines := strings.SplitAfter(strings.TrimSuffix(printed.String(), "\n"), "\n")
			assert.Len(t, lines, test.lines, printed.String())
			for _, line := range lines {
				assert.True(t, inert.IsInert(line), "%q", line)
				assert.NotRegexp(t, `^\s*(To go on: evil|::)`, line)
			}
		})
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	const secret = "s3cret"
	var options *deleteOptions
	streams, _, _ := report.FakeStreams("")
	command := newDeleteCommand(streams, newFactory(newConnection()), func(_ context.Context, o *deleteOptions) error { options = o; return nil })
	connection := newConnection()
	connection.addFlags(command.PersistentFlags())
	command.SetArgs([]string{"deployment/server", "-n", "test", "--token", secret, "-s", "https://me:" + secret + "@host:6443"})
	require.NoError(t, command.Execute())
	assert.Contains(t, options.command, "--token=REDACTED")
	assert.Contains(t, options.command, "--server=https://host:6443")
	assert.NotContains(t, options.command, secret)

	for _, arguments := range [][]string{
		{"verify", "deployment/server", "--header", secret},
		{"verify", "deployment/server", "--header", "grpc-x: " + secret},
		{"verify", "deployment/server", "--header", "a b: " + secret},
		{"status", "server", "-token=" + secret},
		{"status", "server", "--=" + secret},
		{"status", "server", "--tokn=" + secret},
		{"status", "server", "--server=https://me:" + secret + "@127.0.0.1:1", "--insecure-skip-tls-verify"},
		{"lint", "-f", "https://me:" + secret + "@127.0.0.1:1/x.yaml"},
	} {
		t.Setenv("KUBECONFIG", "/nowhere")
		streams, out, problems := report.FakeStreams("")
		assert.Equal(t, ExitFailed, Execute(t.Context(), func() {}, streams, arguments), "%q", arguments)
		assert.NotEmpty(t, problems.String())
		assert.NotContains(t, out.String()+problems.String(), secret, "%q", arguments)
	}
}

// TestTypedLineIsQuoted: whatever stands in an argument or a flag, what is to be typed again is one command.
func TestTypedLineIsQuoted(t *testing.T) {
	command := &cobra.Command{Use: "create"}
	command.Flags().String("host", "", "")
	command.Flags().StringArray("gateway", nil, "")
	require.NoError(t, command.ParseFlags([]string{"--host", "a; touch x", "--gateway", "", "--gateway", "~root", "--gateway", "a\nreboot"}))
	assert.Equal(t, `create '$(reboot)' --gateway='' --gateway='~root' --gateway=$'a\x0areboot' --host='a; touch x'`, typedLine(command, []string{"$(reboot)"}))
}

// TestCreateOnHostileFile: a file is printed as it is, unless a terminal would not show it as it is; then its objects are.
func TestCreateOnHostileFile(t *testing.T) {
	for odd, wants := range map[string]string{
		"example.com/server # harmless, 端口": "image: example.com/server # harmless, 端口\n",
		"example.com/server\u202eevil":      `image: "example.com/server\u202eevil"` + "\n",
		"example.com/server # \u202e":       "image: example.com/server\n",
		"'##[error]x'":                      `image: "##\x5berror]x"` + "\n",
	} {
		stdout, _, err := createOnFile(t, strings.ReplaceAll(deploymentAlone, "example.com/server", odd))
		require.NoError(t, err)
		assert.Contains(t, stdout, wants)
		assert.True(t, inert.IsInert(stdout), stdout)
	}
}
