package injection

import (
	"maps"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// absence is why the new pods of a workload get no proxy: each such workload has one cause.
type absence string

// The causes that need no check of their own.
const (
	// injected workloads have no cause.
	injected absence = ""
	// ambient workloads need no proxy of their own.
	ambient absence = "ambient"
	// leftOut: the injector leaves the pods out by its own configuration, or because of their namespace.
	leftOut absence = "left out"
	// byHand: the template has the proxy itself.
	byHand absence = "by hand"
	// outside: the mesh does not look at the namespace, and nothing leads into it.
	outside absence = "outside"
)

// The causes that a check of this family is about.
const (
	noInjectorAtAll    absence = "no injector"
	namespaceUnlabeled absence = "no label"
	labelsInConflict   absence = "labels in conflict"
	revisionMissing    absence = "no such revision"
	labelIneffective   absence = "a label without effect"
	optsOut            absence = "opts out"
	onHostNetwork      absence = "host network"
)

// absenceOf is why the new pods of a workload get no proxy. What is asked first speaks first.
func absenceOf(p *checks.Pass, w exposedWorkload) absence {
	namespaceLabels := proxy.NamespaceLabels(p.Snapshot, w.Namespace())
	injection := proxy.InjectionOf(p.Snapshot, w.Workload)
	switch {
	case injection.Injected:
		return injected
	case w.Template.Spec.HostNetwork:
		return onHostNetwork
	case proxy.InjectedByHand(w.Workload):
		return byHand
	case proxy.IsAmbient(p.Snapshot, w.Namespace(), w.Template):
		return ambient
	case proxy.InjectorIgnores(w.Namespace()):
		return leftOut
	case len(activeInjectors(p)) == 0 && len(proxy.Injectors(p.Snapshot)) > 0 && asksByLabel(p, w):
		return revisionMissing
	case len(activeInjectors(p)) == 0:
		return noInjectorAtAll
	case optOutDecides(p, w):
		return optsOut
	case injection.By != nil:
		return leftOut
	case !w.routed() && len(proxy.Undiscovered(p.Snapshot, w.Namespace())) > 0:
		return outside
	case hasBothLabels(namespaceLabels):
		return labelsInConflict
	case overriddenRevision(p, w):
		return labelsInConflict
	case namesNoInjector(p, namespaceLabels):
		return revisionMissing
	case templateNamesNoInjector(p, w):
		return revisionMissing
	case asksInVain(p, w):
		return labelIneffective
	default:
		return namespaceUnlabeled
	}
}

// knownAbsence is absenceOf where it is known: the namespace's labels are, and there are no webhooks but those that were read.
// Where it is not, the check is reported as skipped.
func knownAbsence(p *checks.Pass, w exposedWorkload) absence {
	if !knowsNamespace(p, w.Namespace()) {
		return injected
	}
	cause := absenceOf(p, w)
	if slices.Contains([]absence{injected, ambient, byHand}, cause) || p.Missing(mesh.KindWebhook, "", "") {
		return cause
	}
	return injected
}

func hasBothLabels(namespaceLabels map[string]string) bool {
	_, plain := namespaceLabels[proxy.LabelInjection]
	_, revision := namespaceLabels[proxy.LabelRevision]
	return plain && revision
}

// namesNoInjector reports whether a namespace asks for injection by a label that no webhook selects.
func namesNoInjector(p *checks.Pass, namespaceLabels map[string]string) bool {
	if namespaceLabels[proxy.LabelRevision] == "" && namespaceLabels[proxy.LabelInjection] != "enabled" {
		return false
	}
	return !slices.ContainsFunc(proxy.Injectors(p.Snapshot), func(i *proxy.Injector) bool { return i.SelectsNamespace(namespaceLabels) })
}

// asksByLabel reports whether a label of the workload's namespace or of its template asks for an injector that is not there.
func asksByLabel(p *checks.Pass, w exposedWorkload) bool {
	choice, _ := injectChoice(w)
	return choice != "false" && namesNoInjector(p, proxy.NamespaceLabels(p.Snapshot, w.Namespace())) || templateNamesNoInjector(p, w)
}

// optOutDecides reports whether pods of the workload would have a proxy, did the template not ask for none.
func optOutDecides(p *checks.Pass, w exposedWorkload) bool {
	if choice, _ := injectChoice(w); choice != "false" {
		return false
	}
	return !proxy.InjectionOf(p.Snapshot, w.Workload).Injected && proxy.InjectionOfPod(p.Snapshot, w.Namespace(), withoutChoice(w)).Injected
}

// templateNamesNoInjector reports whether the pods ask for a revision that no webhook selects, in a namespace that leaves the choice
// to them.
func templateNamesNoInjector(p *checks.Pass, w exposedWorkload) bool {
	choice, _ := injectChoice(w)
	return w.Template.Labels[proxy.LabelRevision] != "" && choice != "false" && !labelledForInjection(proxy.NamespaceLabels(p.Snapshot, w.Namespace()))
}

func labelledForInjection(namespaceLabels map[string]string) bool {
	_, plain := namespaceLabels[proxy.LabelInjection]
	_, revision := namespaceLabels[proxy.LabelRevision]
	return plain || revision
}

// overriddenRevision reports whether the pods ask for a revision, but labels of their namespace decide otherwise.
func overriddenRevision(p *checks.Pass, w exposedWorkload) bool {
	wanted := w.Template.Labels[proxy.LabelRevision]
	namespaceLabels := proxy.NamespaceLabels(p.Snapshot, w.Namespace())
	if wanted == "" || !labelledForInjection(namespaceLabels) {
		return false
	}
	injection := proxy.InjectionOf(p.Snapshot, w.Workload)
	if injection.Injected {
		return wanted != namespaceLabels[proxy.LabelRevision] && !namesRevision(p, wanted, injection.Revision)
	}
	return proxy.InjectionIn(p.Snapshot, w.Namespace(), withoutLabels(namespaceLabels, proxy.LabelInjection, proxy.LabelRevision), w.Template).Injected
}

// namesRevision reports whether the value of istio.io/rev is the revision itself, or a tag of it.
func namesRevision(p *checks.Pass, value, revision string) bool {
	return value == revision || slices.ContainsFunc(proxy.Injectors(p.Snapshot), func(i *proxy.Injector) bool {
		return i.Tag == value && i.Revision == revision
	})
}

// asksInVain reports whether the pods ask for a proxy, or seem to, by something that no webhook selects, though there is a label for
// it that one would.
func asksInVain(p *checks.Pass, w exposedWorkload) bool {
	choice, at := injectChoice(w)
	if at == nil || choice == "false" || isLabelOfTemplate(at) && choice == "true" {
		return false
	}
	return len(proxy.TemplateInjectionLabels(p.Snapshot, w.Workload)) > 0
}

// injectChoice is the value of sidecar.istio.io/inject that counts, the label's before the annotation's, and the path of it;
// a nil path where the template has neither.
// Source: Istio's pkg/kube/inject/inject.go (injectRequired).
func injectChoice(w exposedWorkload) (value string, at plan.Path) {
	if value, ok := w.Template.Labels[proxy.LabelInject]; ok {
		return value, templateLabelPath(proxy.LabelInject)
	}
	if value, ok := w.Template.Annotations[proxy.LabelInject]; ok {
		return value, templateAnnotationPath(proxy.LabelInject)
	}
	return "", nil
}

// withoutChoice is the pod template without the label and the annotation sidecar.istio.io/inject.
func withoutChoice(w exposedWorkload) *core.PodTemplateSpec {
	template := &core.PodTemplateSpec{ObjectMeta: w.Template.ObjectMeta, Spec: w.Template.Spec}
	template.Labels = withoutLabels(template.Labels, proxy.LabelInject)
	template.Annotations = withoutLabels(template.Annotations, proxy.LabelInject)
	return template
}

func withoutLabels(labels map[string]string, keys ...string) map[string]string {
	remaining := maps.Clone(labels)
	for _, key := range keys {
		delete(remaining, key)
	}
	return remaining
}

func templateLabelPath(key string) plan.Path {
	return plan.Path{"spec", "template", "metadata", "labels", key}
}

func templateAnnotationPath(key string) plan.Path {
	return plan.Path{"spec", "template", "metadata", "annotations", key}
}

func isLabelOfTemplate(path plan.Path) bool { return path[3] == "labels" }
