package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	portCheck = &checks.Check{
		ID: "GX301", Slug: "port-not-grpc", Levels: []checks.Level{checks.Error, checks.Warning}, Title: "The port is not declared as gRPC",
		What: "A port with gRPC behind it has another protocol.", Why: "A gateway never sniffs.", Client: "`UNAVAILABLE`.",
	}
	replicaCheck = &checks.Check{
		ID: "GX203", Slug: "single-replica", Levels: []checks.Level{checks.Info}, Title: "There is one replica",
		What: "One replica.", Why: "Nothing to balance over.", Client: "Nothing.",
	}
	ran = []*checks.Check{replicaCheck, portCheck}
)

func decode(t *testing.T, text string) mesh.Object {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	object, ok, err := mesh.Decode(data)
	require.NoError(t, err)
	require.True(t, ok)
	return object
}

func sourced(object mesh.Object, file string, line int) mesh.Sourced {
	return mesh.Sourced{Object: object, Source: mesh.Source{File: file, Line: line, LineOf: func(path []string) int { return line + len(plan.Path(path).String())/4 }}}
}

// lintReports are the reports that every format is tried with.
func lintReports(t *testing.T) map[string]*LintReport {
	t.Helper()
	service := decode(t, "apiVersion: v1\nkind: Service\nmetadata: {name: server, namespace: shop}\nspec: {ports: [{name: http, port: 8000}]}")
	deployment := decode(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: server, namespace: shop}")
	namespace := decode(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: \"shop\"}")
	snapshot := mesh.New([]mesh.Sourced{
		sourced(service, "deploy/server, new.yaml", 12), sourced(deployment, "deploy/server, new.yaml", 1), {Object: namespace},
	}, mesh.Options{})
	u, err := mesh.ToUnstructured(service)
	require.NoError(t, err)
	port := checks.Finding{
		ID: "GX301", Slug: "port-not-grpc", Level: checks.Error, Object: service, Path: plan.PathOf("spec", "ports", 0, "name"),
		Message:  "Port 8000 leads to a gRPC server, but its name says HTTP: 100% of the calls fail.",
		Evidence: []string{"the container port is named grpc", "the probe of container server is a gRPC probe", "VirtualService shop/server leads to it"},
		Symptom:  "UNAVAILABLE", Fix: checks.Fix{
			Text: "Rename the port to grpc.", Level: checks.Safe, Changes: []plan.Change{{
				Action: plan.Update, Object: u, Edits: []plan.Edit{plan.Set(u, "grpc", "spec", "ports", "port=8000,protocol=TCP", "name")},
			}},
		},
	}
	replica := checks.Finding{
		ID: "GX203", Slug: "single-replica", Level: checks.Info, Object: deployment, Path: plan.PathOf("spec", "replicas"),
		Message: "Deployment server has one replica.\x1b[31m", Symptom: "No balancing.", Fix: checks.Fix{Text: "Set more replicas.", Level: checks.Words},
	}
	onNamespace := checks.Finding{
		ID: "GX301", Slug: "port-not-grpc", Level: checks.Warning, Object: namespace, Message: "It is <odd> & \"quoted\".",
		Fix: checks.Fix{Text: "Add the object.", Level: checks.Ask, Changes: []plan.Change{{
			Action: plan.Create, Object: &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "new"}}},
		}}},
	}
	skips := []checks.Skip{
		{ID: "GX203", Slug: "single-replica", Reason: "you may not list deployments in namespace shop"},
		{ID: "GX411", Slug: "credential-not-found", Reason: "not in the files"},
		{ID: "GX501", Slug: "gateway-not-found", Reason: "not in the files"},
	}
	compared := NewLintReport(lint.Report{Findings: []checks.Finding{replica, port, onNamespace}, Ran: ran}, snapshot)
	for i, state := range []LintState{Fixed, New, Unchanged} {
		compared.Findings[i].State = state
	}
	compared.count()
	return map[string]*LintReport{
		"clean":    NewLintReport(lint.Report{Ran: ran}, snapshot),
		"findings": NewLintReport(lint.Report{Findings: []checks.Finding{onNamespace, replica, port}, Ran: ran, Suppressed: []lint.Suppressed{{Finding: replica, Reason: "it is a test"}}}, snapshot),
		"skips":    NewLintReport(lint.Report{Skips: skips, Ran: ran}, snapshot),
		"compared": compared,
	}
}

func TestLintPrinters(t *testing.T) {
	for name, report := range lintReports(t) {
		for _, format := range LintFormats() {
			t.Run(name+"."+format, func(t *testing.T) {
				printer, err := LintPrinterFor(format, PrintOptions{Width: 100, Version: "1.2.3"})
				require.NoError(t, err)
				var out bytes.Buffer
				require.NoError(t, printer.Print(&out, report))
				path := filepath.Join("testdata", "lint", name+"."+format)
				if *update {
					require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, string(want), out.String())
			})
		}
	}
}

func TestColour(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, textLint{PrintOptions{Colour: true, Width: 100}}.Print(&out, lintReports(t)["findings"]))
	assert.Contains(t, out.String(), "\x1b[31merror GX301 port-not-grpc\x1b[0m")
	assert.NotContains(t, out.String(), "one replica.\x1b[31m", "control characters of manifests do not reach the terminal")
}

func TestUnknownFormat(t *testing.T) {
	_, err := LintPrinterFor("xml", PrintOptions{})
	assert.EqualError(t, err, `unknown output format "xml": use one of github, json, junit, sarif, table, text, yaml`)
}

func TestFails(t *testing.T) {
	reports := lintReports(t)
	for _, test := range []struct {
		report string
		failOn checks.Level
		want   bool
	}{
		{"clean", checks.Info, false},
		{"findings", checks.Error, true},
		{"findings", "", false},
		{"skips", checks.Info, false},
		{"compared", checks.Error, true},
	} {
		report := reports[test.report]
		report.FailOn = test.failOn
		assert.Equal(t, test.want, report.Failed(), test)
	}
	onlyOld := reports["compared"]
	onlyOld.Findings = []LintFinding{onlyOld.Findings[0], onlyOld.Findings[2]}
	onlyOld.FailOn = checks.Info
	assert.False(t, onlyOld.Failed(), "what the files fix or leave as it is does not fail")
}

func TestAdd(t *testing.T) {
	first, second := lintReports(t)["findings"], lintReports(t)["skips"]
	first.Add(second)
	assert.Equal(t, LintSummary{Errors: 1, Warnings: 1, Infos: 1, Suppressed: 1, Objects: 6, Checks: 2, Skipped: 3}, first.Summary)
}

// TestMachineFormats holds what readers rely on: lists are never null, and the documents parse.
func TestMachineFormats(t *testing.T) {
	for name, report := range lintReports(t) {
		for format, parse := range map[string]func([]byte, any) error{"json": json.Unmarshal, "yaml": func(data []byte, into any) error { return yaml.Unmarshal(data, into) }} {
			printer, err := LintPrinterFor(format, PrintOptions{})
			require.NoError(t, err)
			var out bytes.Buffer
			require.NoError(t, printer.Print(&out, report))
			var document map[string]any
			require.NoError(t, parse(out.Bytes(), &document))
			for _, list := range []string{"findings", "skipped", "suppressed"} {
				assert.IsType(t, []any{}, document[list], "%s of %s", list, name)
			}
			assert.Equal(t, "grpcexpose/v1", document["apiVersion"])
			assert.Equal(t, "LintReport", document["kind"])
		}
		var out bytes.Buffer
		require.NoError(t, junitLint{}.Print(&out, report))
		assert.NoError(t, xml.Unmarshal(out.Bytes(), &junitSuites{}))
	}
}
