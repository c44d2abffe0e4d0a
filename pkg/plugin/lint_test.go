package plugin

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/golden"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// answer is what a command line gave.
type answer struct {
	code     int
	out, err string
}

// command runs a command line as main does, without a kubeconfig.
func command(t *testing.T, arguments ...string) answer {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	streams, out, errors := report.FakeStreams("")
	code := Execute(context.Background(), func() {}, streams, arguments)
	return answer{code, out.String(), errors.String()}
}

// lintTestdata is absolute: tests change the working directory.
var lintTestdata, _ = filepath.Abs("testdata/lint")

// lintFiles is a fresh copy of the test's manifests, and the working directory.
func lintFiles(t *testing.T) {
	t.Helper()
	directory := t.TempDir()
	require.NoError(t, os.CopyFS(directory, os.DirFS(filepath.Join(lintTestdata, "files"))))
	t.Chdir(directory)
}

func lintGolden(t *testing.T, path, got string) {
	t.Helper()
	if *golden.Update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func TestLintOutput(t *testing.T) {
	lintFiles(t)
	for name, test := range map[string]struct {
		arguments []string
		code      int
	}{
		"text":            {[]string{"-f", ".", "--self-contained"}, ExitBad},
		"unknown":         {[]string{"-f", "shop.yaml"}, ExitBad},
		"table":           {[]string{"-f", ".", "--self-contained", "-o", "table"}, ExitBad},
		"json":            {[]string{"-f", ".", "--self-contained", "-A", "-o", "json"}, ExitBad},
		"workload":        {[]string{"deployment/orders", "-f", ".", "--self-contained", "-o", "table"}, ExitBad},
		"selector":        {[]string{"-l", "app=orders", "-f", ".", "--self-contained", "-o", "table"}, ExitBad},
		"kind-and-name":   {[]string{"deploy", "orders", "-f", ".", "--self-contained", "-o", "table"}, ExitBad},
		"other-namespace": {[]string{"-n", "istio-system", "-f", ".", "--self-contained", "-o", "table"}, ExitFine},
		"selected":        {[]string{"-f", ".", "--self-contained", "--checks", "GX30,-GX301,-GX309", "-o", "table"}, ExitFine},
		"fail-on-error":   {[]string{"-f", ".", "--self-contained", "--checks", "GX509", "--fail-on", "error", "-o", "table"}, ExitFine},
		"fail-never":      {[]string{"-f", ".", "--self-contained", "--fail-on", "never", "-o", "github"}, ExitFine},
		"fix-dry-run":     {[]string{"-f", ".", "--self-contained", "--fix", "--dry-run"}, ExitBad},
		"fix-all-dry-run": {[]string{"-f", ".", "--self-contained", "--fix=all", "--dry-run"}, ExitBad},
		"list-checks":     {[]string{"--list-checks", "--checks", "GX301,GX509"}, ExitFine},
	} {
		t.Run(name, func(t *testing.T) {
			// Two checks are enough, and the golden files do not change with every new one.
			arguments := append([]string{"lint"}, test.arguments...)
			if !slices.Contains(arguments, "--checks") {
				arguments = append(arguments, "--checks", "GX301,GX509")
			}
			got := command(t, arguments...)
			assert.Equal(t, test.code, got.code, got.err)
			if name != "other-namespace" { // where no gRPC is
				assert.Empty(t, got.err)
			}
			lintGolden(t, filepath.Join(lintTestdata, name+".golden"), got.out)
		})
	}
}

func TestLintFixesFiles(t *testing.T) {
	lintFiles(t)
	got := command(t, "lint", "-f", ".", "--self-contained", "--fix", "-o", "table")
	assert.Equal(t, ExitBad, got.code, "a finding that only --fix=all fixes is left")
	assert.Equal(t, "fixed shop.yaml\n", got.err)
	assert.NotContains(t, got.out, "GX301")
	text, err := os.ReadFile("shop.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(text), "  - name: grpc # historic\n")

	got = command(t, "lint", "-f", ".", "--self-contained", "--fix=all", "-o", "table")
	assert.Equal(t, ExitFailed, got.code)
	assert.Equal(t, "error: --fix=all asks first, and there is no terminal to ask on; look with --dry-run, then say --yes\n"+
		"See 'kubectl grpcexpose lint --help'\n", got.err)

	got = command(t, "lint", "-f", ".", "--self-contained", "--fix=all", "--yes", "-o", "table")
	assert.Equal(t, answer{ExitFine, "No findings in 9 objects. " + checksRun() + "\n", "fixed shop.yaml\n"}, got)

	got = command(t, "lint", "-f", ".", "--self-contained", "--fix")
	assert.Equal(t, answer{ExitFine, "No findings in 9 objects. " + checksRun() + "\n", "nothing to fix\n"}, got)
}

// TestLintFixesWhatItCan holds that what cannot be changed in place keeps nothing else from being fixed.
func TestLintFixesWhatItCan(t *testing.T) {
	lintFiles(t)
	second := strings.ReplaceAll(strings.ReplaceAll(manifestText(t, "shop.yaml"), "shop", "other"), "name: http", "name: &shared http")
	require.NoError(t, os.WriteFile("other.yaml", []byte(second), 0o600))
	got := command(t, "lint", "-f", ".", "--self-contained", "--fix", "-o", "table", "--checks", "GX301")
	assert.Equal(t, ExitBad, got.code)
	assert.Equal(t, "warning: not fixed: other.yaml:28: Service other/orders cannot be changed in place (the value is shared through a YAML anchor); "+
		"make the change by hand: set .spec.ports[?(@.port==8000)].name to grpc\nfixed shop.yaml\n", got.err)
	assert.Contains(t, got.out, "other.yaml:28 ")
	assert.NotContains(t, got.out, "shop.yaml:28 ")

	got = command(t, "lint", "-f", ".", "--self-contained", "--fix", "-o", "json", "--checks", "GX301")
	assert.Equal(t, ExitFailed, got.code)
	assert.Contains(t, got.err, "error: nothing was changed: other.yaml:28: ")
}

func checksRun() string {
	return strings.SplitAfter(report.NewLintReport(lint.Report{Ran: lint.All()}, emptySnapshot()).Summary.String(), "objects. ")[1]
}

func TestLintAsksBeforeFixingAll(t *testing.T) {
	for typed, want := range map[string]struct {
		code    int
		message string
	}{
		"y\n": {ExitFine, "Go ahead? [y/N] fixed shop.yaml\n"},
		"\n":  {ExitFailed, "Go ahead? [y/N] error: not confirmed: nothing was written\n"},
	} {
		lintFiles(t)
		streams, _, errors := report.FakeStreams(typed)
		streams.InTerminal = true
		code := Execute(context.Background(), func() {}, streams, []string{"lint", "-f", ".", "--self-contained", "--fix=all"})
		assert.Equal(t, want.code, code)
		assert.True(t, strings.HasSuffix(errors.String(), want.message), errors.String())
		assert.Contains(t, errors.String(), "~ Service shop/orders: port 8000: name http → grpc\n")
	}
}

func TestLintBaseline(t *testing.T) {
	lintFiles(t)
	got := command(t, "lint", "-f", ".", "--self-contained", "--baseline", "known.yaml")
	assert.Equal(t, answer{ExitFailed, "", "error: --baseline: there is no file known.yaml; make it with --write-baseline\n"}, got)
	got = command(t, "lint", "-f", ".", "--self-contained", "--baseline", "known.yaml", "--write-baseline")
	assert.Equal(t, answer{ExitFine, "", "wrote 2 findings to known.yaml\n"}, got)
	text, err := os.ReadFile("known.yaml")
	require.NoError(t, err)
	assert.Equal(t, `apiVersion: grpcexpose/v1
findings:
- id: GX301
  kind: Service
  name: orders
  namespace: shop
  path: .spec.ports[0].name
- id: GX509
  kind: VirtualService
  name: orders
  namespace: shop
  path: .spec.http[0].timeout
kind: LintBaseline
`, string(text))
	got = command(t, "lint", "-f", "mesh.yaml", "-f", "shop.yaml", "--self-contained", "--baseline", "known.yaml", "-o", "table")
	assert.Equal(t, ExitFine, got.code)
	assert.Contains(t, got.out, "No findings in 9 objects")
	assert.Contains(t, got.out, "; 2 findings suppressed.")

	assert.Empty(t, got.err, "known.yaml is not judged, and nothing in it is stale")

	got = command(t, "lint", "-f", "mesh.yaml", "--self-contained", "--baseline", "known.yaml", "-o", "table")
	assert.NotContains(t, got.err, "no longer found", "the files do not have what is known about others")
	fixed := strings.Replace("# Moved down a line.\n"+manifestText(t, "shop.yaml"), "name: http # historic", "name: grpc", 1)
	require.NoError(t, os.WriteFile("shop.yaml", []byte(fixed), 0o600))
	got = command(t, "lint", "-f", "mesh.yaml", "-f", "shop.yaml", "--self-contained", "--baseline", "known.yaml", "-o", "table")
	assert.Equal(t, ExitFine, got.code)
	assert.Equal(t, "note: 1 of the 2 findings in known.yaml are no longer found; write it anew with --write-baseline\n", got.err)

	require.NoError(t, os.WriteFile("known.yaml", []byte("kind: Other\n"), 0o600))
	got = command(t, "lint", "-f", "shop.yaml", "--baseline", "known.yaml")
	assert.Equal(t, answer{ExitFailed, "", "error: --baseline: known.yaml is not a LintBaseline of grpcexpose/v1; make one of another name with --write-baseline\n"}, got)
}

func TestLintSettings(t *testing.T) {
	lintFiles(t)
	const settings = `checks: [GX3, GX5]
failOn: error
ignore:
- check: GX301
  namespace: sh*
  file: ./
  reason: it is being replaced
- {check: timeout-cuts-streams, kind: service, reason: another kind}
`
	require.NoError(t, os.Mkdir(".git", 0o700))
	require.NoError(t, os.WriteFile(".grpcexpose.yaml", []byte(settings), 0o600))
	lint := []string{"lint", "-f", "./mesh.yaml", "-f", "./shop.yaml", "--self-contained", "-o", "table"}
	got := command(t, lint...)
	assert.Equal(t, ExitFine, got.code, got.err)
	assert.NotContains(t, got.out, "GX301 ")
	assert.Contains(t, got.out, "GX509")
	assert.Contains(t, got.out, "; 1 finding suppressed.")
	assert.Equal(t, ExitBad, command(t, append(lint, "--fail-on", "warning")...).code, "a flag wins over the settings")

	require.NoError(t, os.MkdirAll("below/.git", 0o700))
	t.Chdir("below")
	assert.Contains(t, command(t, "lint", "-f", "../shop.yaml").out, "GX301", "another repository has other settings")
	require.NoError(t, os.Remove(".git"))
	assert.NotContains(t, command(t, "lint", "-f", "../shop.yaml").out, "GX102", "the settings of the directory above count")
	t.Chdir("..")

	const mayHave = "; there may be checks, scope, failOn, baseline, and ignore, a list of check, kind, namespace, name, file and reason"
	for text, want := range map[string]string{
		"# c\ncolour: red\n":                                `.grpcexpose.yaml:2: unknown field "colour"` + mayHave,
		"ignore:\n- {reson: x}\n":                           `.grpcexpose.yaml:2: unknown field "reson"` + mayHave,
		"checks: GX3\n":                                     ".grpcexpose.yaml:1: `GX3` must be a list" + mayHave,
		"ignore: {check: GX3}\n":                            ".grpcexpose.yaml:1: must be a list" + mayHave,
		"failOn: [error]\n":                                 ".grpcexpose.yaml:1: must be a text" + mayHave,
		"scope: all\nscope: grpc\n":                         `.grpcexpose.yaml:2: mapping key "scope" already defined at line 1` + mayHave,
		"scope: all\na: b: c\n":                             ".grpcexpose.yaml:2: mapping values are not allowed in this context" + mayHave,
		"ignore: [{check: GX301}]\n":                        ".grpcexpose.yaml: ignore[0]: reason is missing: say why it is ignored",
		"ignore: [{check: GX9, reason: x}]\n":               `.grpcexpose.yaml: ignore[0]: check: "GX9" is no check's ID, beginning of an ID, or name`,
		"ignore: [{check: GX3, reason: x, kind: Servce}]\n": `.grpcexpose.yaml: ignore[0]: kind: no check is about a "Servce"`,
		"failOn: often\n":                                   `.grpcexpose.yaml: failOn: "often" must be one of error, warning, info, never`,
		"checks: [GX9]\n":                                   `.grpcexpose.yaml: checks: no check is called "GX9": give an ID as GX301, the beginning of one as GX3, or a name as port-not-grpc`,
		"ignore: [{check: GX3, reason: x, name: '['}]":      `.grpcexpose.yaml: ignore[0]: the pattern "[" is not complete`,
	} {
		require.NoError(t, os.WriteFile(".grpcexpose.yaml", []byte(text), 0o600))
		got := command(t, "lint", "-f", "shop.yaml")
		assert.Equal(t, ExitFailed, got.code)
		assert.Equal(t, "error: "+want, strings.ReplaceAll(strings.TrimSpace(got.err), "error: "+workingDirectory(t)+"/", "error: "))
	}
}

// TestIgnoredFiles holds that a rule about files means the same wherever the command runs.
func TestIgnoredFiles(t *testing.T) {
	lintFiles(t)
	root := workingDirectory(t)
	require.NoError(t, os.MkdirAll("deploy/live", 0o700))
	require.NoError(t, os.Mkdir(".git", 0o700))
	require.NoError(t, os.Rename("shop.yaml", "deploy/live/shop.yaml"))
	for pattern, wants := range map[string][]bool{
		"deploy/live/shop.yaml": {true, true, true, true},
		"./deploy/*/shop.yaml":  {true, true, true, true},
		"deploy/":               {true, true, true, true},
		"./":                    {true, true, true, true},
		root + "/deploy/":       {false, false, true, false},
		"deploy/l":              {false, false, false, false},
		"live/":                 {false, false, false, true},
	} {
		settings := "checks: [GX301]\nignore:\n- {check: GX301, reason: x, file: " + pattern + "}\n"
		require.NoError(t, os.WriteFile(filepath.Join(root, ".grpcexpose.yaml"), []byte(settings), 0o600))
		for i, path := range []string{"deploy/live/shop.yaml", "./deploy/live/../live", root + "/deploy/live/shop.yaml"} {
			code := command(t, "lint", "-f", path, "--self-contained").code
			assert.Equal(t, wants[i], code == ExitFine, "%s with -f %s", pattern, path)
		}
		t.Chdir("deploy")
		assert.Equal(t, wants[3], command(t, "lint", "-f", "live", "--self-contained").code == ExitFine, "%s with -f live", pattern)
		t.Chdir(root)
	}
}

func manifestText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func workingDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.Getwd()
	require.NoError(t, err)
	return directory
}

func TestLintUsage(t *testing.T) {
	lintFiles(t)
	for arguments, want := range map[string]string{
		"--self-contained":                            "--self-contained goes with -f or -k",
		"--with-cluster":                              "--with-cluster goes with -f or -k",
		"-f . --self-contained --with-cluster":        "either --self-contained or --with-cluster: files that are the whole cluster have no other beside them",
		"-f . --context a":                            "--context names a cluster, and files are judged without one; add --with-cluster",
		"-f . --with-cluster --context a --context b": "--with-cluster compares with one cluster: give one --context",
		"-f . --write-baseline":                       "--write-baseline goes with --baseline, which names the file",
		"-f . --dry-run":                              "--dry-run goes with --fix",
		"-f . --yes":                                  "--yes goes with --fix=all",
		"-f . --fix=some":                             "--fix=some: must be one of safe, all",
		"-f . --fix --dry-run=server":                 "--dry-run=server is for a cluster; for files say --dry-run",
		"-f . --fix --write-baseline --baseline x":    "either --fix or --write-baseline, not both",
		"-f . --fix --dry-run -o json":                "--fix --dry-run shows the changes, which have no other format: leave out --output",
		"-f . --fix --with-cluster":                   "--fix changes files or a cluster: leave out --with-cluster to fix the files",
		"-f . --watch":                                "--watch is for a cluster, and only reports: leave out -f, -k, --fix and --write-baseline",
		"--watch -o json":                             "--watch prints a line for each finding: leave out --output",
		"-f . -o xml":                                 `--output: unknown output format "xml": use one of github, json, junit, sarif, table, text, yaml`,
		"-f . --scope=some":                           "--scope=some: must be one of grpc, all",
		"-f . --checks GX9":                           `--checks: no check is called "GX9": give an ID as GX301, the beginning of one as GX3, or a name as port-not-grpc`,
		"-f . --checks GX3,-GX3":                      "--checks leaves no check to run",
		"-f . -k .":                                   "either -f or -k, not both",
		"-f . -A deployment/orders":                   "either workloads or --all-namespaces, not both",
		"-f . -l app=orders deployment/orders":        "either workloads or --selector, not both",
		"-f . --selector app=orders=1":                "--selector: found '=', expected: ',' or 'end of string'",
		"-f . job/orders":                             `"job" is not a kind of workload: use deployment, statefulset or daemonset`,
		"-f . --config none.yaml":                     "--config=none.yaml: there is no such file",
		"-f . --list-checks -o sarif":                 "--list-checks has the formats text, table, json and yaml, not sarif",
	} {
		got := command(t, append([]string{"lint"}, strings.Fields(arguments)...)...)
		assert.Equal(t, answer{ExitFailed, "", "error: " + want + "\nSee 'kubectl grpcexpose lint --help'\n"}, got, arguments)
	}
}

func TestLintSaysWhatSilencesNothing(t *testing.T) {
	lintFiles(t)
	text, err := os.ReadFile("shop.yaml")
	require.NoError(t, err)
	silenced := strings.ReplaceAll(string(text), "{name: orders, namespace: shop}", `{name: orders, namespace: shop, annotations: {grpcexpose/ignore: "GX301 GX509: known, GX999"}}`)
	require.NoError(t, os.WriteFile("shop.yaml", []byte(silenced), 0o600))
	got := command(t, "lint", "-f", ".", "-o", "json")
	assert.Equal(t, ExitFine, got.code)
	assert.Contains(t, got.err, "note: the annotation grpcexpose/ignore of Service shop/orders names \"GX999\", which is no check\n")
	assert.Contains(t, got.out, "names \\\"GX999\\\", which is no check")
}

func TestLintOfNothing(t *testing.T) {
	lintFiles(t)
	usage := answer{ExitFailed, "", "error: -f or -k names nothing: give it a file or a directory\nSee 'kubectl grpcexpose lint --help'\n"}
	assert.Equal(t, usage, command(t, "lint", "-f", ""), "an empty variable in a script does not mean the cluster")
	assert.Equal(t, usage, command(t, "lint", "-k", ""))
	nothing := answer{ExitFailed, "", "error: the files hold no Kubernetes object: there is nothing to judge\n"}
	assert.Equal(t, nothing, command(t, "lint", "-f", "-"), "what should have filled the pipe has failed")
	require.NoError(t, os.WriteFile("none.yaml", []byte("apiVersion: v1\nkind: List\nitems: []\n"), 0o600))
	empty := answer{ExitFailed, "", "error: nothing was checked: the files hold no object of a kind that the checks read\n"}
	assert.Equal(t, empty, command(t, "lint", "-f", "none.yaml"), "nothing checked is no good news")
	got := command(t, "lint", "-f", "shop.yaml", "-n", "shpo")
	assert.Equal(t, ExitFailed, got.code)
	assert.Equal(t, "error: no object of the files is in namespace shpo: name another one with -n, or leave it out to check all of them\n", got.err)
}

// TestLintIsInterrupted would wait for ever for standard input.
func TestLintIsInterrupted(t *testing.T) {
	streams, _, errors := report.FakeStreams("")
	typing, _ := io.Pipe()
	streams.In = typing
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.Equal(t, ExitFailed, Execute(ctx, func() {}, streams, []string{"lint", "-f", "-"}))
	assert.Equal(t, "interrupted\n", errors.String())
}

func TestLintFailures(t *testing.T) {
	lintFiles(t)
	require.NoError(t, os.WriteFile("broken.yaml", []byte("apiVersion: v1\nkind: Service\nkind: Pod\n"), 0o600))
	for arguments, want := range map[string]string{
		"-f broken.yaml": `broken.yaml:3: the key "kind" is there twice in one mapping; remove one of them`,
		"-f none.yaml":   "none.yaml: there is no such file or directory",
		"-f shop.yaml --self-contained deployment/other": "there is no Deployment other in the files; it has Deployment shop/orders",
		"-f shop.yaml deployment/other":                  "Deployment other was not found: not in the files",
		"-f shop.yaml -l app=other":                      "no workload has labels that match app=other",
		"-n shop -f shop.yaml -l app=other":              "no workload in namespace shop has labels that match app=other; name its namespace with -n, or look in all with -A",
		"-f shop.yaml -n other --self-contained orders":  "there is no workload orders in namespace other, nor any other workload; name its namespace with -n",
		"-A":                   "there is no kubeconfig that says which cluster is meant: set KUBECONFIG, or name a file with --kubeconfig (create and lint -f FILE need no cluster)",
		"-A --context nowhere": "the kubeconfig cannot be used: invalid configuration: context was not found for specified context: nowhere",
	} {
		got := command(t, append([]string{"lint"}, strings.Fields(arguments)...)...)
		assert.Equal(t, answer{ExitFailed, "", "error: " + want + "\n"}, got, arguments)
	}
}

func TestExplain(t *testing.T) {
	byID, bySlug := command(t, "explain", "GX301"), command(t, "explain", "port-not-grpc")
	assert.Equal(t, byID, bySlug)
	assert.Equal(t, ExitFine, byID.code)
	for _, heading := range []string{"GX301 port-not-grpc: ", "What it finds\n", "Why\n", "What a client sees\n", "With the fault (-) and without (+)\n", "grpcexpose/ignore"} {
		assert.Contains(t, byID.out, heading)
	}
	assert.Contains(t, byID.out, "    selector: {app: greeter}\n"+
		"  -  ports: [{name: http, port: 8000, targetPort: 50051}]\n  +  ports: [{name: grpc, port: 8000, targetPort: 50051}]\n")
	assert.NotContains(t, byID.out, "Deployment\n", "the objects that do not differ are left out")
	assert.Equal(t, answer{ExitFailed, "", "error: there is no check \"GX9\"; kubectl grpcexpose lint --list-checks lists them\n" +
		"See 'kubectl grpcexpose explain --help'\n"}, command(t, "explain", "GX9"))
}

func emptySnapshot() *mesh.Snapshot { return mesh.New(nil, mesh.Options{}) }
