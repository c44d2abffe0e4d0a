package plugin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// TestCreateMakesThePathWhole holds the first law on every workload of the corpus that serves gRPC: create either refuses
// and says why, or leaves a path without errors; warnings that it leaves were there before and are told. Which it is for
// each workload stands in a golden file, so that a refusal that is new, or none any more, is seen.
func TestCreateMakesThePathWhole(t *testing.T) {
	var outcomes []string
	for _, name := range corpus.Names(t) {
		snapshot := corpus.Mesh(t, name)
		for workload, ports := range exposure.ExposedWorkloads(snapshot) {
			outcome := createOn(t, name, snapshot, workload, ports[0])
			outcomes = append(outcomes, fmt.Sprintf("%s %s: %s\n", name, workload.Key, outcome))
		}
	}
	slices.Sort(outcomes)
	golden.Compare(t, "testdata/laws.golden", strings.Join(outcomes, ""))
}

// TestCreateTrustsTheController: where a controller opens the gateway's ports, as on Tencent Cloud Mesh, a port that is not
// open yet is awaited, not refused.
func TestCreateTrustsTheController(t *testing.T) {
	snapshot := corpus.Mesh(t, "good-tcm")
	intent := expose.Intent{
		Namespace: "fair", Name: "gates", Port: 9443, TargetPort: intstr.FromInt32(50051),
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
	result, err := expose.Build(intent, snapshot)
	require.NoError(t, err)
	assert.Equal(t, &mesh.Key{Kind: mesh.KindService, Namespace: "istio-system", Name: "istio-ingressgateway"}, result.AwaitPort)
	warnings, err := review.Plan(intent, snapshot, result)
	require.NoError(t, err)
	assert.Empty(t, warnings)
}

func createOn(t *testing.T, name string, snapshot *mesh.Snapshot, w *workload.Workload, port *exposure.ExposedPort) string {
	t.Helper()
	intent := expose.Intent{
		Kind: w.Key.Kind, Namespace: w.Namespace(), Name: w.Name(), Port: port.Port.Port,
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
	if number, _, ok := workload.TargetPort(port.Port, w.Template); ok {
		intent.TargetPort = intstr.FromInt32(number)
	}
	result, err := expose.Build(intent, snapshot)
	if err != nil {
		return "refused: " + firstLine(err)
	}
	warnings, err := review.Plan(intent, snapshot, result)
	if err != nil {
		return "refused: " + strings.ReplaceAll(strings.Join(ids(err), " "), "\n", " ")
	}
	after := result.After
	before := map[string]bool{}
	for _, finding := range lint.Run(snapshot, lint.Options{}).Findings {
		before[finding.ID+mesh.KeyOf(finding.Object).String()] = true
	}
	told := "whole"
	for _, finding := range review.OnPath(intent, after, result) {
		if !finding.Level.AtLeast(checks.Warning) {
			continue
		}
		assert.Truef(t, before[finding.ID+mesh.KeyOf(finding.Object).String()], "%s: create of %s brings %s %s: %s",
			name, w.Key, finding.ID, mesh.KeyOf(finding.Object), finding.Message)
		told += ", told of " + finding.ID
	}
	assert.LessOrEqual(t, strings.Count(told, "told"), len(warnings), "a warning that is left must be told: %s", name)
	again, err := expose.Build(intent, after)
	require.NoError(t, err, name)
	assert.Emptyf(t, again.Plan.Changes, "%s: the second create of %s is not empty", name, w.Key)
	return told
}

// ids are the checks that a refusal names.
func ids(err error) []string {
	var found []string
	for line := range strings.Lines(err.Error()) {
		if id := strings.TrimSpace(line); strings.HasPrefix(id, "GX") {
			found = append(found, id[:5])
		}
	}
	return found
}
