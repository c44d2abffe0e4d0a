package injection

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var namespaceNotInjected = &checks.Check{
	ID:     "GX102",
	Slug:   "namespace-not-injected",
	Levels: []checks.Level{checks.Warning},
	Title:  "No injector webhook selects the pods behind a gRPC port",
	What: "A workload serves gRPC, and no injector webhook selects its pods: neither the labels of its namespace nor those of its pod " +
		"template are among those that the webhooks of this mesh select.",
	Why: "The API server sends a new pod to Istio's injector only if the webhook's namespaceSelector and objectSelector match. Which label " +
		"that is depends on the installation: istio-injection=enabled for the default revision; on meshes of revisions only (TCM, ASM, " +
		"revisioned installs) nothing but istio.io/rev=<revision>.",
	Client: "A gateway balances per request all the same. Clients in these pods do not: without a proxy beside it, a client keeps its " +
		"connection, and all its calls, on one server pod. There is no mutual TLS to these pods; where it is demanded of callers, their " +
		"own calls fail with UNAVAILABLE. Pods that run with a proxy keep it until they are made anew.",
	Bad:      example.Mesh(example.Namespace("team: shop"), example.Workload("", "", "")),
	Good:     example.Mesh(example.Namespace("team: shop, istio-injection: enabled"), example.Workload("", "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runNamespaceNotInjected,
}

func runNamespaceNotInjected(p *checks.Pass) {
	if reason, unknown := p.Unknown(mesh.KindWebhook, "", ""); unknown && reason == mesh.NotInFiles && len(proxy.Injectors(p.Snapshot)) == 0 {
		runNamespaceNotInjectedByDefault(p)
		return
	}
	for _, namespace := range exposedNamespaces(p) {
		fixes := map[string]checks.Fix{}
		for _, workload := range namespace.Workloads {
			if knownAbsence(p, workload) != namespaceUnlabeled || addsToIstio(p, workload) {
				continue
			}
			p.Report(checks.Finding{
				Object:   workload.Object,
				Message:  fmt.Sprintf("No injector webhook selects the pods of %s, so %s.", workload.Key, newPodsWithoutProxy(p, "they have no proxy", workload)),
				Evidence: slices.Concat([]string{namespaceLabelsText(namespace)}, voidLabels(p, workload), []string{workload.evidence()}),
				Symptom:  symptomOfNewPods(p, workload),
				Fix:      fixNamespaceNotInjected(p, namespace, workload, fixes),
			})
		}
	}
}

// runNamespaceNotInjectedByDefault is for files that hold the Namespace and no injector: Istio's default one is assumed. What asks for
// another one by a label is left alone, for nobody knows which there are.
func runNamespaceNotInjectedByDefault(p *checks.Pass) {
	assuming := p.In(p.With(mesh.Change{Put: []mesh.Object{proxy.DefaultInjector()}}))
	for _, namespace := range exposedNamespaces(p) {
		for _, workload := range namespace.Workloads {
			switch cause := absenceOf(assuming, workload); {
			case cause == injected || cause == ambient || cause == byHand:
				continue
			case cause != namespaceUnlabeled || addsToIstio(p, workload):
				p.Missing(mesh.KindWebhook, "", "")
				continue
			}
			fix := checks.Fix{Text: fmt.Sprintf("Label namespace %s with %s=enabled; on a mesh of revisions (Tencent Cloud Mesh) with %s=<revision>.",
				namespace.Name, proxy.LabelInjection, proxy.LabelRevision)}
			p.Report(checks.Finding{
				Object:   workload.Object,
				Message:  fmt.Sprintf("No label of namespace %s asks for injection, so the pods of %s have no proxy.", namespace.Name, workload.Key),
				Evidence: slices.Concat([]string{namespaceLabelsText(namespace), proxy.DefaultInjectorText}, voidLabels(p, workload), []string{workload.evidence()}),
				Symptom:  symptomOfNewPods(assuming, workload),
				Fix:      fix,
			})
		}
	}
}

// addsToIstio reports whether a workload is an addon beside the control plane, such as a collector of traces, to which no gateway
// leads: nobody means Istio's own namespace to be injected.
// Source: Istio pkg/config/analysis/analyzers/injection/injection.go, which leaves the namespace out too.
func addsToIstio(p *checks.Pass, w exposedWorkload) bool {
	return w.Namespace() == proxy.RootNamespace(p.Snapshot) && !w.routed()
}

// namespaceLabelsText says what the webhooks have to go by.
func namespaceLabelsText(namespace exposedNamespace) string {
	if value, ok := namespace.Labels[proxy.LabelInjection]; ok {
		return labelText(namespace.Name, proxy.LabelInjection, value)
	}
	if value, ok := namespace.Labels[proxy.LabelRevision]; ok {
		return labelText(namespace.Name, proxy.LabelRevision, value)
	}
	return fmt.Sprintf("namespace %s has neither the label %s nor %s", namespace.Name, proxy.LabelInjection, proxy.LabelRevision)
}

// voidLabels are the labels of the workload that speak of its proxies and that no webhook heeds, a clause each.
func voidLabels(p *checks.Pass, w exposedWorkload) []string {
	var void []string
	switch value, at := injectChoice(w); {
	case at == nil:
	case value == "false":
		void = append(void, fmt.Sprintf("its pod template says %s=%q as well", proxy.LabelInject, value))
	default:
		void = append(void, fmt.Sprintf("no webhook heeds %s=%q on its pod template", proxy.LabelInject, value))
	}
	if proxy.NamespaceLabels(p.Snapshot, w.Namespace())[proxy.LabelDataplaneMode] == "ambient" && w.Template.Labels[proxy.LabelDataplaneMode] == "none" {
		void = append(void, fmt.Sprintf("%s=none on its pod template keeps the pods out of the ambient mode of their namespace", proxy.LabelDataplaneMode))
	}
	for _, key := range []string{proxy.LabelInject, proxy.LabelRevision} {
		value, onWorkload := w.Object.GetLabels()[key]
		if _, onTemplate := w.Template.Labels[key]; onWorkload && !onTemplate {
			void = append(void, fmt.Sprintf("the label %s=%s is on the %s itself, where no webhook sees it, and not on its pod template", key, value, w.Key.Kind))
		}
	}
	return void
}

// restartTogether is the most workloads of a namespace that the fix for one of them restarts. With more of them each is
// restarted by its own fix, so that the fixes of a big namespace do not hold each other over and over.
const restartTogether = 50

// fixNamespaceNotInjected labels the namespace. Where somebody has said that there is to be no injection, that is asked for,
// and where only the pods' own opt-out is in the way, it is left to the user. The workloads of a namespace share their fixes.
// In an ambient namespace, which a label would take out of ambient mode, only the pods that left it are labelled.
func fixNamespaceNotInjected(p *checks.Pass, namespace exposedNamespace, w exposedWorkload, shared map[string]checks.Fix) checks.Fix {
	if namespace.Labels[proxy.LabelDataplaneMode] == "ambient" {
		if label, _, ok := checks.ChooseLabel(p, proxy.TemplateInjectionLabels(p.Snapshot, w.Workload), proxy.LabelInject); ok {
			return labelTemplate(p, w, label, checks.Ask)
		}
		return checks.Fix{Text: fmt.Sprintf("Let the pods into ambient mode again: remove the label %s=none from the pod template of %s.", proxy.LabelDataplaneMode, w.Key)}
	}
	label, level, ok := checks.ChooseLabel(p, proxy.NamespaceInjectionLabels(p.Snapshot, w.Workload), proxy.LabelInjection)
	if !ok {
		return checks.Fix{Text: fmt.Sprintf("Label namespace %s with what an injector webhook selects (istio-injection=enabled or istio.io/rev=<revision>); "+
			"pods that opt out with %s, or whose injector cannot be called, have to be seen to first.", namespace.Name, proxy.LabelInject)}
	}
	if _, stated := namespace.Labels[proxy.LabelInjection]; stated || w.weak() {
		level = checks.Ask
	}
	if len(namespace.Workloads) > restartTogether {
		namespace.Workloads = []exposedWorkload{w}
		return labelNamespace(p, namespace, label, level)
	}
	key := label.String() + " " + string(level)
	if _, made := shared[key]; !made {
		shared[key] = labelNamespace(p, namespace, label, level)
	}
	return shared[key]
}
