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
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
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
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
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
	s.snapshot = result.After
	return result.Plan
}

func (s *sharing) refuses(name string, change func(*expose.Intent), message string) {
	s.Helper()
	_, err := expose.Build(s.intent(name, change), s.snapshot)
	require.ErrorContains(s, err, message)
}

func (s *sharing) delete(name string) *removal.Removal {
	s.Helper()
	return s.deleteWith(name, removal.Options{})
}

func (s *sharing) deleteWith(name string, options removal.Options) *removal.Removal {
	s.Helper()
	removal, err := removal.Remove([]mesh.Key{{Kind: mesh.KindDeployment, Namespace: "test", Name: name}}, s.snapshot, options)
	require.NoError(s, err)
	s.snapshot, err = projection.Of(s.snapshot, removal.Plan.Changes)
	require.NoError(s, err)
	return removal
}

// put adds objects to the mesh.
func (s *sharing) put(text string) {
	s.Helper()
	var objects []mesh.Object
	for _, object := range parse(s.T, text) {
		objects = append(objects, object.Object)
	}
	s.snapshot = s.snapshot.With(mesh.Change{Put: objects})
}

func onHost(hosts ...string) func(*expose.Intent) {
	return func(intent *expose.Intent) { intent.Hosts = hosts }
}

// A workload may be bound to a Gateway that create made for another one of its namespace. Nobody notes it: the Gateway keeps the
// hosts of the one when the other's change, stays while one of them needs it, and goes with the last.
func TestSharedGateway(t *testing.T) {
	s := newSharing(t)
	before := withoutPods(t, s.snapshot)
	s.create("server", onHost("*.example.com"))
	for _, change := range s.create("web", onHost("web.example.com")).Changes {
		assert.NotEqual(t, "Gateway", change.Object.GetKind())
	}
	s.create("server", onHost("server.example.org"))
	assert.Empty(t, s.create("web", onHost("web.example.com")).Changes)
	_, withSecret := readCase(t, filepath.Join("testdata", "tls.yaml"))
	for _, secret := range withSecret.Secrets().All() {
		s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{secret}})
		s.refuses("server", func(intent *expose.Intent) {
			intent.Hosts, intent.TLSSecret = []string{"server.example.org"}, secret.Name
		}, "port 8000 of Gateway test/server has another kind of TLS, and VirtualService test/web needs it")
	}
	kept := strings.Join(s.delete("server").Kept, "\n")
	assert.Contains(t, kept, "Gateway test/server stays: VirtualService test/web still needs it")
	assert.Contains(t, kept, "Label istio-injection=enabled of Namespace test stays: deployment/web still needs it")
	assert.Empty(t, s.create("web", onHost("web.example.com")).Changes)
	removal := s.deleteWith("web", removal.Options{Restart: remedy.RestartNamespace})
	assert.Empty(t, removal.Kept)
	assert.Equal(t, before, withoutPods(t, s.snapshot))
}

// A Gateway of our making keeps the hosts that a route of somebody else's is bound by.
func TestGatewayOfOursThatOthersUse(t *testing.T) {
	s := newSharing(t)
	s.create("server", onHost("server.example.com", "other.example.com"))
	s.put(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: test}
spec:
  hosts: [other.example.com]
  gateways: [server]
  http:
  - route: [{destination: {host: server, port: {number: 8000}}}]
`)
	s.create("server", onHost("new.example.com"))
	gateway, _ := s.snapshot.Gateways().Get("test", "server")
	assert.Contains(t, gateway.Spec.Servers[0].Hosts, "./other.example.com")
	assert.Contains(t, gateway.Spec.Servers[0].Hosts, "./new.example.com")
	kept := strings.Join(s.delete("server").Kept, "\n")
	assert.Contains(t, kept, "Gateway test/server stays: VirtualService test/other still needs it")
	assert.Contains(t, kept, "Service test/server stays: VirtualService test/other still needs it")
	s.deleteWith("server", removal.Options{Force: true})
	_, there := s.snapshot.Gateways().Get("test", "server")
	assert.False(t, there)
}

// A port of the gateway stays open while a Gateway of anybody has a server there; the last one's delete closes it, whoever had
// it opened.
func TestSharedPort(t *testing.T) {
	s := newSharing(t)
	before := withoutPods(t, s.snapshot)
	open := func(host string) func(*expose.Intent) {
		return func(intent *expose.Intent) {
			intent.Hosts, intent.Port, intent.OpenGatewayPort, intent.Inject = []string{host}, 9000, true, expose.InjectNone
		}
	}
	s.create("server", open("server.example.com"))
	s.create("web", open("web.example.com"))
	assert.Contains(t, strings.Join(s.delete("server").Kept, "\n"), "Port 9000 of Service istio-system/istio-ingressgateway stays: Gateway test/web still needs it")
	s.delete("web")
	assert.Equal(t, before, withoutPods(t, s.snapshot))

	// The namespace of the one that had it opened is deleted as a whole.
	s.create("server", open("server.example.com"))
	s.snapshot = s.snapshot.With(mesh.Change{Removed: []mesh.Key{
		{Kind: mesh.KindGateway, Namespace: "test", Name: "server"},
		{Kind: mesh.KindVirtualService, Namespace: "test", Name: "server"},
		{Kind: mesh.KindService, Namespace: "test", Name: "server"},
	}})
	s.create("web", onHost("web.example.com"))
	s.delete("web")
	service, _ := s.snapshot.Services().Get("istio-system", "istio-ingressgateway")
	for _, port := range service.Spec.Ports {
		assert.NotEqual(t, int32(9000), port.Port)
	}
}

// Pods are restarted only where that changes something, and those of other workloads only when asked.
func TestSharedRestart(t *testing.T) {
	s := newSharing(t)
	s.create("server", func(intent *expose.Intent) {
		intent.Hosts, intent.Restart = []string{"server.example.com"}, remedy.RestartNamespace
	})
	s.create("web", onHost("web.example.com"))
	assert.Empty(t, s.delete("server").Rollouts, "the namespace's label stays for web, so new pods would have a proxy again")
	withProxies := s.snapshot
	last := s.delete("web")
	assert.Equal(t, []mesh.Key{{Kind: mesh.KindDeployment, Namespace: "test", Name: "web"}}, last.Rollouts)
	assert.Contains(t, strings.Join(last.Plan.Notes, "\n"), "The proxies of deployment/server, statefulset/db stay until those pods are restarted")
	s.snapshot = withProxies
	assert.Len(t, s.deleteWith("web", removal.Options{Restart: remedy.RestartNamespace}).Rollouts, 3)
	s.snapshot = withProxies
	assert.Empty(t, s.deleteWith("web", removal.Options{Restart: remedy.RestartNone}).Rollouts)
}

// A workload that has come to have a proxy by the label, and serves gRPC, keeps it.
func TestLabelThatOthersNeed(t *testing.T) {
	s := newSharing(t)
	s.create("server", nil)
	s.put(`apiVersion: apps/v1
kind: Deployment
metadata: {name: billing, namespace: test}
spec:
  selector: {matchLabels: {app: billing}}
  template: {metadata: {labels: {app: billing}}, spec: {containers: [{name: billing, image: billing, ports: [{containerPort: 1, name: grpc}]}]}}
---
apiVersion: v1
kind: Pod
metadata:
  name: billing-1-1
  namespace: test
  labels: {app: billing, pod-template-hash: "1"}
  annotations: {sidecar.istio.io/status: '{"containers":["istio-proxy"],"revision":"default"}'}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: billing-1, uid: u9, controller: true}]
`)
	with := s.snapshot
	kept := s.delete("server")
	assert.Equal(t, []string{"Label istio-injection=enabled of Namespace test stays: deployment/billing still needs it (--force undoes it all the same)"}, kept.Kept)
	assert.Empty(t, kept.Rollouts)
	s.snapshot = with
	forced := s.deleteWith("server", removal.Options{Force: true})
	assert.Empty(t, forced.Kept)
	assert.Contains(t, strings.Join(forced.Plan.Notes, "\n"), "The proxies of deployment/billing stay until those pods are restarted")
}

// What somebody has given back since is left as it is, without a word.
func TestGivenBackSince(t *testing.T) {
	s := newSharing(t)
	before := withoutPods(t, s.snapshot)
	s.create("server", nil)
	namespace, _ := s.snapshot.Namespaces().Get("", "test")
	namespace = namespace.DeepCopy()
	delete(namespace.Labels, proxy.LabelInjection)
	s.snapshot = s.snapshot.With(mesh.Change{Put: []mesh.Object{namespace}})
	assert.Empty(t, s.delete("server").Plan.Notes)
	assert.Equal(t, before, withoutPods(t, s.snapshot))
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
