package lint

import (
	"testing"

	"github.com/stretchr/testify/assert"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// reporter is a check that reports one warning for each Service.
func reporter(id string, reads ...mesh.Kind) *checks.Check {
	return &checks.Check{ID: id, Slug: "slug-of-" + id, Levels: []checks.Level{checks.Warning, checks.Info}, Reads: reads, Run: func(p *checks.Pass) {
		for _, service := range p.Services().All() {
			p.Report(checks.Finding{Object: service, Path: plan.PathOf("spec"), Message: "is wrong"})
		}
	}}
}

func serviceNamed(name string, annotations map[string]string) mesh.Sourced {
	return mesh.Sourced{Object: &core.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Annotations: annotations}}}
}

func lines(findings []checks.Finding) []string {
	var lines []string
	for _, finding := range findings {
		lines = append(lines, string(finding.Level)+" "+casetest.Expectation(finding))
	}
	return lines
}

func TestRunOrdersAndDeduplicates(t *testing.T) {
	snapshot := mesh.New([]mesh.Sourced{serviceNamed("b", nil), serviceNamed("a", nil)}, mesh.Options{})
	again := reporter("GX900")
	report := Run(snapshot, Options{Checks: []*checks.Check{reporter("GX901"), again, again}})
	assert.Equal(t, []string{
		"warning GX900 Service/shop/a", "warning GX901 Service/shop/a", "warning GX900 Service/shop/b", "warning GX901 Service/shop/b",
	}, lines(report.Findings))
	assert.Equal(t, checks.Words, report.Findings[0].Fix.Level)
	assert.Equal(t, "slug-of-GX900", report.Findings[0].Slug)
	assert.Equal(t, checks.Warning, report.Worst())
	assert.Empty(t, Run(mesh.New(nil, mesh.Options{}), Options{}).Worst())
}

func TestRunSuppresses(t *testing.T) {
	snapshot := mesh.New([]mesh.Sourced{
		serviceNamed("a", map[string]string{IgnoreAnnotation: "GX900: partners call it, GX902"}),
		serviceNamed("b", map[string]string{IgnoreAnnotation: "slug-of-GX901\nGX77"}),
		serviceNamed("c", nil), serviceNamed("d", nil),
	}, mesh.Options{})
	report := Run(snapshot, Options{
		Checks: []*checks.Check{reporter("GX900"), reporter("GX901")},
		Ignore: func(finding checks.Finding) (string, bool) { return "in the baseline", finding.Object.GetName() == "c" },
		Only:   func(object mesh.Object) bool { return object.GetName() != "d" },
	})
	assert.Equal(t, []string{"warning GX901 Service/shop/a", "warning GX900 Service/shop/b"}, lines(report.Findings))
	var suppressed []string
	for _, finding := range report.Suppressed {
		suppressed = append(suppressed, casetest.Expectation(finding.Finding)+": "+finding.Reason)
	}
	assert.Equal(t, []string{
		"GX900 Service/shop/a: partners call it",
		"GX901 Service/shop/b: annotation grpcexpose/ignore",
		"GX900 Service/shop/c: in the baseline",
		"GX901 Service/shop/c: in the baseline",
	}, suppressed)
}

func TestIgnoreForms(t *testing.T) {
	none := "annotation " + IgnoreAnnotation
	for value, want := range map[string]string{
		"GX301":                    none,
		" gx301 ,":                 none,
		"GX3":                      none,
		"port-not-grpc: why":       "why",
		"GX509 GX301":              none,
		"GX509; GX301: b":          "b",
		"GX509,GX301: a, b, and c": "a, b, and c",
		"GX301: a, GX509: b":       "a",
		"GX301:see GX509: there":   "see GX509: there",
		"GX301 because we said so": "because we said so",
		"GX509: x\nGX301: multi\n": "multi",
		"GX302":                    "",
		"GX309: instead of GX301, which it is not": "",
		"all": "",
		"":    "",
	} {
		reason, silenced := silencedByAnnotation(checks.Finding{
			ID: "GX301", Slug: "port-not-grpc", Object: serviceNamed("a", map[string]string{IgnoreAnnotation: value}).Object,
		})
		assert.Equal(t, want, reason, value)
		assert.Equal(t, want != "", silenced, value)
	}
}

func TestIgnoreProblems(t *testing.T) {
	snapshot := mesh.New([]mesh.Sourced{
		serviceNamed("a", map[string]string{IgnoreAnnotation: "GX999: why, really, GX3"}),
		serviceNamed("b", map[string]string{IgnoreAnnotation: "all"}),
		serviceNamed("c", map[string]string{IgnoreAnnotation: " "}),
		serviceNamed("d", map[string]string{IgnoreAnnotation: "GX301: it is fine"}),
		serviceNamed("e", map[string]string{IgnoreAnnotation: "nonsense"}),
	}, mesh.Options{})
	assert.Equal(t, []string{
		"the annotation grpcexpose/ignore of Service shop/a names \"GX999\", which is no check",
		"the annotation grpcexpose/ignore of Service shop/b names \"all\", which is no check",
		"the annotation grpcexpose/ignore of Service shop/c names no check",
	}, IgnoreProblems(snapshot, func(object mesh.Object) bool { return object.GetName() != "e" }))
}

func TestRunSkips(t *testing.T) {
	panics := &checks.Check{ID: "GX902", Slug: "panics", Levels: []checks.Level{checks.Error}, Run: func(p *checks.Pass) {
		p.Report(checks.Finding{Object: p.Services().All()[0]})
		panic("no such field")
	}}
	asks := &checks.Check{ID: "GX903", Slug: "asks", Levels: []checks.Level{checks.Error}, Reads: []mesh.Kind{mesh.KindConfigMap}, Run: func(p *checks.Pass) {
		for range 2 {
			if p.Missing(mesh.KindConfigMap, "far", "x") {
				t.Error("what cannot be seen is not missing")
			}
		}
		if !p.Missing(mesh.KindConfigMap, "near", "x") {
			t.Error("what can be seen and is not there is missing")
		}
	}}
	snapshot := mesh.New([]mesh.Sourced{serviceNamed("a", nil)}, mesh.Options{Gaps: []mesh.Gap{
		{Kind: mesh.KindSecret, Reason: "you may not list secrets"},
		{Kind: mesh.KindConfigMap, Except: []string{"near"}, Reason: "you may list configmaps in near only"},
	}})
	report := Run(snapshot, Options{Checks: []*checks.Check{panics, asks, reporter("GX900", mesh.KindSecret), reporter("GX901", mesh.KindConfigMap)}})
	assert.Equal(t, []string{"warning GX901 Service/shop/a"}, lines(report.Findings))
	assert.Equal(t, []checks.Skip{
		{ID: "GX900", Slug: "slug-of-GX900", Reason: "you may not list secrets"},
		{ID: "GX902", Slug: "panics", Reason: "the check failed, which is a bug of this program: no such field"},
		{ID: "GX903", Slug: "asks", Reason: "you may list configmaps in near only"},
	}, report.Skips)
	assert.Len(t, report.Ran, 3)
}
