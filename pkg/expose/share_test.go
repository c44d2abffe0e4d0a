package expose_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// sharing is a mesh in which workloads come and go: server and web, of one namespace.
type sharing struct {
	*testing.T
	snapshot *mesh.Snapshot
}

func newSharing(t *testing.T) *sharing {
	t.Helper()
	_, snapshot := readCase(t, filepath.Join("testdata", "others-reached.yaml"))
	return &sharing{t, snapshot}
}

func (s *sharing) intent(name string, change func(*expose.Intent)) expose.Intent {
	intent := expose.Intent{
		Namespace: "test", Name: name, Port: 8000, TargetPort: intstr.FromInt32(50051),
		Inject: expose.InjectNamespace, Restart: expose.RestartWorkload,
	}
	if change != nil {
		change(&intent)
	}
	return intent
}

func (s *sharing) create(name string, change func(*expose.Intent)) plan.Plan {
	s.Helper()
	result, err := expose.Build(s.intent(name, change), s.snapshot)
	require.NoError(s, err)
	s.snapshot, err = expose.After(s.snapshot, result)
	require.NoError(s, err)
	return result.Plan
}

func (s *sharing) refuses(name string, change func(*expose.Intent), message string) {
	s.Helper()
	_, err := expose.Build(s.intent(name, change), s.snapshot)
	require.ErrorContains(s, err, message)
}

func (s *sharing) delete(name string) *expose.Removal {
	s.Helper()
	removal, err := expose.Remove(mesh.Key{Kind: mesh.KindDeployment, Namespace: "test", Name: name}, s.snapshot)
	require.NoError(s, err)
	s.snapshot, err = projection.Of(s.snapshot, removal.Plan.Changes)
	require.NoError(s, err)
	return removal
}

func onHost(hosts ...string) func(*expose.Intent) {
	return func(intent *expose.Intent) { intent.Hosts = hosts }
}

// A Gateway that two workloads rest on keeps the hosts of the one when the other's change.
func TestSharedGatewayKeepsHosts(t *testing.T) {
	s := newSharing(t)
	before := withoutPods(t, s.snapshot)
	s.create("server", onHost("*.example.com"))
	s.create("web", onHost("web.example.com"))
	s.create("server", onHost("server.example.org"))
	assert.Empty(t, s.create("web", onHost("web.example.com")).Changes)
	_, withSecret := readCase(t, filepath.Join("testdata", "tls.yaml"))
	for _, secret := range withSecret.Secrets().All() {
		s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{secret}})
		s.refuses("server", func(intent *expose.Intent) {
			intent.Hosts, intent.TLSSecret = []string{"server.example.org"}, secret.Name
		}, "port 8000 of Gateway test/server has another kind of TLS, and Deployment/test/web rests on it too")
	}
	s.delete("server")
	assert.Empty(t, s.create("web", onHost("web.example.com")).Changes)
	s.delete("web")
	assert.Equal(t, before, withoutPods(t, s.snapshot))
}

// Nobody has said that this VirtualService rests on the Gateway: create finds that its host would be gone.
func TestGatewayOfOursThatOthersUse(t *testing.T) {
	s := newSharing(t)
	s.create("server", onHost("server.example.com", "other.example.com"))
	s.create("server", onHost("server.example.com"))
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{parse(t, `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: test}
spec:
  hosts: [other.example.com]
  gateways: [server]
  http:
  - route: [{destination: {host: server, port: {number: 8000}}}]
`)[0].Object}})
	s.refuses("server", onHost("new.example.com"), `Gateway test/server would no longer take the calls of VirtualService test/other for host "other.example.com"`)
}

// What one create restarted for another workload stays as long as that one is exposed, and its pods lose their proxy with it.
func TestSharedRestart(t *testing.T) {
	s := newSharing(t)
	s.create("server", func(intent *expose.Intent) {
		intent.Hosts, intent.Restart = []string{"server.example.com"}, expose.RestartNamespace
	})
	s.create("web", onHost("web.example.com"))
	web := mesh.Key{Kind: mesh.KindDeployment, Namespace: "test", Name: "web"}
	assert.NotContains(t, s.delete("server").Rollouts, web)
	assert.Contains(t, s.delete("web").Rollouts, web)
}

// Somebody has restarted the pods since: they keep their proxies, which delete says.
func TestRestartedSince(t *testing.T) {
	s := newSharing(t)
	s.create("server", nil)
	deployment, _ := s.snapshot.Deployments().Get("test", "server")
	deployment = deployment.DeepCopy()
	deployment.Spec.Template.Annotations[mesh.RestartedAtAnnotation] = "2027-04-01T00:00:00Z"
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{deployment}})
	assert.Contains(t, strings.Join(s.delete("server").Plan.Notes, "\n"), "kubectl rollout restart deployment/server -n test")
}

// What somebody has given back since is left as it is, without a word.
func TestGivenBackSince(t *testing.T) {
	s := newSharing(t)
	before := withoutPods(t, s.snapshot)
	s.create("server", nil)
	namespace, _ := s.snapshot.Namespaces().Get("", "test")
	namespace = namespace.DeepCopy()
	delete(namespace.Labels, mesh.LabelInjection)
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{namespace}})
	assert.Empty(t, s.delete("server").Plan.Notes)
	assert.Equal(t, before, withoutPods(t, s.snapshot))
}

// The pods of a workload that was paused since are not waited for.
func TestDeleteOfPausedWorkload(t *testing.T) {
	s := newSharing(t)
	s.create("server", nil)
	deployment, _ := s.snapshot.Deployments().Get("test", "server")
	deployment = deployment.DeepCopy()
	deployment.Spec.Paused = true
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{deployment}})
	removal := s.delete("server")
	assert.Empty(t, removal.Rollouts)
	assert.Contains(t, strings.Join(removal.Plan.Notes, "\n"), "Deployment test/server is paused: its pods stay as they are until it is resumed")
}

// While the injector is down no pods are made anew, whether by a restart or by a label of their template.
func TestInjectorDown(t *testing.T) {
	s := newSharing(t)
	for _, slice := range s.snapshot.EndpointSlices().In("istio-system") {
		slice = slice.DeepCopy()
		for i := range slice.Endpoints {
			slice.Endpoints[i].Conditions.Ready = new(bool)
		}
		s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{slice}})
	}
	s.refuses("server", nil, "go on without a restart: --restart=none")
	s.refuses("server", func(intent *expose.Intent) { intent.Inject = expose.InjectWorkload }, "leave injection as it is: --inject=none")
}
