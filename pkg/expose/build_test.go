package expose_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// now is when every test takes place: within the validity of the test certificate.
var now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// request is the comment at the top of a case: what the user asks for.
type request struct {
	Base            string              `json:"base"`
	Kind            mesh.Kind           `json:"kind"`
	Namespace       string              `json:"namespace"`
	Name            string              `json:"name"`
	TargetPort      string              `json:"targetPort"`
	Port            int32               `json:"port"`
	Service         string              `json:"service"`
	PortFix         expose.PortFix      `json:"portFix"`
	Inject          expose.Inject       `json:"inject"`
	Revision        string              `json:"revision"`
	Restart         remedy.RestartScope `json:"restart"`
	GatewaySelector map[string]string   `json:"gatewaySelector"`
	GatewayWorkload string              `json:"gatewayWorkload"`
	Gateway         string              `json:"gateway"`
	OpenGatewayPort bool                `json:"openGatewayPort"`
	Hosts           []string            `json:"hosts"`
	GRPCServices    []string            `json:"grpcServices"`
	TLSSecret       string              `json:"tlsSecret"`
	TLSMutual       bool                `json:"tlsMutual"`
	Offline         bool                `json:"offline"`
}

func (r request) intent() expose.Intent {
	intent := expose.Intent{
		Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Port: r.Port, Service: r.Service, PortFix: r.PortFix,
		Inject: r.Inject, Revision: r.Revision, Restart: r.Restart, GatewaySelector: r.GatewaySelector, Gateway: r.Gateway, GatewayWorkload: r.GatewayWorkload,
		OpenGatewayPort: r.OpenGatewayPort, Hosts: r.Hosts, GRPCServices: r.GRPCServices,
		TLSSecret: r.TLSSecret, TLSMutual: r.TLSMutual, Offline: r.Offline,
	}
	if r.TargetPort != "" {
		intent.TargetPort = intstr.Parse(r.TargetPort)
	}
	if intent.Inject == "" {
		intent.Inject = expose.InjectNamespace
	}
	if intent.Restart == "" {
		intent.Restart = remedy.RestartWorkload
	}
	return intent
}

// readCase reads a case: its comment is the request, its documents come on top of the base.
func readCase(t *testing.T, path string) (expose.Intent, *mesh.Snapshot) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var comment strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		comment.WriteString(strings.TrimPrefix(line, "# "))
	}
	var r request
	require.NoError(t, yaml.UnmarshalStrict([]byte(comment.String()), &r))
	objects := parse(t, string(text))
	if r.Base != "" {
		base, err := os.ReadFile(filepath.Join("..", "lint", "testdata", "corpus", "_base-"+r.Base+".yaml"))
		require.NoError(t, err)
		objects = append(parse(t, string(base)), objects...)
	}
	return r.intent(), mesh.New(objects, mesh.Options{Now: now})
}

func parse(t *testing.T, text string) []mesh.Sourced {
	t.Helper()
	var objects []mesh.Sourced
	for document := range strings.SplitSeq(text, "\n---") {
		data, err := yaml.YAMLToJSON([]byte(document))
		require.NoError(t, err)
		if string(data) == "null" {
			continue
		}
		object, known, err := mesh.Decode(data)
		require.NoError(t, err)
		if known {
			objects = append(objects, mesh.Sourced{Object: object})
		}
	}
	return objects
}

func cases(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	return paths
}

// TestBuild compares what create decides for each case, or why it refuses, with the case's golden file.
func TestBuild(t *testing.T) {
	for _, path := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			intent, snapshot := readCase(t, path)
			result, err := expose.Build(intent, snapshot)
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", describe(t, result, err, snapshot))
		})
	}
}

// describe prints the plan with the manifests of what it creates, and how a client then calls; or the error.
func describe(t *testing.T, result *expose.Result, err error, snapshot *mesh.Snapshot) string {
	t.Helper()
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b bytes.Buffer
	require.NoError(t, report.PlanText(&b, result.Plan, false))
	exposure := expose.ExposureOf(result, snapshot)
	b.WriteString("\ncommand: " + exposure.Command + "\n")
	if exposure.Forward != "" {
		b.WriteString("forward: " + exposure.Forward + "\n")
	}
	for _, rollout := range result.Rollouts {
		b.WriteString("rollout: " + rollout.String() + "\n")
	}
	if result.AwaitPort != nil {
		b.WriteString("await port: " + result.AwaitPort.String() + "\n")
	}
	b.WriteString("---\n")
	require.NoError(t, report.PlanManifests(&b, plan.Plan{Changes: created(result.Plan)}, "yaml"))
	return b.String()
}

func created(p plan.Plan) []plan.Change {
	var creates []plan.Change
	for _, change := range p.Changes {
		if change.Action == plan.Create {
			creates = append(creates, change)
		}
	}
	return creates
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// TestCreateTwiceIsCreateOnce: on the mesh that the plan leaves, the same request has nothing to do.
func TestCreateTwiceIsCreateOnce(t *testing.T) {
	for _, path := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			intent, snapshot := readCase(t, path)
			first, err := expose.Build(intent, snapshot)
			if err != nil {
				return // a refusal: TestBuild has it
			}
			after, err := projection.Of(snapshot, first.Plan.Changes)
			require.NoError(t, err)
			again, err := expose.Build(intent, after)
			require.NoError(t, err)
			assert.Empty(t, again.Plan.Changes, describe(t, again, nil, after))
		})
	}
}

// TestDeleteGivesBack: delete after create leaves the objects as they were.
func TestDeleteGivesBack(t *testing.T) {
	for _, path := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			intent, snapshot := readCase(t, path)
			result, err := expose.Build(intent, snapshot)
			if err != nil || intent.Offline {
				return // nothing was done, or files, which version control gives back
			}
			after, err := projection.Of(snapshot, result.Plan.Changes)
			require.NoError(t, err)
			removal, err := removal.Remove([]mesh.Key{result.Workload.Key}, after, removal.Options{Restart: remedy.RestartNamespace})
			require.NoError(t, err)
			assert.NotContains(t, strings.Join(removal.Plan.Notes, "\n"), "is left as it is")
			back, err := projection.Of(after, removal.Plan.Changes)
			require.NoError(t, err)
			// Where new pods have a proxy all the same, the trace of the restart is all that stays.
			if !injectionIsNews(snapshot, after, result.Workload.Key) {
				snapshot, back = withoutRestart(t, snapshot, result.Workload.Key), withoutRestart(t, back, result.Workload.Key)
			}
			assert.Equal(t, withoutPods(t, snapshot), withoutPods(t, back))
		})
	}
}

func injectionIsNews(before, after *mesh.Snapshot, key mesh.Key) bool {
	return proxy.InjectionOf(after, workload.Get(after, key)).Injected && !proxy.InjectionOf(before, workload.Get(before, key)).Injected
}

func withoutRestart(t *testing.T, snapshot *mesh.Snapshot, key mesh.Key) *mesh.Snapshot {
	t.Helper()
	object, err := mesh.ToUnstructured(workload.Get(snapshot, key).Object)
	require.NoError(t, err)
	change := plan.Change{Action: plan.Update, Object: object, Edits: []plan.Edit{
		plan.Set(object, nil, "spec", "template", "metadata", "annotations", workload.RestartedAtAnnotation),
	}}
	changed, err := projection.Of(snapshot, []plan.Change{change})
	require.NoError(t, err)
	return changed
}

// withoutPods prints every object but the pods, which a rollout made anew. Containers emptied on the way count as absent,
// as they do for the API server.
func withoutPods(t *testing.T, snapshot *mesh.Snapshot) string {
	t.Helper()
	var b strings.Builder
	for _, kind := range removal.KindsWithMarks {
		for _, object := range snapshot.Objects(kind) {
			u, err := mesh.ToUnstructured(object)
			require.NoError(t, err)
			text, err := yaml.Marshal(prune(u.Object))
			require.NoError(t, err)
			b.Write(text)
			b.WriteString("---\n")
		}
	}
	return b.String()
}

func prune(value any) any {
	fields, ok := value.(map[string]any)
	if !ok {
		return value
	}
	for key, child := range fields {
		fields[key] = prune(child)
		if inner, ok := fields[key].(map[string]any); ok && len(inner) == 0 && (key == "annotations" || key == "labels") {
			delete(fields, key)
		}
	}
	return fields
}
