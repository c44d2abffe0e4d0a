package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refuses requires that the command is refused, and that nothing has been written by then.
func (s *scene) refuses(arguments ...string) {
	s.Helper()
	s.settled()
	s.writesNothing(func() { s.run(arguments...).exits(2) })
}

// What is in the way is told before anything is written: the sentence, the object, what to do next.
func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		given   string
		command []string
	}{
		"not-found":              {given: server + "---" + orders, command: []string{"create", "deployment/servre", "--port", "8000"}},
		"not-found-kind":         {given: server, command: []string{"create", "statefulset/server"}},
		"no-candidate":           {given: server, command: []string{"create", "deployment/server", "--port", "8000"}},
		"several-candidates":     {given: withPorts(`{name: grpc, containerPort: 50051}, {name: grpc-admin, containerPort: 50052}`), command: []string{"create", "deployment/server", "--port", "8000"}},
		"unknown-target-port":    {given: server, command: []string{"create", "deployment/server", "--target-port", "grpc"}},
		"several-services":       {given: server + "---" + service(`, name: grpc`) + "---" + strings.Replace(service(`, name: grpc`), "name: server", "name: server-v2", 1), command: recipe()},
		"port-not-open":          {given: server, command: []string{"create", "deployment/server", "--port", "9000", "--target-port", "50051"}},
		"port-behind-another":    {given: server, command: []string{"create", "deployment/server", "--port", "8080", "--target-port", "50051"}},
		"host-taken":             {given: server + "---" + taken("*"), command: recipe()},
		"host-taken-by-name":     {given: server + "---" + taken("grpc.example.com"), command: recipe("--host", "grpc.example.com")},
		"tcp-server-on-port":     {given: server + "---" + tcpGateway, command: recipe()},
		"no-such-gateway":        {given: server + "---" + tcpGateway, command: recipe("--gateway", "test/shared")},
		"no-such-gateway-labels": {given: server, command: recipe("--gateway-selector", "app=nobody")},
		"no-such-revision":       {given: server, command: recipe("--revision", "1-99")},
		"host-network":           {given: strings.Replace(server, "spec: {containers", "spec: {hostNetwork: true, containers", 1), command: recipe()},
		"paused":                 {given: strings.Replace(server, "replicas: 2", "replicas: 2\n  paused: true", 1), command: recipe()},
		"no-secret":              {given: server, command: []string{"create", "deployment/server", "--port", "443", "--target-port", "50051", "--tls-secret", "nobody"}},
		"service-of-others":      {given: server + "---" + strings.ReplaceAll(service(`, name: grpc`), "app: server", "app: other"), command: recipe("--service", "server")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := on(t, onDefault)
			if name == "paused" {
				s.put(strings.Replace(test.given, "paused: true", "paused: false", 1))
				s.settled()
			}
			s.given(test.given)
			s.refuses(test.command...)
			s.golden()
		})
	}
}

func withPorts(ports string) string {
	return strings.Replace(server, `grpc_server:latest"}`, `grpc_server:latest", ports: [`+ports+`]}`, 1)
}

// taken is a route of somebody else's for the host, on a Gateway of its own.
func taken(host string) string {
	return strings.ReplaceAll(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: other, namespace: test}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["HOST"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: test}
spec: {hosts: ["HOST"], gateways: [other], http: [{route: [{destination: {host: other.test.svc.cluster.local, port: {number: 8000}}}]}]}
`, "HOST", host)
}

const tcpGateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: database, namespace: test}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: tcp, protocol: TCP}, hosts: ["*"]}]}
`

func TestBadFlagValues(t *testing.T) {
	s := on(t, onDefault)
	s.writesNothing(func() {
		for _, command := range [][]string{
			{"create"},
			{"create", "pod/server"},
			{"create", "deployment/Server"},
			{"create", "deployment/server", "deployment/orders", "orders"},
			recipe("--port", "0"), recipe("--port", "70000"), recipe("--port", "http"),
			recipe("--target-port", "0"), recipe("--target-port", "Not_A_Name"),
			recipe("--host", "https://grpc.example.com"), recipe("--host", "a..b"), recipe("--host", "Grpc.example.com"),
			recipe("--grpc-service", "shop/Orders"), recipe("--service", "9lives"), recipe("--gateway", "a/b/c"),
			recipe("--revision", "1.26!"), recipe("--inject", "maybe"), recipe("--restart", "all"), recipe("--port-fix", "label"),
			recipe("--gateway-selector", "istio"), recipe("--tls-mutual"), recipe("--tls-secret", "Cert"),
			recipe("--dry-run=maybe"), recipe("-o", "table"), recipe("--timeout", "0s"), recipe("--timeout", "soon"),
			recipe("--exit-code"), recipe("--interactive"), recipe("--diff", "-o", "yaml"), recipe("--no-such-flag"),
			{"delete"}, {"delete", "deployment/server", "--exit-code"}, {"exposed"},
		} {
			s.run(command...).exits(2)
		}
	})
	s.golden()
}

func TestBadNamespaceName(t *testing.T) {
	s := on(t, onDefault)
	defer func(namespace string) { s.namespace = namespace }(s.namespace)
	s.namespace = "Not_A_Namespace"
	result := s.runQuietly(recipe()...).exits(2)
	assert.Equal(t, "error: --namespace \"test\" is not a namespace's name: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "+
		"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')\nSee 'kubectl grpcexpose create --help'\n", result.stderr)
}

// Nobody is at home, or nobody is known.
func TestNoCluster(t *testing.T) {
	s := on(t, onDefault)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()

	for _, test := range []struct{ name, kubeconfig string }{
		{"no kubeconfig", ""},
		{"a kubeconfig that is not there", "/nonexistent/kubeconfig"},
		{"unreachable", connection("https://" + closed.Addr().String())},
		{"not TLS", connection(strings.Replace(plain.URL, "http:", "https:", 1))},
		{"not an API server", connection(plain.URL)},
		{"no address for the name", connection("https://no-such-host.invalid:6443")},
		{"a broken kubeconfig", "clusters: [\n"},
	} {
		path := test.kubeconfig
		if strings.Contains(path, "clusters") {
			path = filepath.Join(t.TempDir(), "kubeconfig")
			require.NoError(t, os.WriteFile(path, []byte(test.kubeconfig), 0o600))
		}
		s.kubeconfig = path
		s.note(test.name, "")
		result := s.create().exits(2)
		assert.Empty(t, result.stdout)
	}
	s.golden()
}

func connection(server string) string {
	return "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u}]\nclusters: [{name: c, cluster: {server: " + server + "}}]\n"
}

func TestNoIstio(t *testing.T) {
	s := on(t, onNone)
	s.given(server)
	s.refuses(recipe()...)
	s.kubectl("create", "-f", "testdata/gateway-crd.yaml")
	s.kubectl("wait", "--for=condition=Established", "crd/gateways.networking.istio.io")
	s.refuses(recipe()...)
	s.golden()
}

// kube-system is refused with a workload of its own; what the test puts there it takes away.
func TestKubeSystem(t *testing.T) {
	s := on(t, onOrdinary)
	s.put(strings.ReplaceAll(server, "namespace: test", "namespace: kube-system"))
	defer func() {
		_, err := s.Kubectl(cleanup, "delete", "deployment", "server", "-n", "kube-system")
		assert.NoError(t, err)
	}()
	s.writesNothing(func() { s.run(recipe("--namespace", "kube-system")...).exits(2) })
	s.golden()
}
