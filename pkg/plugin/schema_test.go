package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

const schemaPath = repository + "/docs/schema/grpcexpose-v1.json"

// strictSchema is the published schema, but takes no field that it does not name: readers must ignore such fields, and this
// program must not print them before they are documented.
func strictSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open(schemaPath)
	require.NoError(t, err)
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	require.NoError(t, err)
	forbidOtherFields(document)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", document))
	schema, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	return schema
}

func forbidOtherFields(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, ok := node["properties"].(map[string]any); ok && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			forbidOtherFields(child)
		}
	case []any:
		for _, child := range node {
			forbidOtherFields(child)
		}
	}
}

func assertOfSchema(t *testing.T, schema *jsonschema.Schema, kind, text string) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err, text)
	assert.Equal(t, kind, document.(map[string]any)["kind"])
	assert.NoError(t, schema.Validate(document))
}

func TestOutputIsOfTheSchema(t *testing.T) {
	schema := strictSchema(t)
	for name, test := range map[string]struct {
		kind      string
		arguments []string
	}{
		"findings":           {"LintReport", []string{"lint", "-f", "deploy", "--scope=all", "-o", "json"}},
		"skips":              {"LintReport", []string{"lint", "-f", "server.yaml", "-o", "json"}},
		"list of checks":     {"CheckList", []string{"lint", "--list-checks", "-o", "json"}},
		"plan":               {"Plan", []string{"create", "-f", "server.yaml", "--port", "8000", "--target-port", "50051", "-o", "plan"}},
		"version":            {"Version", []string{"version", "--client", "-o", "json"}},
		"version of servers": {"Version", []string{"version", "-o", "json", "--server", apiServer(t, map[string]string{"/version": `gitVersion: v1.20.0`, "/apis": old, webhooksPath: noWebhooks, deploymentsPath: istiodAt("1.9.0")})}},
	} {
		t.Run(name, func(t *testing.T) {
			prepare(t)
			stdout, stderr, code := run(t, test.arguments...)
			assert.Contains(t, []int{ExitFine, ExitBad}, code, stderr)
			assertOfSchema(t, schema, test.kind, stdout)
		})
	}
}

func TestBaselinesAreOfTheSchema(t *testing.T) {
	schema := strictSchema(t)
	prepare(t)
	_, stderr, code := run(t, "lint", "-f", "deploy", "--baseline", "new.yaml", "--write-baseline")
	require.Equal(t, ExitFine, code, stderr)
	text, err := os.ReadFile("new.yaml")
	require.NoError(t, err)
	converted, err := yaml.YAMLToJSON(text)
	require.NoError(t, err)
	assertOfSchema(t, schema, "LintBaseline", string(converted))
}

// The reports' golden files have every form of a finding (compared with a cluster, suppressed, with patches) and of a trial.
func TestGoldenReportsAreOfTheSchema(t *testing.T) {
	schema := strictSchema(t)
	for folder, kind := range map[string]string{"lint": "LintReport", "verify": "Verification"} {
		paths, err := filepath.Glob(repository + "/pkg/report/testdata/" + folder + "/*.json")
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assertOfSchema(t, schema, kind, string(text))
		}
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	schema := strictSchema(t)
	for name, text := range map[string]string{
		"another version": `{"apiVersion": "grpcexpose/v2", "kind": "CheckList", "checks": []}`,
		"another kind":    `{"apiVersion": "grpcexpose/v1", "kind": "Other"}`,
		"a missing field": `{"apiVersion": "grpcexpose/v1", "kind": "Plan", "changes": [], "notes": []}`,
		"null for a list": `{"apiVersion": "grpcexpose/v1", "kind": "CheckList", "checks": null}`,
		"unknown fields":  `{"apiVersion": "grpcexpose/v1", "kind": "CheckList", "checks": [], "more": 1}`,
	} {
		var document any
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		assert.Error(t, schema.Validate(document), name)
	}
}

// Every workload of the corpus that serves gRPC has a status, and most a plan; together they have all that there can be.
func TestStatusAndPlansOfTheCorpusAreOfTheSchema(t *testing.T) {
	schema := strictSchema(t)
	plans := 0
	for _, name := range corpus.Names(t) {
		snapshot := corpus.Mesh(t, name)
		for workload, ports := range exposure.ExposedWorkloads(snapshot) {
			var out bytes.Buffer
			found := lint.Run(snapshot, lint.Options{Only: lint.OnPathOf(snapshot, workload.Key)})
			require.NoError(t, report.StatusJSON(&out, report.Status{
				Workload: workload.Key, Roots: callpath.Trace(snapshot, workload), Findings: found.Findings,
			}))
			assertOfSchema(t, schema, "Status", out.String())

			result, err := expose.Build(expose.Intent{
				Kind: workload.Key.Kind, Namespace: workload.Namespace(), Name: workload.Name(), Port: ports[0].Port.Port,
				Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
			}, snapshot)
			if err != nil {
				continue
			}
			plans++
			after := result.After
			out.Reset()
			require.NoError(t, report.PlanJSON(&out, report.PlanReport{Plan: result.Plan, Exposure: expose.ExposureOf(result, after)}))
			assertOfSchema(t, schema, "Plan", out.String())
		}
	}
	assert.Positive(t, plans)
}
