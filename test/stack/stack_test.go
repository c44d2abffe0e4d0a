package stack

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/binaries"
)

// startForTest starts a stack that ends with the test. Such tests take seconds, or half an hour where the programs are
// not built yet: -short leaves them out.
func startForTest(t *testing.T, options Options) *Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a control plane")
	}
	options.Log = t.Output()
	s, err := Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	return s
}

// kubectl runs kubectl and returns what it prints, without the newline at the end.
func (s *Stack) kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	printed, err := s.Kubectl(context.Background(), arguments...)
	require.NoError(t, err)
	return strings.TrimSpace(printed)
}

// server is a Deployment with the namespace's and the pod template's metadata, and more fields of the pod.
func server(name, namespaceLabels, podMetadata string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s, labels: {%[2]s}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: %[1]s}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}, %[3]s}
    spec: {containers: [{name: server, image: example.com/server}]}
`, name, namespaceLabels, podMetadata)
}

// rolledOut applies a server, waits for its rollout, and returns its pods' containers: the ordinary ones, a bar, the
// init containers.
func (s *Stack) rolledOut(t *testing.T, name, namespaceLabels, podMetadata string) string {
	t.Helper()
	require.NoError(t, s.Apply(t.Context(), server(name, namespaceLabels, podMetadata)))
	s.kubectl(t, "rollout", "status", "deployment/server", "-n", name, "--timeout=60s")
	return s.kubectl(t, "get", "pods", "-n", name, "-o", "jsonpath={.items[0].spec.containers[*].name}|{.items[0].spec.initContainers[*].name}")
}

func TestNone(t *testing.T) {
	s := startForTest(t, Options{Flavour: None})
	assert.Equal(t, "server|", s.rolledOut(t, "plain", "istio-injection: enabled", ""))
	assert.Empty(t, s.kubectl(t, "get", "crds", "-o", "name"))
	assert.Empty(t, s.Revisions())
	require.EqualError(t, s.StopIstiod(t.Context()), "the stack has no istiod: its flavour is none")

	_, err := s.Kubectl(t.Context(), "get", "pods", "-n", "plain", "--as=nobody")
	require.ErrorContains(t, err, `User "nobody" cannot list resource "pods"`)
	assert.Equal(t, "yes", s.kubectl(t, "auth", "can-i", "impersonate", "users"))

	brokenOff := io.ErrUnexpectedEOF
	assert.Equal(t, brokenOff, s.withDeaths(brokenOff))
	_, err = s.supervisor.Stop("kube-scheduler")
	require.NoError(t, err)
	assert.Regexp(t, `^unexpected EOF\nkube-scheduler has ended: .*\nThe end of its log:\n`, s.withDeaths(brokenOff).Error())
}

func TestDefault(t *testing.T) {
	s := startForTest(t, Options{Audit: true})
	t.Run("the injector injects native sidecars", func(t *testing.T) {
		assert.Equal(t, "server|istio-init istio-proxy", s.rolledOut(t, "injected", "istio-injection: enabled", ""))
		assert.Equal(t, "server|", s.rolledOut(t, "unlabelled", "", ""))
	})
	t.Run("the validator refuses", func(t *testing.T) {
		err := s.Apply(t.Context(), `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: bad, namespace: default}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: x, protocol: FOO}, hosts: ['*']}]}
`)
		require.ErrorContains(t, err, `admission webhook "validation.istio.io" denied the request: configuration is invalid: invalid protocol "FOO"`)
	})
	t.Run("the gateway has an address and ports", func(t *testing.T) {
		assert.Equal(t, s.GatewayAddress+" 15021>15021 80>8080 443>8443 8000>8000", s.kubectl(t, "get", "service", "istio-ingressgateway", "-n", "istio-system",
			"-o", "jsonpath={.status.loadBalancer.ingress[0].ip}{range .spec.ports[*]} {.port}>{.targetPort}{end}"))
		assert.Equal(t, "1", s.kubectl(t, "get", "deployment", "istio-ingressgateway", "-n", "istio-system", "-o", "jsonpath={.status.readyReplicas}"))
	})
	t.Run("the Gateway API is there", func(t *testing.T) {
		assert.Contains(t, s.kubectl(t, "api-resources", "-o", "name"), "httproutes.gateway.networking.k8s.io")
	})
	t.Run("istiod serves proxies", func(t *testing.T) {
		connection, err := net.Dial("tcp", s.XDSAddress("default"))
		require.NoError(t, err)
		require.NoError(t, connection.Close())
	})
	t.Run("the audit log has requests", func(t *testing.T) {
		content, err := os.ReadFile(s.AuditLog())
		require.NoError(t, err)
		assert.Contains(t, string(content), `"requestURI":"/apis/networking.istio.io/v1/namespaces/default/gateways`)
	})
	t.Run("pods fail on demand", func(t *testing.T) { testFailingPods(t, s) })
	t.Run("istiod can be away", func(t *testing.T) { testIstiodAway(t, s) })
}

func testFailingPods(t *testing.T, s *Stack) {
	tests := map[string]string{
		"image":     "Pending ImagePullBackOff false",
		"crash":     "Running CrashLoopBackOff false",
		"readiness": "Running  false",
		"never":     "Pending",
	}
	for fail, expected := range tests {
		require.NoError(t, s.Apply(t.Context(), server("fail-"+fail, "istio-injection: enabled", "annotations: {"+FailAnnotation+": "+fail+"}")))
		assert.EventuallyWithT(t, func(c *assert.CollectT) {
			// Until the controller has made the pod there is no first item, which is an error to jsonpath.
			printed, err := s.Kubectl(t.Context(), "get", "pods", "-n", "fail-"+fail, "-o",
				"jsonpath={.items[0].status.phase}{range .items[0].status.containerStatuses[0]} {.state.waiting.reason} {.ready}{end}")
			assert.NoError(c, err, fail)
			assert.Equal(c, expected, strings.TrimSpace(printed), fail)
		}, 20*time.Second, 100*time.Millisecond)
	}
}

func testIstiodAway(t *testing.T, s *Stack) {
	require.NoError(t, s.StopIstiod(t.Context()))
	_, err := s.Kubectl(t.Context(), "run", "pod", "--image=example.com/server", "-n", "injected")
	require.ErrorContains(t, err, `failed calling webhook "namespace.sidecar-injector.istio.io"`)
	assert.Empty(t, s.kubectl(t, "get", "pods", "-n", "istio-system", "-l", "app=istiod", "--field-selector=status.phase=Running", "-o", "name"))
	require.NoError(t, s.StartIstiod(t.Context()))
	s.kubectl(t, "run", "pod", "--image=example.com/server", "-n", "injected")
	require.ErrorContains(t, s.StopIstiod(t.Context(), "1-27"), `the stack has no istiod of revision "1-27", but of [default]`)
}

func TestRevisions(t *testing.T) {
	s := startForTest(t, Options{Flavour: Revisions, OrdinarySidecars: true, GatewayPorts: ChartGatewayPorts()})
	assert.Equal(t, []string{"1-26", "1-27"}, s.Revisions())
	tests := []struct{ name, namespaceLabels, podMetadata, containers, revision string }{
		{"injection", "istio-injection: enabled", "", "server|", ""},
		{"old", "istio.io/rev: 1-26", "", "server istio-proxy|istio-init", "1-26"},
		{"new", "istio.io/rev: 1-27", "", "server istio-proxy|istio-init", "1-27"},
		{"tag", "istio.io/rev: stable", "", "server istio-proxy|istio-init", "1-27"},
		{"unknown", "istio.io/rev: 1-25", "", "server|", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.containers, s.rolledOut(t, test.name, test.namespaceLabels, test.podMetadata))
			assert.Equal(t, test.revision, s.kubectl(t, "get", "pods", "-n", test.name, "-o", `jsonpath={.items[0].metadata.annotations.istio\.io/rev}`))
		})
	}
	assert.Equal(t, "15021 80 443", s.kubectl(t, "get", "service", "istio-ingressgateway", "-n", "istio-system", "-o", "jsonpath={.spec.ports[*].port}"))
}

func TestUpIsIdempotentAndDownLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a control plane")
	}
	name := strings.Replace(uniqueName(), "test", "up", 1)
	options := Options{Name: name, Flavour: None, Log: t.Output()}
	t.Cleanup(func() { _, _ = Down(context.Background(), name) })
	first, err := Up(t.Context(), options)
	require.NoError(t, err)
	processes, err := first.supervisor.List()
	require.NoError(t, err)

	second, err := Up(t.Context(), options)
	require.NoError(t, err)
	assert.Equal(t, first.Kubeconfig, second.Kubeconfig)
	same, err := second.supervisor.List()
	require.NoError(t, err)
	assert.Equal(t, processes, same)

	_, err = Up(t.Context(), Options{Name: name, Flavour: Default})
	require.ErrorContains(t, err, "runs with flavour none, not default")
	_, err = Start(t.Context(), options)
	require.ErrorContains(t, err, "runs already")
	assert.Empty(t, problemOf(t, name))

	_, err = second.supervisor.Stop("kube-scheduler")
	require.NoError(t, err)
	assert.Contains(t, problemOf(t, name), "kube-scheduler has ended: ")
	third, err := Up(t.Context(), options)
	require.NoError(t, err)
	assert.Empty(t, problemOf(t, name))

	was, err := Down(t.Context(), name)
	require.NoError(t, err)
	assert.True(t, was)
	assert.NoDirExists(t, filepath.Dir(third.Kubeconfig))
	was, err = Down(t.Context(), name)
	require.NoError(t, err)
	assert.False(t, was)
}

// problemOf returns what List says is wrong with the stack.
func problemOf(t *testing.T, name string) string {
	t.Helper()
	list, err := List(t.Context())
	require.NoError(t, err)
	for _, status := range list {
		if status.Name == name {
			return status.Problem
		}
	}
	return "not listed"
}

func TestAStackThatDoesNotComeUpSaysWhyAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a supervisor")
	}
	assets := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(assets, "etcd"), []byte("#!/bin/sh\necho there is no room\nexit 4\n"), 0o755))
	t.Setenv(binaries.AssetsVariable, assets)
	name := uniqueName()
	_, err := Start(t.Context(), Options{Name: name, Flavour: None})
	require.EqualError(t, err, fmt.Sprintf("start stack %q: waited until etcd is ready, but etcd has ended: exit status 4\n"+
		"The end of its log:\n  there is no room", name))
	folder, err := stackFolder(name)
	require.NoError(t, err)
	assert.NoDirExists(t, folder)
}
