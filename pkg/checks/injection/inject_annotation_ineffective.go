package injection

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var injectAnnotationIneffective = &checks.Check{
	ID:     "GX105",
	Slug:   "inject-annotation-ineffective",
	Levels: []checks.Level{checks.Warning},
	Title:  "sidecar.istio.io/inject has no effect as it stands",
	What: "A pod template asks for a proxy with sidecar.istio.io/inject as an annotation, where a webhook selects only by labels; or the " +
		"value is something else than \"true\" or \"false\".",
	Why: "Webhooks select pods by labels. The annotation is read later, by the injector, once a webhook has sent it the pod. Of the " +
		"values, the webhook's selector and the injector know only \"true\" and \"false\"; all others are as if nothing were there.",
	Client: "New pods have no proxy: a gateway balances calls to them per request all the same, but calls inside the mesh are balanced " +
		"per connection.",
	Bad:      example.Mesh(example.Namespace("team: shop"), example.Workload("", `sidecar.istio.io/inject: "true"`, "")),
	Good:     example.Mesh(example.Namespace("team: shop"), example.Workload(`, sidecar.istio.io/inject: "true"`, "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runInjectAnnotationIneffective,
}

func runInjectAnnotationIneffective(p *checks.Pass) {
	for _, workload := range exposedWorkloads(p) {
		value, at := injectChoice(workload)
		if at == nil || !knowsNamespace(p, workload.Namespace()) {
			continue
		}
		switch absenceOf(p, workload) {
		case labelIneffective:
			if p.Missing(mesh.KindWebhook, "", "") {
				reportInjectInVain(p, workload)
			}
		case injected:
			if value != "true" && value != "false" && (value != "" || isLabelOfTemplate(at)) {
				reportInjectValue(p, workload)
			}
		}
	}
}

func reportInjectInVain(p *checks.Pass, w exposedWorkload) {
	value, at := injectChoice(w)
	fault := `, but only "true" and "false" mean something`
	if !isLabelOfTemplate(at) {
		fault = " as an annotation, but webhooks select by labels"
	}
	fix := checks.Fix{Text: "Bring the injector back first."}
	if label, level, ok := checks.ChooseLabel(p, proxy.TemplateInjectionLabels(p.Snapshot, w.Workload), proxy.LabelInject); ok {
		if label.Key == proxy.LabelInject {
			level = checks.Safe // the label that was meant, whatever other revisions there are
		}
		fix = labelTemplate(p, w, label, level)
	}
	p.Report(checks.Finding{
		Object: w.Object, Path: at,
		Message: fmt.Sprintf("The pod template of %s has %s=%q%s: %s.", w.Key, proxy.LabelInject, value, fault,
			newPodsWithoutProxy(p, "the pods get no proxy", w)),
		Evidence: []string{
			namespaceLabelsText(exposedNamespace{Name: w.Namespace(), Labels: proxy.NamespaceLabels(p.Snapshot, w.Namespace())}),
			"no injector webhook selects the pods", w.evidence(),
		},
		Symptom: symptomOfNewPods(p, w), Fix: fix,
	})
}

// reportInjectValue speaks of a value that means nothing where the pods are injected all the same. What was meant cannot be
// known.
func reportInjectValue(p *checks.Pass, w exposedWorkload) {
	value, at := injectChoice(w)
	p.Report(checks.Finding{
		Object: w.Object, Path: at,
		Message: fmt.Sprintf("The pod template of %s has %s=%q, but only \"true\" and \"false\" mean something: the pods are injected as if it were not there.",
			w.Key, proxy.LabelInject, value),
		Evidence: []string{injectedByText(p, w), w.evidence()},
		Symptom:  "none today; if the value was meant to keep the proxy out, it does not",
		Fix:      checks.Fix{Text: fmt.Sprintf("Write \"true\" or \"false\", as the label %s of the pod template.", proxy.LabelInject)},
	})
}

// injectedByText says which webhook injects a workload that is injected.
func injectedByText(p *checks.Pass, w exposedWorkload) string {
	by := proxy.InjectionOf(p.Snapshot, w.Workload).By
	return fmt.Sprintf("webhook %s of %s selects the pods", by.Webhook.Name, mesh.KeyOf(by.Configuration))
}
