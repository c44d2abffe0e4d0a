package injection

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var injectionLabelsConflict = &checks.Check{
	ID:     "GX103",
	Slug:   "injection-labels-conflict",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Two injection labels contradict each other",
	What: "A namespace has both istio-injection and istio.io/rev, or a pod template has an istio.io/rev that the label of its namespace " +
		"overrides. It is an error where nothing is injected because of it, unless istio-injection=disabled is the cause: that is an " +
		"opt-out that somebody chose.",
	Why: "Istio's webhooks for istio.io/rev select only namespaces without istio-injection, and those for pods with istio.io/rev only " +
		"namespaces with neither label. So one of the two labels is void. On a mesh of revisions only no webhook selects " +
		"istio-injection: there it does nothing but switch the revision's webhook off.",
	Client: "New pods get the proxy of another revision than the label says, or none; then calls inside the mesh are balanced per " +
		"connection.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled, istio.io/rev: default"), example.Workload("", "", "")),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runInjectionLabelsConflict,
}

func runInjectionLabelsConflict(p *checks.Pass) {
	if len(activeInjectors(p)) == 0 {
		return
	}
	for _, namespace := range exposedNamespaces(p) {
		if hasBothLabels(namespace.Labels) {
			reportBothLabels(p, namespace)
			continue
		}
		for _, workload := range namespace.Workloads {
			if cause := absenceOf(p, workload); cause == injected || cause == labelsInConflict {
				reportOverriddenRevision(p, namespace, workload)
			}
		}
	}
}

func reportBothLabels(p *checks.Pass, namespace exposedNamespace) {
	w := firstOrInjected(p, namespace.Workloads)
	injection := proxy.InjectionOf(p.Snapshot, w.Workload)
	both := fmt.Sprintf("Namespace %s has both %s=%s and %s=%s", namespace.Name,
		proxy.LabelInjection, namespace.Labels[proxy.LabelInjection], proxy.LabelRevision, namespace.Labels[proxy.LabelRevision])
	finding := checks.Finding{Object: namespaceObject(p, namespace.Name), Evidence: servingEvidence(namespace.Workloads)}
	if injection.Injected {
		loser := voidLabel(p, namespace, w, injection)
		finding.Level = checks.Warning
		finding.Path = namespaceLabelPath(loser)
		finding.Message = fmt.Sprintf("%s: %s has no effect, new pods get the proxy of revision %s.", both, loser, injection.Revision)
		finding.Evidence = append([]string{fmt.Sprintf("webhook %s of %s selects the pods", injection.By.Webhook.Name, mesh.KeyOf(injection.By.Configuration))}, finding.Evidence...)
		finding.Symptom = fmt.Sprintf("none today; new pods are not on the revision that %s says", loser)
		finding.Fix = dropNamespaceLabel(p, namespace, loser, "no webhook heeds it")
	} else {
		finding.Level = levelOfConflict(namespace.Labels, keptOutByConflict(p, namespace.Workloads))
		finding.Path = namespaceLabelPath(proxy.LabelInjection)
		finding.Symptom = symptomOfNewPods(p, namespace.Workloads...)
		cause := "no webhook selects a namespace with both"
		if checks.InjectionDisabled(namespace.Labels) {
			cause = fmt.Sprintf("%s=disabled switches injection off, whatever %s says", proxy.LabelInjection, proxy.LabelRevision)
		}
		finding.Message = fmt.Sprintf("%s: %s, so %s.", both, cause, newPodsWithoutProxy(p, "nothing in it is injected", namespace.Workloads...))
		finding.Fix = fixBothLabels(p, namespace, w)
	}
	p.Report(finding)
}

// keptOutByConflict are the workloads that get no proxy because of the labels, and not because they ask for none themselves.
func keptOutByConflict(p *checks.Pass, workloads []exposedWorkload) []exposedWorkload {
	return slices.DeleteFunc(slices.Clone(workloads), func(w exposedWorkload) bool { return absenceOf(p, w) != labelsInConflict })
}

// levelOfConflict is that of labels that keep the workloads from injection. Whoever disables injection by a label means it.
func levelOfConflict(namespaceLabels map[string]string, keptOut []exposedWorkload) checks.Level {
	if len(keptOut) == 0 || checks.InjectionDisabled(namespaceLabels) {
		return checks.Warning
	}
	return errorUnlessAllWeak(keptOut)
}

// firstOrInjected is the workload by which a namespace is judged: the first that is injected, else the first that does not
// itself say that it wants no proxy, else the first.
func firstOrInjected(p *checks.Pass, workloads []exposedWorkload) exposedWorkload {
	chosen := workloads[0]
	for _, workload := range workloads {
		if proxy.InjectionOf(p.Snapshot, workload.Workload).Injected {
			return workload
		}
		if choice, _ := injectChoice(chosen); choice == "false" || chosen.Template.Spec.HostNetwork {
			chosen = workload
		}
	}
	return chosen
}

// voidLabel is the label of the two without which nothing changes.
func voidLabel(p *checks.Pass, namespace exposedNamespace, w exposedWorkload, injection proxy.Injection) string {
	without := proxy.InjectionIn(p.Snapshot, namespace.Name, withoutLabels(namespace.Labels, proxy.LabelRevision), w.Template)
	if without.Injected && without.By == injection.By {
		return proxy.LabelRevision
	}
	return proxy.LabelInjection
}

// fixBothLabels drops the label that keeps the other from working; where neither would work alone, it sets one that does.
func fixBothLabels(p *checks.Pass, namespace exposedNamespace, w exposedWorkload) checks.Fix {
	for _, key := range []string{proxy.LabelInjection, proxy.LabelRevision} {
		if proxy.InjectionIn(p.Snapshot, namespace.Name, withoutLabels(namespace.Labels, key), w.Template).Injected {
			return dropNamespaceLabel(p, namespace, key, "no webhook selects a namespace that has it beside the other injection label")
		}
	}
	if label, _, ok := checks.ChooseLabel(p, proxy.NamespaceInjectionLabels(p.Snapshot, w.Workload), proxy.LabelRevision); ok {
		return labelNamespace(p, namespace, label, checks.Ask)
	}
	return checks.Fix{Text: fmt.Sprintf("Keep the one label on namespace %s that an injector webhook selects.", namespace.Name)}
}

func reportOverriddenRevision(p *checks.Pass, namespace exposedNamespace, w exposedWorkload) {
	if !overriddenRevision(p, w) {
		return
	}
	path := templateLabelPath(proxy.LabelRevision)
	wanted := fmt.Sprintf("The pod template of %s asks for revision %s, but the label of its namespace decides", w.Key, w.Template.Labels[proxy.LabelRevision])
	injection := proxy.InjectionOf(p.Snapshot, w.Workload)
	finding := checks.Finding{
		Object: w.Object, Path: path, Level: checks.Warning,
		Evidence: []string{namespaceLabelsText(namespace), w.evidence()},
	}
	if injection.Injected {
		finding.Message = fmt.Sprintf("%s: new pods get the proxy of revision %s.", wanted, injection.Revision)
		finding.Symptom = "none today; new pods are not on the revision that their template says"
		finding.Fix = removeFromTemplate(p, w, injection, fmt.Sprintf("Remove the label %s from the pod template of %s.", proxy.LabelRevision, w.Key),
			"the label of the namespace overrides it", path)
	} else {
		finding.Level = levelOfConflict(namespace.Labels, []exposedWorkload{w})
		if checks.InjectionDisabled(namespace.Labels) {
			wanted = fmt.Sprintf("The pod template of %s asks for revision %s, but %s=disabled on its namespace switches injection off",
				w.Key, w.Template.Labels[proxy.LabelRevision], proxy.LabelInjection)
		}
		finding.Message = fmt.Sprintf("%s: %s.", wanted, newPodsWithoutProxy(p, "the pods get no proxy", w))
		finding.Symptom = symptomOfNewPods(p, w)
		key := proxy.LabelInjection
		if _, had := namespace.Labels[key]; !had {
			key = proxy.LabelRevision
		}
		finding.Fix = dropNamespaceLabel(p, namespace, key, "it keeps the webhook from pods that ask for a revision themselves")
	}
	p.Report(finding)
}
