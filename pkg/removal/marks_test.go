package removal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
)

// exposed is a mesh in which create has exposed the Deployment test/server.
type exposed struct {
	*testing.T
	snapshot *mesh.Snapshot
}

func newExposed(t *testing.T, changes ...func(*expose.Intent)) *exposed {
	t.Helper()
	var parts []string
	for _, path := range []string{"lint/testdata/corpus/_base-default.yaml", "expose/testdata/others-reached.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path)))
		require.NoError(t, err)
		parts = append(parts, string(text))
	}
	intent := expose.Intent{
		Namespace: "test", Name: "server", Port: 8000, TargetPort: intstr.FromInt32(50051),
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
	for _, change := range changes {
		change(&intent)
	}
	result, err := expose.Build(intent, meshtest.Snapshot(t, meshtest.Documents(parts...)))
	require.NoError(t, err)
	return &exposed{t, result.After}
}

func (s *exposed) put(text string) {
	s.Helper()
	var objects []mesh.Object
	for _, object := range meshtest.ObjectsIn(s.T, text) {
		objects = append(objects, object.Object)
	}
	s.snapshot = s.snapshot.With(mesh.Change{Put: objects})
}

// removal is what would undo the exposure.
func (s *exposed) removal(options removal.Options) *removal.Removal {
	s.Helper()
	decided, err := removal.Remove([]mesh.Key{{Kind: mesh.KindDeployment, Namespace: "test", Name: "server"}}, s.snapshot, options)
	require.NoError(s, err)
	return decided
}

func (s *exposed) delete() *removal.Removal {
	s.Helper()
	decided := s.removal(removal.Options{})
	after, err := projection.Of(s.snapshot, decided.Plan.Changes)
	require.NoError(s, err)
	s.snapshot = after
	return decided
}

func names(p plan.Plan) []string {
	var names []string
	for _, change := range p.Changes {
		names = append(names, string(change.Action)+" "+plan.Name(change.Object))
	}
	return names
}

// undo is an annotation as anybody may write it.
func undo(text string) string { return fmt.Sprintf("{grpcexpose/undo: '%s'}", text) }

const ownMarks = `labels: {app.kubernetes.io/managed-by: kubectl-grpcexpose}, annotations: {grpcexpose/for: Deployment/test/server}`

// Marks in a namespace of somebody else's, and on kinds and fields that create does not write, change nothing and stop nothing.
func TestForgedMarks(t *testing.T) {
	forged := map[string]string{
		"unreadable note": `{apiVersion: v1, kind: Service, metadata: {name: a, namespace: evil, annotations: ` + undo("not json") + `}}`,
		"service account": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: evil, annotations: ` +
			undo(`[{"path":["spec","template","spec","serviceAccountName"],"old":"admin","new":null,"for":["Deployment/test/server"]}]`) + `}}`,
		"namespace as ours":    `{apiVersion: v1, kind: Namespace, metadata: {name: evil, ` + ownMarks + `}}`,
		"stateful set as ours": `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a, namespace: evil, ` + ownMarks + `}}`,
		"gateway as ours":      `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: test-server, namespace: evil, ` + ownMarks + `}, spec: {selector: {istio: ingressgateway}}}`,
		"route as ours":        `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: server, namespace: evil, ` + ownMarks + `}, spec: {gateways: [test/server], hosts: ["*"]}}`,
		"service as ours":      `{apiVersion: v1, kind: Service, metadata: {name: server, namespace: evil, ` + ownMarks + `}}`,
		"stateful set beside":  `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a, namespace: test, ` + ownMarks + `}}`,
	}
	for name, text := range forged {
		t.Run(name, func(t *testing.T) {
			s := newExposed(t)
			before := s.removal(removal.Options{Restart: remedy.RestartNamespace})
			s.put(text)
			after := s.removal(removal.Options{Restart: remedy.RestartNamespace})
			assert.Equal(t, names(before.Plan), names(after.Plan))
		})
	}
}

// A bad note on an object of the workload's own namespace is a warning about that object.
func TestBadNotes(t *testing.T) {
	notes := map[string]string{
		"not json":               `garbage`,
		"not a list":             `{"path":["metadata"]}`,
		"empty path":             `[{"path":[],"old":null,"new":null}]`,
		"pod security":           `[{"path":["metadata","labels","pod-security.kubernetes.io/enforce"],"old":"privileged","new":null}]`,
		"label of wrong type":    `[{"path":["metadata","labels","istio-injection"],"old":{"a":1},"new":"enabled"}]`,
		"label of wrong form":    `[{"path":["metadata","labels","istio-injection"],"old":"a b\u001b","new":"enabled"}]`,
		"through a list":         `[{"path":["metadata","labels","0"],"old":"x","new":null}]`,
		"finalizers":             `[{"path":["metadata","finalizers"],"old":["x/y"],"new":null}]`,
		"the whole of an object": `[{"path":["metadata"],"old":{},"new":null}]`,
	}
	for name, text := range notes {
		t.Run(name, func(t *testing.T) {
			s := newExposed(t)
			namespace, _ := s.snapshot.Namespaces().Get("", "test")
			namespace = namespace.DeepCopy()
			namespace.Annotations = map[string]string{plan.UndoAnnotation: text}
			s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{namespace}})
			undone := s.delete()
			for _, change := range undone.Plan.Changes {
				assert.NotEqual(t, "Namespace", change.Object.GetKind())
			}
			assert.Contains(t, strings.Join(undone.Plan.Notes, "\n"), "Namespace test")
			_, there := s.snapshot.VirtualServices().Get("test", "server")
			assert.False(t, there, "the exposure goes all the same")
		})
	}
}

// Taking the exposure away comes first, and restarts come last.
func TestRemovalOrder(t *testing.T) {
	s := newExposed(t, func(intent *expose.Intent) { intent.Port, intent.OpenGatewayPort = 9000, true })
	assert.Equal(t, []string{
		"delete VirtualService test/server",
		"update Service istio-system/istio-ingressgateway",
		"delete Gateway test/server",
		"delete Service test/server",
		"update Namespace test",
		"restart Deployment test/server",
	}, names(s.removal(removal.Options{}).Plan))
}

// Somebody has restarted the pods since: they keep their proxies, which delete says.
func TestRestartedSince(t *testing.T) {
	s := newExposed(t)
	deployment, _ := s.snapshot.Deployments().Get("test", "server")
	deployment = deployment.DeepCopy()
	deployment.Spec.Template.Annotations[workload.RestartedAtAnnotation] = "2027-04-01T00:00:00Z"
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{deployment}})
	assert.Contains(t, strings.Join(s.delete().Plan.Notes, "\n"), "kubectl rollout restart deployment/server -n test")
}

// The pods of a workload that was paused since are not waited for.
func TestDeleteOfPausedWorkload(t *testing.T) {
	s := newExposed(t)
	deployment, _ := s.snapshot.Deployments().Get("test", "server")
	deployment = deployment.DeepCopy()
	deployment.Spec.Paused = true
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{deployment}})
	undone := s.delete()
	assert.Empty(t, undone.Rollouts)
	assert.Contains(t, strings.Join(undone.Plan.Notes, "\n"), "Deployment test/server is paused: its pods stay as they are until it is resumed")
}
