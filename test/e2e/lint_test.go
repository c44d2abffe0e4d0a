package e2e

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// A namespace, a workload, everything: the same faults are found, and nothing is written.
func TestLint(t *testing.T) {
	s := faultyScene(t, onDefault)
	s.writesNothing(func() {
		s.run("lint").exits(1)
		s.run("lint", "deployment/server", "-o", "table").exits(1)
		s.run("lint", "-o", "github").exits(1)
		faults := s.lint(1).found()
		assert.Equal(t, []string{
			"GX104 Namespace//test", "GX301 Service/test/server", "GX308 Service/test/server", "GX509 VirtualService/test/server",
		}, faults)
		assert.Equal(t, faults, s.lint(1, "server").found(), "of the workload")
		assert.Subset(t, s.lint(1, "-A").found(), faults, "of the cluster")
	})
	s.golden()
}

// What is asked for is what is reported: nothing of the neighbours.
func TestLintLooksNoFurther(t *testing.T) {
	s := faultyScene(t, onDefault)
	s.given(strings.ReplaceAll(meshless, "server", "payments"))
	assert.Contains(t, s.lint(1).found(), "GX301 Service/test/payments")
	assert.NotContains(t, s.lint(1, "deployment/server").found(), "GX301 Service/test/payments")
	assert.Equal(t, []string{"GX104 Namespace//test", "GX301 Service/test/payments"}, s.lint(1, "payments").found())
	assert.Empty(t, s.lint(0, "--namespace", "istio-system").found())
}

// Every format has the exit code of the findings, whatever its reader does with it.
func TestLintFormats(t *testing.T) {
	s := faultyScene(t, onDefault)
	valid := map[string]func(output string) error{
		"text": nil, "table": nil, "github": nil,
		"json":  func(output string) error { return json.Unmarshal([]byte(output), &lintReport{}) },
		"sarif": func(output string) error { return json.Unmarshal([]byte(output), &map[string]any{}) },
		"yaml":  func(output string) error { return yaml.Unmarshal([]byte(output), &lintReport{}) },
		"junit": func(output string) error { return xml.Unmarshal([]byte(output), &struct{}{}) },
	}
	for format, decode := range valid {
		for _, test := range []struct {
			code  int
			flags []string
		}{
			{1, nil},
			{1, []string{"--fail-on", "error"}},
			{0, []string{"--fail-on", "never"}},
			{0, []string{"--checks", "GX7"}},
			{1, []string{"--checks", "GX308"}},
			{0, []string{"--checks", "GX308", "--fail-on", "error"}},
			{0, []string{"--checks", "-GX1,-GX3,-timeout-cuts-streams"}},
		} {
			result := s.runQuietly(append([]string{"lint", "-o", format}, test.flags...)...)
			assert.Equal(t, test.code, result.code, "-o %s %s: %s", format, test.flags, result.stderr)
			assert.Empty(t, result.stderr, "-o %s %s", format, test.flags)
			if decode != nil {
				assert.NoError(t, decode(result.stdout), "-o %s %s", format, test.flags)
			}
		}
	}
	broken := s.runQuietly("lint", "-o", "json", "--kubeconfig", "/nonexistent/kubeconfig").exits(2)
	assert.Empty(t, broken.stdout)
}

// The annotation silences one check on one object, the baseline what is known; both are counted.
func TestLintSilenced(t *testing.T) {
	s := faultyScene(t, onDefault)
	s.kubectl("annotate", "service", "server", "-n", "test", "grpcexpose/ignore=GX308: the partners call it until June")
	report := s.lint(1)
	assert.Equal(t, []string{"GX104 Namespace//test", "GX301 Service/test/server", "GX509 VirtualService/test/server"}, report.found())
	require.Len(t, report.Suppressed, 1)
	assert.Equal(t, "the partners call it until June", report.Suppressed[0].Reason)

	known := t.TempDir() + "/known.yaml"
	s.runQuietly("lint", "--baseline", known).exits(2).says("make it with --write-baseline")
	s.runQuietly("lint", "--baseline", known, "--write-baseline").exits(0).says("wrote 3 findings")
	report = s.lint(0, "--baseline", known)
	assert.Empty(t, report.found())
	assert.Equal(t, 4, report.Summary.Suppressed)

	s.given(strings.ReplaceAll(meshless, "server", "payments"))
	assert.Equal(t, []string{"GX301 Service/test/payments"}, s.lint(1, "--baseline", known).found(), "only what is new")
}

// What is asked wrongly is said with the way to ask it.
func TestLintUsage(t *testing.T) {
	s := faultyScene(t, onDefault)
	s.writesNothing(func() {
		for _, command := range [][]string{
			{"deployment/servre"}, {"service/server"}, {"pod/server"}, {"servre", "payments"}, {"-A", "server"}, {"manifests.yaml"}, {"."},
			{"--fix", "all"}, {"--fix=maybe"}, {"--fix=all"}, {"--dry-run"}, {"--yes"}, {"--watch", "-o", "json"}, {"--watch", "--fix"},
			{"--checks", "GX9"}, {"--checks", "-"}, {"--fail-on", "fatal"}, {"--scope", "http"}, {"-o", "wide"}, {"--self-contained"}, {"--with-cluster"},
			{"--write-baseline"}, {"--context", "nobody"}, {"-f", "nosuch.yaml"}, {"--namespace", "no-such-namespace"}, {"--no-such-flag"},
		} {
			s.run(append([]string{"lint"}, command...)...).exits(2)
		}
	})
	s.golden()
}

// Where nothing speaks gRPC, no finding is no praise: lint says that it had nothing to judge.
func TestLintNothingThere(t *testing.T) {
	s := on(t, onDefault)
	s.run("lint").exits(0)
	s.given(server)
	s.run("lint").exits(0)
	s.run("lint", "deployment/server").exits(0)
	s.golden()
}

// A Gateway's selector may mean pods of any namespace: where it means none that is known, lint of one namespace looks at all.
func TestLintGatewayOfNobody(t *testing.T) {
	s := on(t, onDefault)
	s.kubectl("label", "namespace", "test", "istio-injection=enabled")
	s.given(strings.NewReplacer("name: http", "name: grpc", "  type: NodePort\n", "", "timeout: 10s, ", "", "istio: ingressgateway", "istio: ingress").Replace(faulty))
	for _, target := range [][]string{nil, {"deployment/server"}} {
		report := s.lint(1, target...)
		assert.Equal(t, []string{"GX401 Gateway/test/server"}, report.found())
		assert.Empty(t, report.Skipped)
	}
	s.put("apiVersion: v1\nkind: Pod\nmetadata: {name: proxy, namespace: test, labels: {istio: ingress}, annotations: {inject.istio.io/templates: gateway}}\nspec: {containers: [{name: istio-proxy, image: auto}]}")
	assert.NotContains(t, s.lint(1).found(), "GX401 Gateway/test/server")
}
