package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestUnknownIsNotMissing judges every case without its base, as files that are not the whole cluster: what is not there may
// exist all the same, so that nothing is found that the whole mesh does not have.
func TestUnknownIsNotMissing(t *testing.T) {
	everything := []mesh.Gap{{Reason: "the files are not the whole cluster"}}
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			whole := Run(c.snapshot(t, nil), Options{}).Findings
			part := Run(mesh.New(c.objects, mesh.Options{Now: corpusNow, Gaps: everything}), Options{}).Findings
			known := lines(whole)
			for _, finding := range part {
				if finding.Level.AtLeast(Warning) {
					assert.Truef(t, slices.ContainsFunc(whole, func(other Finding) bool { return foundOrExplained(finding, other) }),
						"%s: %s\nin the whole mesh: %v", expectation(finding), finding.Message, known)
				}
			}
		})
	}
}

// foundOrExplained says that the other finding is the same one, or of a check that explains this one where all is known.
func foundOrExplained(finding, other Finding) bool {
	return expectation(other) == expectation(finding) || slices.ContainsFunc(explanations, func(rule explanation) bool {
		return rule.explained == finding.ID && slices.Contains(rule.by, other.ID)
	})
}

// TestAmbientIsUnknownWithoutWebhooks judges a namespace with both labels: where no webhook is known, its pods may have sidecars,
// and then need no waypoint.
func TestAmbientIsUnknownWithoutWebhooks(t *testing.T) {
	cases := corpusCases(t)
	c := cases[slices.IndexFunc(cases, func(c corpusCase) bool { return c.name == "gx114-mixed-dataplane-modes" })]
	gaps := []mesh.Gap{{Reason: "the files are not the whole cluster"}}
	for _, finding := range Run(mesh.New(c.objects, mesh.Options{Now: corpusNow, Gaps: gaps}), Options{}).Findings {
		assert.NotEqual(t, "GX113", finding.ID, finding.Message)
	}
}

// TestSecretsThatNobodyReadAreUnknown holds that a Gateway of a third namespace, whose Secret was not read, is skipped, and that one
// whose Secret was asked for and is not there is found.
func TestSecretsThatNobodyReadAreUnknown(t *testing.T) {
	text := exampleOrders + strings.Replace(exampleGateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}"), "hosts:", "tls: {mode: SIMPLE, credentialName: cert}\n    hosts:", 1)
	objects := slices.Concat(baseObjects(t, "default"), decodeYAML(t, "third", []byte(text)))
	for name, test := range map[string]struct {
		named []types.NamespacedName
		want  bool
	}{
		"not read": {nil, false},
		"read":     {[]types.NamespacedName{{Namespace: "istio-system", Name: "cert"}}, true},
	} {
		gap := mesh.Gap{Kind: mesh.KindSecret, ByName: true, Named: test.named, Reason: "secrets that nobody names were not read"}
		report := Run(mesh.New(objects, mesh.Options{Now: corpusNow, Gaps: []mesh.Gap{gap}}), Options{Checks: selected(t, "GX411")})
		assert.Equal(t, test.want, len(report.Findings) == 1, "%s: %v", name, report)
		assert.Equal(t, test.want, len(report.Skips) == 0, "%s: %v", name, report.Skips)
		assert.Len(t, report.Ran, 1, name)
	}
}
