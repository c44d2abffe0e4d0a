package expose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
)

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
			s := newSharing(t)
			s.create("server", nil)
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
			s := newSharing(t)
			s.create("server", nil)
			namespace, _ := s.snapshot.Namespaces().Get("", "test")
			namespace = namespace.DeepCopy()
			namespace.Annotations = map[string]string{plan.UndoAnnotation: text}
			s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{namespace}})
			removal := s.delete("server")
			for _, change := range removal.Plan.Changes {
				assert.NotEqual(t, "Namespace", change.Object.GetKind())
			}
			assert.Contains(t, strings.Join(removal.Plan.Notes, "\n"), "Namespace test")
			_, there := s.snapshot.VirtualServices().Get("test", "server")
			assert.False(t, there, "the exposure goes all the same")
		})
	}
}

// removal is what would undo the exposure of server.
func (s *sharing) removal(options removal.Options) *removal.Removal {
	s.Helper()
	removal, err := removal.Remove([]mesh.Key{{Kind: mesh.KindDeployment, Namespace: "test", Name: "server"}}, s.snapshot, options)
	require.NoError(s, err)
	return removal
}

func names(p plan.Plan) []string {
	var names []string
	for _, change := range p.Changes {
		names = append(names, string(change.Action)+" "+plan.Name(change.Object))
	}
	return names
}

// Taking the exposure away comes first, and restarts come last.
func TestRemovalOrder(t *testing.T) {
	s := newSharing(t)
	s.create("server", func(intent *expose.Intent) { intent.Port, intent.OpenGatewayPort = 9000, true })
	assert.Equal(t, []string{
		"delete VirtualService test/server",
		"update Service istio-system/istio-ingressgateway",
		"delete Gateway test/server",
		"delete Service test/server",
		"update Namespace test",
		"restart Deployment test/server",
	}, names(s.removal(removal.Options{}).Plan))
}

// What other teams own is never adopted: not their Gateways, nor their routes, nor their marks.
func TestStrangersAreNotAdopted(t *testing.T) {
	gateway := func(name, marks, hosts string) string {
		return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %s, namespace: evil, creationTimestamp: "2025-02-01T00:00:00Z"%s}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: [%s]}]
`, name, marks, hosts)
	}
	mirror := gateway("g", "", `"*"`) + `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leads, namespace: evil}
spec:
  hosts: [server.example.com]
  gateways: [g]
  http:
  - route: [{destination: {host: server.test.svc.cluster.local, port: {number: 8000}}}]
    mirror: {host: thief.evil.svc.cluster.local}
`
	planted := map[string]string{
		"a wide Gateway":         gateway("g", "", `"*"`),
		"for the namespace":      gateway("g", "", `"test/*"`),
		"with our marks":         gateway("server", ", "+ownMarks, `"*"`),
		"a route that mirrors":   mirror,
		"named as create's name": gateway("test-server", "", `"*"`),
	}
	for name, text := range planted {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, planted first %t", name, first), func(t *testing.T) {
				s := newSharing(t)
				if !first {
					s.create("server", onHost("server.example.com"))
				}
				s.put(text)
				result, err := expose.Build(s.intent("server", onHost("server.example.com")), s.snapshot)
				if err != nil {
					var refusal *expose.Error
					require.ErrorAs(t, err, &refusal)
					assert.Contains(t, refusal.Problem, "evil/")
					return
				}
				assert.Equal(t, "test/server", result.GatewayObject.String())
				assert.Equal(t, "test/server", result.VirtualService.String())
				if !first {
					assert.Empty(t, result.Plan.Changes)
				}
			})
		}
	}
}

// A Gateway in another namespace is taken where the user names it.
func TestNamedGatewayOfAnotherTeam(t *testing.T) {
	s := newSharing(t)
	s.put(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shared, namespace: edge}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*"]}]
`)
	result, err := expose.Build(s.intent("server", func(intent *expose.Intent) { intent.Gateway = "edge/shared" }), s.snapshot)
	require.NoError(t, err)
	assert.Equal(t, "edge/shared", result.GatewayObject.String())
}
