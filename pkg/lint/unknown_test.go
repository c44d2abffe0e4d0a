package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/casetest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestUnknownIsNotMissing judges every case without its base, as files that are not the whole cluster: what is not there may
// exist all the same, so that nothing is found that the whole mesh does not have.
func TestUnknownIsNotMissing(t *testing.T) {
	everything := []mesh.Gap{{Reason: "the files are not the whole cluster"}}
	for _, c := range casetest.All(t) {
		t.Run(c.Name, func(t *testing.T) {
			whole := Run(c.Snapshot(t, nil), Options{}).Findings
			part := Run(mesh.New(c.Objects, mesh.Options{Now: casetest.Now, Gaps: everything}), Options{}).Findings
			known := lines(whole)
			for _, finding := range part {
				if finding.Level.AtLeast(checks.Warning) {
					assert.Truef(t, slices.ContainsFunc(whole, func(other checks.Finding) bool { return foundOrExplained(finding, other) }),
						"%s: %s\nin the whole mesh: %v", casetest.Expectation(finding), finding.Message, known)
				}
			}
		})
	}
}

// foundOrExplained reports whether the other finding is the same one, or of a check that explains this one where all is known.
func foundOrExplained(finding, other checks.Finding) bool {
	return casetest.Expectation(other) == casetest.Expectation(finding) || slices.ContainsFunc(explanations, func(rule explanation) bool {
		return rule.explained == finding.ID && slices.Contains(rule.by, other.ID)
	})
}

// TestAmbientIsUnknownWithoutWebhooks judges a namespace with both labels: where no webhook is known, its pods may have sidecars,
// and then need no waypoint.
func TestAmbientIsUnknownWithoutWebhooks(t *testing.T) {
	cases := casetest.All(t)
	c := cases[slices.IndexFunc(cases, func(c casetest.Case) bool { return c.Name == "gx114-mixed-dataplane-modes" })]
	gaps := []mesh.Gap{{Reason: "the files are not the whole cluster"}}
	for _, finding := range Run(mesh.New(c.Objects, mesh.Options{Now: casetest.Now, Gaps: gaps}), Options{}).Findings {
		assert.NotEqual(t, "GX113", finding.ID, finding.Message)
	}
}

// TestSecretsThatNobodyReadAreUnknown holds that a Gateway of a third namespace, whose Secret was not read, is skipped, and that one
// whose Secret was asked for and is not there is found.
func TestSecretsThatNobodyReadAreUnknown(t *testing.T) {
	text := example.Orders + strings.Replace(example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}"), "hosts:", "tls: {mode: SIMPLE, credentialName: cert}\n    hosts:", 1)
	objects := slices.Concat(casetest.Base(t, "default"), casetest.Decode(t, "third", []byte(text)))
	for name, test := range map[string]struct {
		named []types.NamespacedName
		want  bool
	}{
		"not read": {nil, false},
		"read":     {[]types.NamespacedName{{Namespace: "istio-system", Name: "cert"}}, true},
	} {
		gap := mesh.Gap{Kind: mesh.KindSecret, ByName: true, Named: test.named, Reason: "secrets that nobody names were not read"}
		report := Run(mesh.New(objects, mesh.Options{Now: casetest.Now, Gaps: []mesh.Gap{gap}}), Options{Checks: selected(t, "GX411")})
		assert.Equal(t, test.want, len(report.Findings) == 1, "%s: %v", name, report)
		assert.Equal(t, test.want, len(report.Skips) == 0, "%s: %v", name, report.Skips)
		assert.Len(t, report.Ran, 1, name)
	}
}
