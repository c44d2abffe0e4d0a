package expose_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// notes are those of create's plan, one a line.
func (s *sharing) notes(change func(*expose.Intent)) string {
	s.Helper()
	result, err := expose.Build(s.intent("server", change), s.snapshot)
	require.NoError(s, err)
	return strings.Join(result.Plan.Notes, "\n")
}

func (s *sharing) server() *apps.Deployment {
	s.Helper()
	deployment, ok := s.snapshot.Deployments().Get("test", "server")
	require.True(s, ok)
	return deployment.DeepCopy()
}

func (s *sharing) replace(objects ...mesh.Object) {
	s.snapshot = s.snapshot.With(mesh.Change{Put: objects})
}

// Every restart that leaves nobody to answer is said to be an outage, and no other.
func TestOutageIsSaid(t *testing.T) {
	rolling := func(unavailable, surge string) apps.DeploymentStrategy {
		less, more := intstr.Parse(unavailable), intstr.Parse(surge)
		return apps.DeploymentStrategy{
			Type:          apps.RollingUpdateDeploymentStrategyType,
			RollingUpdate: &apps.RollingUpdateDeployment{MaxUnavailable: &less, MaxSurge: &more},
		}
	}
	tests := []struct {
		replicas int32
		strategy apps.DeploymentStrategy
		outage   bool
	}{
		{2, apps.DeploymentStrategy{}, false},
		{1, apps.DeploymentStrategy{}, false},
		{2, apps.DeploymentStrategy{Type: apps.RecreateDeploymentStrategyType}, true},
		{3, rolling("100%", "25%"), true},
		{3, rolling("3", "0"), true},
		{3, rolling("2", "0"), false},
		{1, rolling("0", "0"), true}, // the controller then lets one be unavailable
		{2, rolling("0", "0"), false},
		{1, rolling("1", "0"), true},
		{1, rolling("50%", "0"), true},
		{1, rolling("0", "1"), false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d %v", test.replicas, test.strategy), func(t *testing.T) {
			s := newSharing(t)
			deployment := s.server()
			deployment.Spec.Replicas, deployment.Spec.Strategy = &test.replicas, test.strategy
			s.replace(deployment)
			assert.Equal(t, test.outage, strings.Contains(s.notes(nil), "The restart of deployment/server is an outage"), s.notes(nil))
		})
	}
}

func TestPortOfTLSInPlaintext(t *testing.T) {
	s := newSharing(t)
	on443 := func(intent *expose.Intent) { intent.Port, intent.OpenGatewayPort = 443, true }
	assert.Contains(t, s.notes(on443), "Port 443 takes plaintext calls")
	assert.NotContains(t, s.notes(nil), "plaintext")
	assert.Contains(t, s.notes(onHost("*")), `Host "*" is open to every authority: calls on port 8000 for any name that no other route takes get to deployment/server`)
	assert.NotContains(t, s.notes(onHost("a.example.com")), "open to every authority")
}

// A rollout that is under way and gives all pods the proxy is waited for; whatever started it.
func TestRestartUnderWay(t *testing.T) {
	pod := func(name, hash string, age time.Duration, proxy bool) *core.Pod {
		pod := &core.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "test", Name: name, CreationTimestamp: metav1.NewTime(now.Add(-age)),
			Labels:          map[string]string{"app": "server", "pod-template-hash": hash},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "server-" + hash, UID: "u1", Controller: new(bool)}},
		}}
		*pod.OwnerReferences[0].Controller = true
		pod.Spec.Containers = []core.Container{{Name: "server"}}
		if proxy {
			pod.Spec.Containers = append(pod.Spec.Containers, core.Container{Name: "istio-proxy"})
			pod.Annotations = map[string]string{"sidecar.istio.io/status": `{"revision":"default"}`}
		}
		return pod
	}
	ending := func(pod *core.Pod) *core.Pod {
		deleted := metav1.NewTime(now)
		pod.DeletionTimestamp = &deleted
		return pod
	}
	// An injector whose template adds no proxy (proxyless gRPC) has seen it: the next pod will be the same.
	proxyless := func(pod *core.Pod) *core.Pod {
		pod.Annotations = map[string]string{"sidecar.istio.io/status": `{"initContainers":["grpc-bootstrap-init"],"revision":"default"}`}
		return pod
	}
	tests := map[string]struct {
		pods       []*core.Pod
		rollingOut bool
		restarts   bool
	}{
		"old pods alone":                         {[]*core.Pod{pod("a", "1", time.Hour, false)}, true, true},
		"a new pod of another template":          {[]*core.Pod{pod("a", "1", time.Hour, false), pod("b", "2", time.Minute, true)}, true, false},
		"the rollout is over":                    {[]*core.Pod{pod("a", "1", time.Hour, false), pod("b", "2", time.Minute, true)}, false, true},
		"the new pod lacks it":                   {[]*core.Pod{pod("a", "1", time.Hour, false), pod("b", "2", time.Minute, false)}, true, true},
		"one of the same template lacks it":      {[]*core.Pod{pod("a", "2", time.Hour, false), pod("b", "2", time.Minute, true)}, true, true},
		"an older pod has it, the younger lacks": {[]*core.Pod{pod("a", "1", time.Hour, true), pod("b", "2", time.Minute, false)}, true, true},
		"proxyless":                              {[]*core.Pod{proxyless(pod("a", "1", time.Hour, false))}, false, false},
		"the last old pod is ending":             {[]*core.Pod{ending(pod("a", "1", time.Hour, false)), pod("b", "2", time.Minute, true)}, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSharing(t)
			namespace, _ := s.snapshot.Namespaces().Get("", "test")
			namespace = namespace.DeepCopy()
			namespace.Labels = map[string]string{"istio-injection": "enabled"}
			deployment := s.server()
			deployment.Generation, deployment.Status.ObservedGeneration = 2, 2
			if test.rollingOut {
				deployment.Status.ObservedGeneration = 1
			}
			var gone []mesh.Key
			for _, pod := range workload.PodsOf(s.snapshot, workload.Get(s.snapshot, mesh.KeyOf(deployment))) {
				gone = append(gone, mesh.KeyOf(pod))
			}
			s.snapshot = s.snapshot.With(mesh.Change{Removed: gone})
			s.replace(namespace, deployment)
			for _, pod := range test.pods {
				s.replace(pod)
			}
			result, err := expose.Build(s.intent("server", nil), s.snapshot)
			require.NoError(t, err)
			assert.Equal(t, test.restarts, strings.Contains(strings.Join(names(result.Plan), "\n"), "restart Deployment test/server"))
		})
	}
}

// A wildcard's calls for a name that has a route of its own go there: the plan and status say so.
func TestNamesWithinAWildcardAreSaid(t *testing.T) {
	s := newSharing(t)
	s.create("web", onHost("web.example.com"))
	const taken = "calls for web.example.com go to VirtualService test/web"
	for host, said := range map[string]bool{"*": true, "*.example.com": true, "*.example.org": false, "b.example.com": false} {
		assert.Equal(t, said, strings.Contains(s.notes(onHost(host)), "On port 8000, "+taken), host)
	}
	s.create("server", onHost("*"))
	workload, err := expose.FindWorkload(s.snapshot, "", "test", "server")
	require.NoError(t, err)
	assert.Contains(t, fmt.Sprint(texts(callpath.Trace(s.snapshot, workload))), "all calls for any host; "+taken)
}

func texts(hops []*callpath.Hop) []string {
	var all []string
	for _, hop := range hops {
		all = append(append(all, hop.Text), texts(hop.Next)...)
	}
	return all
}

// An object whose label says what manages it is not said to have no owner.
func TestOwnerByLabel(t *testing.T) {
	owner := func(labels map[string]string) string {
		return expose.OwnerText(&core.Service{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "platform", Labels: labels}})
	}
	assert.Equal(t, "which terraform manages (label app.kubernetes.io/managed-by)", owner(map[string]string{plan.ManagedByLabel: "terraform"}))
	assert.Equal(t, "which belongs to namespace platform (nothing on it names an owner)", owner(nil))
}
