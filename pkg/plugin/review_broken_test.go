package plugin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

const brokenRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: by-hand, namespace: pay}
spec:
  hosts: [HOST]
  gateways: [GATEWAY]
  http: [{route: [{destination: {host: DESTINATION, port: {number: PORT}}}]}]
`

const handMadeGateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: by-hand, namespace: pay}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*"]}]
`

// A route that is there for the same calls and does not take them is named with what is wrong, instead of a second one beside it.
func TestBrokenRouteIsNamed(t *testing.T) {
	tests := map[string]struct {
		host, gateway, destination, port string
		hosts                            []string
		finding                          string
	}{
		"whole":               {`"*"`, "by-hand", "ledger", "8000", nil, ""},
		"no such gateway":     {`"*"`, "nowhere", "ledger", "8000", nil, "GX501"},
		"wrong port":          {`"*"`, "by-hand", "ledger", "8001", nil, "GX504"},
		"no such Service":     {`"*"`, "by-hand", "ledgr", "8000", nil, "GX503"},
		"another Service":     {`"*"`, "mesh", "ledger", "8001", nil, ""},
		"another host wanted": {"a.example.com", "nowhere", "ledger", "8000", []string{"b.example.com"}, ""},
		"a host of all":       {"a.example.com", "nowhere", "ledger", "8000", nil, "GX501"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer("HOST", test.host, "GATEWAY", test.gateway, "DESTINATION", test.destination, "PORT", test.port).Replace(brokenRoute)
			snapshot := corpus.Mesh(t, "gx102-namespace-not-injected").With(mesh.Change{Removed: routesOf(t, "pay")}).
				With(mesh.Change{Put: corpus.Objects(t, text+"---"+handMadeGateway)})
			intent := ledger()
			intent.Hosts = test.hosts
			result, err := review.Build(intent, snapshot)
			if err == nil {
				_, err = review.Plan(intent, snapshot, result)
			}
			if test.finding == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "VirtualService pay/by-hand")
			assert.ErrorContains(t, err, test.finding)
			assert.ErrorContains(t, err, "name another --host")
		})
	}
}

func routesOf(t *testing.T, namespace string) []mesh.Key {
	t.Helper()
	var keys []mesh.Key
	for _, route := range corpus.Mesh(t, "gx102-namespace-not-injected").VirtualServices().In(namespace) {
		keys = append(keys, mesh.KeyOf(route))
	}
	return keys
}

// In files as in clusters; a Gateway that the files do not have is not known.
func TestBrokenRouteInFiles(t *testing.T) {
	const service = "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: server, namespace: pay}\nspec: {selector: {app: server}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}\n---"
	route := strings.NewReplacer("HOST", `"*"`, "GATEWAY", "edge/shared", "DESTINATION", "server", "PORT", "8000").Replace(brokenRoute)
	deployment := strings.Replace(deploymentAlone, "{name: server}", "{name: server, namespace: pay}", 1)
	_, _, err := createOnFile(t, deployment+service+route)
	require.ErrorContains(t, err, "VirtualService pay/by-hand is there to lead to Deployment pay/server and may or may not do so")
	require.ErrorContains(t, err, "Gateway edge/shared, which it is bound to, is not known here")
	_, _, err = createOnFile(t, deployment+service+strings.Replace(route, "8000", "8001", 1))
	require.ErrorContains(t, err, "VirtualService pay/by-hand is there to lead to Deployment pay/server and does not")
	_, _, err = createOnFile(t, deployment+service+route, "--host", "c.example.com")
	require.NoError(t, err, "another host is the way out")
}

// -n with files is what it is to kubectl, and files lack no permission.
func TestNamespaceOfFiles(t *testing.T) {
	other := strings.Replace(deploymentAlone, "{name: server}", "{name: server, namespace: pay}", 1)
	_, _, err := createOnFile(t, other, "-n", "test")
	require.EqualError(t, err, "Deployment pay/server of the files is not in namespace test, which --namespace names: leave it out, or give --namespace=pay")
	_, _, err = createOnFile(t, other, "-n", "pay")
	require.NoError(t, err)
	_, _, err = createOnFile(t, other, "deployment/web")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "permission")
}

// What shows gRPC although no Service leads there is said, and what was not read is not said to be missing.
func TestSilenceOfLint(t *testing.T) {
	snapshot := corpus.Mesh(t, "good-plain")
	var services []mesh.Key
	for _, service := range snapshot.Services().In("hello") {
		services = append(services, mesh.KeyOf(service))
	}
	deployment, _ := snapshot.Deployments().Get("hello", "greeter")
	deployment = deployment.DeepCopy()
	deployment.Spec.Template.Spec.Containers[0].Ports[0].Name = "grpc"
	snapshot = snapshot.With(mesh.Change{Removed: services, Put: []mesh.Object{deployment}})
	silence := lint.Target{Namespace: "hello"}.Silence(snapshot)
	assert.Contains(t, silence, "Deployment hello/greeter listens for gRPC on 50051")
	assert.Contains(t, silence, "no Service port leads there")

	unread := without(t, "good-plain", mesh.KindService)
	assert.Contains(t, lint.Target{Namespace: "hello"}.Silence(unread.Snapshot), "is not known")
}
