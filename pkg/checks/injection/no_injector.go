package injection

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var noInjector = &checks.Check{
	ID:     "GX101",
	Slug:   "no-injector",
	Levels: []checks.Level{checks.Error},
	Title:  "The cluster has no injector webhook",
	What: "The cluster has no webhook that injects proxies, although it has Istio's routes or labels that ask for injection. Where it " +
		"has only ones that were switched off, GX104 speaks of the labels, and this check of workloads without.",
	Why: "Proxies are put into pods by a MutatingWebhookConfiguration that Istio's chart istio-discovery installs. Labels on namespaces " +
		"and pods do nothing but select for it. It is missing where Istio was uninstalled and its CRDs stayed, or where the webhook was " +
		"left out of an installation.",
	Client: "Pods come up without a proxy: calls inside the mesh are balanced per connection, without mutual TLS. Where nothing of Istio " +
		"is left, no gateway answers either: UNAVAILABLE.",
	Bad: example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), `---
# In place of the configuration of the mesh: no webhook is left in it.
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: istio-sidecar-injector
webhooks: []
`),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runNoInjector,
}

// wantingProxies is a namespace whose exposed workloads would have proxies if there were an injector, and why that is thought.
type wantingProxies struct {
	exposedNamespace
	evidence string
	path     plan.Path
}

func runNoInjector(p *checks.Pass) {
	if len(activeInjectors(p)) > 0 {
		return
	}
	var asking, routed, others []wantingProxies
	for _, namespace := range exposedNamespaces(p) {
		if slices.ContainsFunc(namespace.Workloads, func(w exposedWorkload) bool { return knownAbsence(p, w) == revisionMissing }) {
			return // GX104 speaks of the webhooks that were switched off
		}
		namespace.Workloads = slices.DeleteFunc(slices.Clone(namespace.Workloads), func(w exposedWorkload) bool {
			choice, _ := injectChoice(w)
			return choice == "false" || knownAbsence(p, w) != noInjectorAtAll
		})
		if len(namespace.Workloads) == 0 {
			continue
		}
		evidence, path := asksForInjection(namespace, namespace.Workloads)
		wanting := wantingProxies{namespace, evidence, path}
		switch {
		case evidence != "":
			asking = append(asking, wanting)
		case namespace.Labels[proxy.LabelInjection] != "": // switched off, or a value without meaning
		case slices.ContainsFunc(namespace.Workloads, exposedWorkload.routed):
			routed = append(routed, wanting)
		default:
			others = append(others, wanting)
		}
	}
	for _, wanting := range mostWanting(asking, routed, others) {
		if wanting.evidence == "" {
			wanting.evidence = routesOfIstio(p)
		}
		if wanting.evidence != "" {
			reportNoInjector(p, wanting)
		}
	}
}

// mostWanting are the namespaces to speak of, for one fault of the cluster: those that ask for injection, else those that
// routes lead into, else all.
func mostWanting(byWant ...[]wantingProxies) []wantingProxies {
	for _, namespaces := range byWant {
		if len(namespaces) > 0 {
			return namespaces
		}
	}
	return nil
}

// routesOfIstio says what of Istio's routes the cluster has, as a clause; empty if nothing.
func routesOfIstio(p *checks.Pass) string {
	switch {
	case len(p.VirtualServices().All()) > 0:
		return fmt.Sprintf("there are VirtualServices: %s", mesh.KeyOf(p.VirtualServices().All()[0]))
	case len(p.Gateways().All()) > 0:
		return fmt.Sprintf("there are Gateways of Istio: %s", mesh.KeyOf(p.Gateways().All()[0]))
	default:
		return ""
	}
}

func reportNoInjector(p *checks.Pass, namespace wantingProxies) {
	p.Report(checks.Finding{
		Object:   namespaceObject(p, namespace.Name),
		Level:    errorUnlessAllWeak(namespace.Workloads),
		Path:     namespace.path,
		Message:  fmt.Sprintf("No webhook in the cluster injects proxies, so %s.", withoutInjectorText(p, namespace)),
		Evidence: append([]string{namespace.evidence, switchedOffText(p)}, servingEvidence(namespace.Workloads)...),
		Symptom:  "UNAVAILABLE where nothing of Istio is left; else " + symptomOfNewPods(p, namespace.Workloads...),
		Fix:      checks.Fix{Text: "Install Istio's control plane (chart istio-discovery) with its sidecar injector, then restart the workloads."},
	})
}

// withoutInjectorText is what becomes of the pods of a namespace, as a clause.
func withoutInjectorText(p *checks.Pass, namespace wantingProxies) string {
	if text := newPodsWithoutProxy(p, "", namespace.Workloads...); text != "" {
		return fmt.Sprintf("in namespace %s %s", namespace.Name, text)
	}
	return fmt.Sprintf("the pods of namespace %s that serve gRPC have none", namespace.Name)
}

// asksForInjection is the label that asks for injection, as a clause and, where the namespace has it, with its path.
func asksForInjection(namespace exposedNamespace, workloads []exposedWorkload) (evidence string, path plan.Path) {
	for _, key := range []string{proxy.LabelInjection, proxy.LabelRevision} {
		value := namespace.Labels[key]
		if key == proxy.LabelInjection && value != "enabled" || value == "" {
			continue
		}
		return labelText(namespace.Name, key, value), namespaceLabelPath(key)
	}
	for _, workload := range workloads {
		if revision := workload.Template.Labels[proxy.LabelRevision]; revision != "" {
			return fmt.Sprintf("the pod template of %s has the label %s=%s", workload.Key, proxy.LabelRevision, revision), nil
		}
		if choice, _ := injectChoice(workload); choice == "true" {
			return fmt.Sprintf("the pod template of %s asks for a proxy with %s", workload.Key, proxy.LabelInject), nil
		}
	}
	return "", nil
}

func switchedOffText(p *checks.Pass) string {
	if injectors := proxy.Injectors(p.Snapshot); len(injectors) > 0 {
		return fmt.Sprintf("the webhooks of %s are switched off (istio.io/deactivated)", mesh.KeyOf(injectors[0].Configuration))
	}
	return "no webhook that is called for new pods leads to an injector (path /inject, or label app=sidecar-injector)"
}
