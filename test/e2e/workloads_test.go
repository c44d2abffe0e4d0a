package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const statefulSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: server, namespace: test}
spec:
  replicas: 2
  serviceName: server-pods
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [{name: server, image: example.com/server, ports: [{name: grpc, containerPort: 50051}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: server-pods, namespace: test}
spec:
  clusterIP: None
  selector: {app: server}
  ports: [{name: grpc, port: 50051}]
`

const daemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: server, namespace: test}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}, annotations: {example.com/kept: "yes"}}
    spec: {containers: [{name: server, image: example.com/server, ports: [{name: grpc, containerPort: 50051}]}]}
`

func TestStatefulSet(t *testing.T) {
	s := on(t, onDefault)
	s.given(statefulSet)
	s.thereAndBackWith(0, []string{"create", "statefulset/server", "--port", "8000"}, func() {
		s.hasProxies(2, nativeSidecar)
		s.show("services", "server", "server-pods")
	})
}

func TestDaemonSet(t *testing.T) {
	s := on(t, onDefault)
	s.given(daemonSet)
	s.thereAndBackWith(0, []string{"create", "ds/server", "--port", "8000"}, func() { s.hasProxies(1, nativeSidecar) })
}

func TestInjectWorkload(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + strings.ReplaceAll(server, "server", "other"))
	s.thereAndBack(func() {
		proxies := s.proxies()
		assert.Len(t, proxies, 4)
		for pod, kind := range proxies {
			if strings.HasPrefix(pod, "other") {
				assert.Empty(t, kind, pod)
			} else {
				assert.Equal(t, nativeSidecar, kind, pod)
			}
		}
	}, "--inject=workload")
}

func TestInjectWorkloadOnRevisions(t *testing.T) {
	s := on(t, onRevisions)
	s.given(server)
	s.thereAndBack(func() { s.hasProxies(2, nativeSidecar) }, "--inject=workload", "--revision=1-27")
}

func TestInjectNone(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	pods := s.proxies()
	s.thereAndBack(func() { assert.Equal(t, pods, s.proxies(), "pods are as they were") }, "--inject=none")
}

func TestRestartNamespace(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + strings.ReplaceAll(server, "server", "other"))
	s.thereAndBack(func() { s.hasProxies(4, nativeSidecar) }, "--restart=namespace")
	s.hasProxies(4, noSidecar)
}

// The pods of others in the namespace are left alone unless --restart says otherwise; the plan says that the label reaches them.
func TestOthersInTheNamespace(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + strings.ReplaceAll(server, "server", "other"))
	pods := s.proxies()
	s.thereAndBack(func() {
		for pod := range s.proxies() {
			if strings.HasPrefix(pod, "other") {
				assert.Contains(t, pods, pod)
			}
		}
	})
}

// A namespace that is labelled already, with pods from before: they are made anew and nothing else.
func TestPodsFromBeforeTheLabel(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	s.leavesRestarts = true // new pods would have a proxy again
	s.thereAndBack(func() { s.hasProxies(2, nativeSidecar) })
}

// The label of another revision is replaced, and comes back.
func TestChangeOfRevision(t *testing.T) {
	s := on(t, onRevisions)
	s.kubectl("label", "namespace", "test", "istio.io/rev=1-26")
	s.given(server)
	s.thereAndBack(func() {
		for _, pod := range s.list("pods") {
			assert.Equal(t, "1-27", pod.GetAnnotations()["istio.io/rev"])
		}
	}, "--revision=1-27")
}
