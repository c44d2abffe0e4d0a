package plugin

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

const deploymentAlone = `# by hand
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
      - name: server
        image: example.com/server
        ports: [{containerPort: 50051}]
`

// createOnFile runs create -f with a file of that content.
func createOnFile(t *testing.T, content string, flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	t.Setenv("KUBECONFIG", "/nowhere")
	file := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	streams, out, problems := report.FakeStreams("")
	command := NewCommand(streams)
	command.SetArgs(append([]string{"create", "-f", file, "--port", "8000"}, flags...))
	err = command.ExecuteContext(t.Context())
	return out.String(), problems.String(), err
}

// TestCreateOnFiles: the files come out complete in every format, and what was taken for granted is said.
func TestCreateOnFiles(t *testing.T) {
	for _, format := range []string{"yaml", "json", "name"} {
		t.Run(format, func(t *testing.T) {
			stdout, stderr, err := createOnFile(t, deploymentAlone, "-o", format)
			require.NoError(t, err)
			golden.Compare(t, "testdata/create/files."+format, stdout)
			assert.Contains(t, stderr, "note: The files do not say a namespace: took default; -n says another one\n")
			assert.Contains(t, stderr, "note: The files do not say which ports the gateway's Service opens: port 8000 must be among them\n")
		})
	}
	_, stderr, err := createOnFile(t, deploymentAlone, "-n", "test")
	require.NoError(t, err)
	assert.NotContains(t, stderr, "The files do not say a namespace")
}

// planned is what create decides in a mesh of the corpus.
func planned(t *testing.T, intent expose.Intent, snapshot *mesh.Snapshot) *expose.Result {
	t.Helper()
	result, err := expose.Build(intent, snapshot)
	require.NoError(t, err)
	return result
}

func ledger() expose.Intent {
	return expose.Intent{
		Namespace: "pay", Name: "ledger", TargetPort: intstr.FromInt32(50051),
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
}

// TestOutputWithoutWaiting: machines get the plan although nothing is waited for.
func TestOutputWithoutWaiting(t *testing.T) {
	result := planned(t, ledger(), corpus.Mesh(t, "gx102-namespace-not-injected"))
	for _, format := range []string{"", "yaml", "json", "name", "plan"} {
		t.Run(format, func(t *testing.T) {
			streams, out, problems := report.FakeStreams("")
			options := &createOptions{streams: streams, write: execution.Options{Output: format}}
			require.NoError(t, options.confirm(t.Context(), nil, result, false))
			assert.Equal(t, format == "", out.String() == "", out.String())
			assert.Contains(t, problems.String(), "not waited for")
			if format == "json" || format == "plan" {
				assert.True(t, json.Valid(out.Bytes()), out.String())
			}
		})
	}
}

// TestOutputTellsFindings: with machine output, what is still wrong goes to stderr: the exit code is 1 for a reason.
func TestOutputTellsFindings(t *testing.T) {
	snapshot := corpus.Mesh(t, "gx102-namespace-not-injected")
	result := planned(t, ledger(), snapshot)
	streams, out, problems := report.FakeStreams("")
	options := &createOptions{streams: streams, write: execution.Options{Output: "json"}}
	findings := []checks.Finding{{ID: "GX202", Level: checks.Error, Object: result.Workload.Object, Message: "No pod is ready."}}
	require.NoError(t, options.printResult(snapshot, result, expose.Exposure{}, findings, ""))
	assert.True(t, json.Valid(out.Bytes()), out.String())
	assert.Equal(t, "\nFindings on the path:\n  error GX202 Deployment pay/ledger: No pod is ready.\n", problems.String())
}

// TestInjectNoneWithoutInjector: --inject=none is what a refusal proposes where there is no injector, so it must do.
func TestInjectNoneWithoutInjector(t *testing.T) {
	snapshot := corpus.Mesh(t, "gx102-namespace-not-injected")
	var webhooks []mesh.Key
	for _, webhook := range snapshot.Objects(mesh.KindWebhook) {
		webhooks = append(webhooks, mesh.KeyOf(webhook))
	}
	snapshot = snapshot.With(mesh.Change{Removed: webhooks})
	intent := ledger()
	_, err := expose.Build(intent, snapshot)
	require.ErrorContains(t, err, "--inject=none")
	intent.Inject = expose.InjectNone
	warnings, err := review.Plan(intent, snapshot, planned(t, intent, snapshot))
	require.NoError(t, err)
	assert.Empty(t, warnings)
}

// TestNothingToUndo: machines get an empty answer in their format, and a name that is not there is an error.
func TestNothingToUndo(t *testing.T) {
	loaded := &cluster.Loaded{Snapshot: corpus.Mesh(t, "good-plain")}
	take := func(format string) (string, error) {
		streams, out, _ := report.FakeStreams("")
		options := &deleteOptions{
			streams: streams, write: execution.Options{Output: format, DryRun: execution.DryRunNone},
		}
		workload := mesh.Key{Kind: mesh.KindDeployment, Namespace: "hello", Name: "greeter"}
		err := options.nothingToUndo(&review.Undo{Workloads: []mesh.Key{workload}, Removal: &removal.Removal{}})
		return out.String(), err
	}
	text, err := take("")
	require.NoError(t, err)
	assert.Equal(t, "Deployment hello/greeter: nothing to undo\n", text)
	machine, err := take("json")
	require.NoError(t, err)
	assert.True(t, json.Valid([]byte(machine)), machine)
	_, err = review.UndoOf(loaded, mesh.Key{Kind: mesh.KindDeployment, Namespace: "hello", Name: "greetre"}, removal.Options{}, plan.Manager)
	require.ErrorContains(t, err, "deployment/greeter")
}

// TestInterruptedQuestion: Ctrl-C at the question ends the command, although nobody has pressed Enter.
func TestInterruptedQuestion(t *testing.T) {
	streams, _, _ := report.FakeStreams("")
	silent, writer := io.Pipe()
	defer writer.Close()
	streams.In = silent
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, execution.Confirm(ctx, streams), context.Canceled)
}
