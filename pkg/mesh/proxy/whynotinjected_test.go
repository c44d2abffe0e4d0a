package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// What keeps every webhook from the pods is named: label, annotation, or the webhook's selector.
func TestWhyNoLabelInjects(t *testing.T) {
	const inProduction = `
  namespaceSelector: {matchExpressions: [{key: istio-injection, operator: In, values: [enabled]}, {key: stage, operator: In, values: [production]}]}`
	const forWeb = `
  namespaceSelector: {matchExpressions: [{key: istio-injection, operator: In, values: [enabled]}]}
  objectSelector: {matchLabels: {tier: web}}`
	cases := []struct{ name, webhooks, namespace, notes, why string }{
		{
			"a selector by another label", webhooks("w", "default", "", inProduction), "stage: test", "",
			`webhook w0.sidecar-injector.istio.io of w selects by "stage in (production)", and namespace shop has the label stage=test`,
		},
		{
			"no such label", webhooks("w", "default", "", inProduction), "", "",
			`webhook w0.sidecar-injector.istio.io of w selects by "stage in (production)", and namespace shop has no label stage`,
		},
		{
			"a selector of pods", webhooks("w", "default", "", forWeb), "", "",
			`webhook w0.sidecar-injector.istio.io of w selects by "tier=web", and the pod template has no label tier`,
		},
		{"the annotation", defaultRevision, "", `sidecar.istio.io/inject: "false"`, `the annotation sidecar.istio.io/inject of its pod template is "false"`},
		{"webhooks that are off", defaultIsOff, "", "", "every injector webhook is switched off (its selectors match nothing)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, c.webhooks+namespaceYAML(c.namespace)+deploymentYAML("", c.notes, ""))
			assert.Equal(t, c.why, proxy.WhyNoLabelInjects(s, workload.Get(s, checkoutKey), false))
		})
	}
}
