package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// changes are the lines of a picture that are gone and those that have come.
func changes(before, after string) string {
	var b strings.Builder
	only := func(sign, of, without string) {
		there := map[string]int{}
		for line := range strings.Lines(without) {
			there[line]++
		}
		for line := range strings.Lines(of) {
			if there[line]--; there[line] < 0 {
				b.WriteString(sign + " " + line)
			}
		}
	}
	only("-", before, after)
	only("+", after, before)
	return b.String()
}

// The dry runs show what the fix would do, and do nothing.
func TestLintFixDryRun(t *testing.T) {
	s := faultyScene(t, onDefault)
	s.writesNothing(func() {
		s.run("lint", "--fix", "--dry-run").exits(1)
		s.run("lint", "--fix", "--dry-run=server").exits(1)
		s.run("lint", "--fix=all", "--dry-run").exits(1)
	})
	s.golden()
}

// The safe fixes make the safe changes and no other, and leave the rest; --fix=all makes those too. Then nothing is left, and
// fixing again writes nothing.
func TestLintFix(t *testing.T) {
	s := faultyScene(t, onDefault)
	s.hasProxies(2, noSidecar)
	before := s.picture()

	s.run("lint", "--fix").exits(1)
	s.settled()
	s.hasProxies(2, nativeSidecar)
	safe := s.picture()
	s.note("what --fix has changed", changes(before, safe))
	s.writesNothing(func() { s.runQuietly("lint", "--fix").exits(1).says("nothing to fix") })

	s.run("lint", "--fix=all", "--yes").exits(0)
	s.settled()
	s.note("what --fix=all has changed", changes(safe, s.picture()))
	s.writesNothing(func() { s.runQuietly("lint", "--fix=all", "--yes").exits(0).says("nothing to fix") })
	assert.Empty(t, s.lint(0).found())
	s.golden()
}

// Pods from before the label get their proxy by a restart alone.
func TestLintFixOldPods(t *testing.T) {
	s := on(t, onOrdinary)
	s.given(meshless)
	s.patch("services", "server", `{"spec":{"ports":[{"name":"grpc","port":8000,"targetPort":50051}]}}`)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	assert.Equal(t, []string{"GX106 Deployment/test/server"}, s.lint(1).found())
	before := s.picture()
	s.run("lint", "deployment/server", "--fix").exits(0)
	s.settled()
	s.hasProxies(2, ordinarySidecar)
	s.note("what --fix has changed", changes(before, s.picture()))
	s.golden()
}

// A node port of the gateway's Service taken for its port is put right without a question.
func TestLintFixNodePort(t *testing.T) {
	s := on(t, onDefault)
	ports := field[[]any](s, s.get("services", "istio-system/istio-ingressgateway"), "spec", "ports")
	var nodePort string
	for _, port := range ports {
		if port := port.(map[string]any); port["port"] == int64(8000) {
			nodePort = fmt.Sprint(port["nodePort"])
		}
	}
	require.NotEmpty(t, nodePort)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	s.given(strings.NewReplacer("number: 8000, name: grpc", "number: "+nodePort+", name: grpc", "name: http", "name: grpc",
		"  type: NodePort\n", "", "timeout: 10s, ", "").Replace(faulty))
	assert.Equal(t, []string{"GX404 Gateway/test/server"}, s.lint(1).found())
	s.runQuietly("lint", "--fix").exits(0).says(nodePort+" → 8000", "No findings")
	assert.Equal(t, []any{map[string]any{"port": map[string]any{"number": int64(8000), "name": "grpc", "protocol": "GRPC"}, "hosts": []any{"orders.example.com"}}},
		field[[]any](s, s.get("gateways.networking.istio.io", "server"), "spec", "servers"))
}

// On a mesh of revisions the fix asks where there are several, and does not ask where a label says which.
func TestLintFixOnRevisions(t *testing.T) {
	s := on(t, onRevisions)
	s.given(meshless)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	s.run("lint").exits(1)
	s.run("lint", "--fix").exits(1)
	s.hasProxies(2, noSidecar)
	s.kubectl("label", "namespace", "test", "istio-injection-", "istio.io/rev=1-26")
	s.run("lint", "--fix").exits(0)
	s.settled()
	s.hasProxies(2, nativeSidecar)
	s.kubectl("label", "namespace", "test", "istio.io/rev=stable", "--overwrite")
	assert.Equal(t, []string{"GX107 Deployment/test/server"}, s.lint(1).found())
	s.run("lint", "--fix").exits(0)
	s.golden()
}

// What admission refuses is told with its reason, and keeps nothing else from being fixed.
func TestLintFixRefused(t *testing.T) {
	const refused = "not fixed: GX301 Service test/server: Service test/server is refused by ValidatingAdmissionPolicy lint-test: ports are named by the platform team"
	s := faultyScene(t, onDefault)
	s.refusesUpdates("services", "object.spec.ports.all(p, p.name == 'http')", "ports are named by the platform team")
	s.writesNothing(func() { s.runQuietly("lint", "--fix", "--dry-run=server").exits(1).says(strings.ReplaceAll(refused, "test", s.namespace)) })
	s.runQuietly("lint", "--fix").exits(1).says(strings.ReplaceAll(refused, "test", s.namespace))
	s.settled()
	s.hasProxies(2, nativeSidecar)
	assert.NotContains(t, s.lint(1).found(), "GX104 Namespace/test")
}

// refusesUpdates has updates of a core resource in the scene refused unless the expression holds.
func (s *scene) refusesUpdates(resource, expression, message string) {
	s.Helper()
	name := "lint-" + s.namespace
	require.NoError(s, s.Apply(s.Context(), strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name, "RESOURCE", resource,
		"EXPRESSION", expression, "MESSAGE", message).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [RESOURCE]}]}
  validations: [{expression: "EXPRESSION", message: "MESSAGE"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}}
`)))
	s.Cleanup(func() {
		_, err := s.Kubectl(cleanup, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name)
		assert.NoError(s, err)
	})
	// The API server learns of it by a watch.
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		assert.Contains(c, s.runQuietly("lint", "--fix", "--dry-run=server").stderr, "not fixed")
	}, rolloutPatience, 100*time.Millisecond)
}
