package expose_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const ownMarks = `labels: {app.kubernetes.io/managed-by: kubectl-grpcexpose}, annotations: {grpcexpose/for: Deployment/test/server}`

func names(p plan.Plan) []string {
	var names []string
	for _, change := range p.Changes {
		names = append(names, string(change.Action)+" "+plan.Name(change.Object))
	}
	return names
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
