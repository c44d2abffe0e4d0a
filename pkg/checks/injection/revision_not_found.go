package injection

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var revisionNotFound = &checks.Check{
	ID:     "GX104",
	Slug:   "revision-not-found",
	Levels: []checks.Level{checks.Error},
	Title:  "An injection label names what no webhook selects",
	What: "The label istio.io/rev of a namespace or a pod template names a revision or a revision tag that no injector webhook selects; or " +
		"a namespace has istio-injection=enabled on a mesh without a webhook for that label.",
	Why: "Each revision, and each tag, has a webhook configuration of its own that selects istio.io/rev=<its name>. When the revision is " +
		"uninstalled or the tag was never made, the label selects nothing, and nobody complains. On TCM from 1.6 on, on ASM and on " +
		"installs with revisions only there is no webhook for istio-injection=enabled.",
	Client: "Pods that run go on with their old proxy, if they have one; the next restart brings them up without. Then calls inside the " +
		"mesh are balanced per connection, and where mutual TLS is demanded they fail with UNAVAILABLE.",
	Bad:      example.Mesh(example.Namespace("istio.io/rev: 1-24-0"), example.Workload("", "", "")),
	Good:     example.Mesh(example.Namespace("istio.io/rev: default"), example.Workload("", "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runRevisionNotFound,
}

func runRevisionNotFound(p *checks.Pass) {
	for _, namespace := range exposedNamespaces(p) {
		lost := slices.DeleteFunc(slices.Clone(namespace.Workloads), func(w exposedWorkload) bool {
			return knownAbsence(p, w) != revisionMissing
		})
		switch {
		case len(lost) == 0:
		case namesNoInjector(p, namespace.Labels):
			reportNamespaceRevision(p, namespace, lost)
		default:
			for _, workload := range lost {
				reportTemplateRevision(p, workload)
			}
		}
	}
}

func reportNamespaceRevision(p *checks.Pass, namespace exposedNamespace, lost []exposedWorkload) {
	key := proxy.LabelRevision
	if _, ok := namespace.Labels[key]; !ok {
		key = proxy.LabelInjection
	}
	fix := fixRevisionNotFound(p, fmt.Sprintf("Label namespace %s with a revision or tag that there is.", namespace.Name),
		namespace.Labels[proxy.LabelRevision])
	if label, level, ok := checks.ChooseLabel(p, proxy.NamespaceInjectionLabels(p.Snapshot, lost[0].Workload), key); ok {
		if errorUnlessAllWeak(lost) != checks.Error {
			level = checks.Ask
		}
		fix = labelNamespace(p, namespace, label, level)
	}
	p.Report(checks.Finding{
		Object: namespaceObject(p, namespace.Name),
		Level:  errorUnlessAllWeak(lost),
		Path:   namespaceLabelPath(key),
		Message: fmt.Sprintf("Namespace %s has the label %s=%s, which no injector webhook selects, so new pods there get no proxy.",
			namespace.Name, key, namespace.Labels[key]),
		Evidence: append([]string{webhooksText(p)}, servingEvidence(lost)...),
		Symptom:  symptomOfNewPods(p, lost...),
		Fix:      fix,
	})
}

func reportTemplateRevision(p *checks.Pass, w exposedWorkload) {
	fix := fixRevisionNotFound(p, fmt.Sprintf("Name a revision or tag that there is on the pod template of %s.", w.Key),
		w.Template.Labels[proxy.LabelRevision])
	if label, level, ok := checks.ChooseLabel(p, proxy.TemplateInjectionLabels(p.Snapshot, w.Workload), proxy.LabelRevision); ok {
		fix = labelTemplate(p, w, label, level)
	}
	p.Report(checks.Finding{
		Object: w.Object,
		Level:  checks.ErrorUnlessWeak(w.Ports...),
		Path:   templateLabelPath(proxy.LabelRevision),
		Message: fmt.Sprintf("The pod template of %s has the label %s=%s, which no injector webhook selects, so new pods get no proxy.",
			w.Key, proxy.LabelRevision, w.Template.Labels[proxy.LabelRevision]),
		Evidence: []string{webhooksText(p), w.evidence()},
		Symptom:  symptomOfNewPods(p, w),
		Fix:      fix,
	})
}

// fixRevisionNotFound is the fix in words: where the webhooks are switched off, the tag is made that is to select what is asked for.
// Source: Istio's istioctl/pkg/tag/generate.go (Generate): the tag default selects istio-injection=enabled as well.
func fixRevisionNotFound(p *checks.Pass, text, wanted string) checks.Fix {
	if len(activeInjectors(p)) > 0 {
		return checks.Fix{Text: text}
	}
	return checks.Fix{Text: fmt.Sprintf("Make the tag that stands in for the webhooks, istioctl tag set %s --revision %s, then restart the workloads.",
		inert.Argument(cmp.Or(wanted, proxy.DefaultRevision)), inert.Word(proxy.Injectors(p.Snapshot)[0].Revision))}
}

// webhooksText lists the revisions and tags that the mesh has.
func webhooksText(p *checks.Pass) string {
	if len(activeInjectors(p)) == 0 {
		return switchedOffText(p)
	}
	var names []string
	for _, injector := range activeInjectors(p) {
		name := "revision " + injector.Revision
		if injector.Tag != "" {
			name = fmt.Sprintf("tag %s of revision %s", injector.Tag, injector.Revision)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return "the injector webhooks are those of " + cmp.Or(strings.Join(slices.Compact(names), ", "), "nothing")
}
