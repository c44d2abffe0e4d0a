package expose

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// prepareInjection sees to it that new pods get a proxy, and plans to make those anew that have none.
func (b *builder) prepareInjection() error {
	if b.intent.Inject == InjectNone {
		return nil
	}
	if b.intent.Offline && len(proxy.Injectors(b.snapshot)) == 0 {
		return b.labelOffline()
	}
	if proxy.IsAmbient(b.snapshot, b.workload.Namespace(), b.workload.Template) {
		b.note("Namespace %s is in ambient mode: no sidecars are injected, and the gateway balances", b.workload.Namespace())
		return nil
	}
	b.injected = proxy.InjectionOf(b.snapshot, b.workload).Injected && !b.wantsOtherRevision()
	if !b.injected {
		if err := b.labelForInjection(); err != nil {
			return err
		}
	}
	return b.planRestarts()
}

func (b *builder) wantsOtherRevision() bool {
	injection := proxy.InjectionOf(b.snapshot, b.workload)
	return b.intent.Revision != "" && injection.Injected && injection.Revision != b.intent.Revision && injection.By.Tag != b.intent.Revision
}

// labelForInjection plans the label, on the namespace or on the pod template, that an existing webhook selects.
func (b *builder) labelForInjection() error {
	if len(proxy.Injectors(b.snapshot)) == 0 {
		reason, unknown := b.snapshot.Unknown(mesh.KindWebhook, "", "")
		if unknown && b.allHaveProxies() {
			b.note("Which pods this mesh's injector selects cannot be seen (%s); those of %s all have a proxy, and are taken to get one again",
				reason, argumentOf(b.workload))
			return nil
		}
		if unknown {
			return refuse("Ask for that permission, or say the label that your mesh wants: label the namespace yourself, then use --inject=none",
				"which label this mesh's injector selects cannot be seen: %s", reason)
		}
		return refuse("Install Istio's control plane (or connect the cluster to the mesh), or use --inject=none where only the gateway shall balance",
			"no sidecar injector is in this cluster: no MutatingWebhookConfiguration injects proxies")
	}
	if b.intent.Inject == InjectWorkload || b.asksByTemplate() {
		return b.labelTemplate()
	}
	return b.labelNamespace()
}

// allHaveProxies says that the workload has pods, all with a proxy of the revision asked for.
func (b *builder) allHaveProxies() bool {
	pods := livePods(b.snapshot, b.workload)
	return len(pods) > 0 && !slices.ContainsFunc(pods, func(pod *core.Pod) bool {
		proxy, has := proxy.ProxyOf(pod)
		return !has || b.intent.Revision != "" && proxy.Revision != b.intent.Revision
	})
}

// asksByTemplate says that the workload asks for a proxy by labels of its own, with values that no webhook selects: there
// is where the right one goes. A namespace's label would leave them standing, without effect.
func (b *builder) asksByTemplate() bool {
	labels := b.workload.Template.Labels
	_, revision := labels[proxy.LabelRevision]
	inject, asks := labels[proxy.LabelInject]
	return (revision || asks && inject != "false") && len(proxy.TemplateInjectionLabels(b.snapshot, b.workload)) > 0
}

func (b *builder) labelNamespace() error {
	name := b.workload.Namespace()
	namespace, ok := b.snapshot.Namespaces().Get("", name)
	if !ok {
		if b.intent.Offline {
			return refuse("Add the Namespace to the files, or leave injection as it is with --inject=none",
				"the files have the mesh's injector and not namespace %s, so nobody can tell whether its pods are injected", name)
		}
		return refuse("Ask for the permission to get namespaces, or leave injection as it is with --inject=none",
			"namespace %s cannot be read, so nobody can tell whether its pods are injected", name)
	}
	if namespace.Labels[proxy.LabelInjection] == "disabled" {
		return b.injectionDisabled()
	}
	label, err := b.chooseLabel(proxy.NamespaceInjectionLabels(b.snapshot, b.workload), false)
	if err != nil {
		return err
	}
	object, err := mesh.ToUnstructured(namespace)
	if err != nil {
		return err
	}
	edits := onlyLabel(object, plan.Path{"metadata", "labels"}, namespace.Labels, label.Key, label.Value, proxy.LabelInjection, proxy.LabelRevision)
	before := b.snapshot
	if err := b.update(plan.Update, namespace, "the injector of "+label.Revision+" selects this label", edits...); err != nil {
		return err
	}
	if err := b.project(); err != nil {
		return err
	}
	b.noteOthersReached(before)
	return nil
}

func (b *builder) injectionDisabled() error {
	return refuse("Remove that label if it is out of date, label the workload alone with --inject=workload where the mesh allows it, or go on without proxies with --inject=none (the gateway balances all the same)",
		"somebody has switched injection off for namespace %s: label istio-injection=disabled", b.workload.Namespace())
}

// noteOthersReached says which other workloads' future pods the namespace's label reaches.
func (b *builder) noteOthersReached(before *mesh.Snapshot) {
	var others []string
	for _, w := range workload.WorkloadsIn(b.snapshot, b.workload.Namespace()) {
		was := workload.Get(before, w.Key)
		if w.Key == b.workload.Key || was == nil {
			continue
		}
		if proxy.InjectionOf(b.snapshot, w).Injected && !proxy.InjectionOf(before, was).Injected {
			others = append(others, argumentOf(w))
		}
	}
	if len(others) == 0 {
		return
	}
	are, its := "is", "its"
	if len(others) > 1 {
		are, its = "are", "their"
	}
	what := fmt.Sprintf("%s not restarted, but %s next pods", are, its)
	if b.intent.Restart == RestartNamespace {
		what = fmt.Sprintf("will be restarted, and %s pods", its)
	}
	b.note("The label reaches other workloads of namespace %s too: %s %s get a proxy as well", b.workload.Namespace(), listOf(others, 8), what)
}

func listOf(items []string, most int) string {
	if len(items) <= most {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:most], ", "), len(items)-most)
}

func (b *builder) labelTemplate() error {
	label, err := b.chooseLabel(proxy.TemplateInjectionLabels(b.snapshot, b.workload), true)
	if err != nil {
		return err
	}
	object, err := mesh.ToUnstructured(b.workload.Object)
	if err != nil {
		return err
	}
	edits := onlyLabel(object, templateLabels, b.workload.Template.Labels, label.Key, label.Value, proxy.LabelInject, proxy.LabelRevision)
	err = b.update(plan.Update, b.workload.Object, "the injector of "+label.Revision+" selects this label of the pods; the change makes them anew", edits...)
	if err != nil {
		return err
	}
	if err := b.project(); err != nil {
		return err
	}
	return b.rollOutTemplate()
}

// rollOutTemplate sees to the pods that a change of the template makes anew.
func (b *builder) rollOutTemplate() error {
	switch {
	case b.intent.Restart == RestartNone && !b.workload.RollsOut():
		return nil
	case b.intent.Restart == RestartNone:
		return refuse("Leave --restart=none out, or leave injection as it is with --inject=none (the gateway balances all the same)",
			"--restart=none cannot be kept: the label goes to the pod template of %s, and a change of that makes its pods anew", b.workload.Key)
	}
	if err := b.refuseRollout(); err != nil {
		return err
	}
	if unavailable, err := b.injectorUnavailable(b.workload, "leave injection as it is: --inject=none"); unavailable {
		return err
	}
	b.result.Rollouts = append(b.result.Rollouts, b.workload.Key)
	return nil
}

// labelOffline plans the namespace's label without a cluster that could tell which one its injector selects.
func (b *builder) labelOffline() error {
	if b.workload.Template.Annotations[proxy.LabelInject] == "false" ||
		b.workload.Template.Labels[proxy.LabelInject] == "false" && b.intent.Inject != InjectWorkload {
		return b.notInjectable(fmt.Sprintf("the annotation %s of its pod template is \"false\"", proxy.LabelInject))
	}
	name := b.workload.Namespace()
	namespace, ok := b.snapshot.Namespaces().Get("", name)
	if ok && b.intent.Inject != InjectWorkload {
		if namespace.Labels[proxy.LabelInjection] == "disabled" {
			return b.injectionDisabled()
		}
		if b.intent.Revision == "" && (namespace.Labels[proxy.LabelInjection] == "enabled" || namespace.Labels[proxy.LabelRevision] != "") {
			return nil // its label is taken to be the right one
		}
	}
	key, value := proxy.LabelInjection, "enabled"
	if b.intent.Revision != "" {
		key, value = proxy.LabelRevision, b.intent.Revision
	} else {
		b.note("The files do not say which injector the cluster has: took Istio's default, label istio-injection=enabled; a mesh of revisions (Tencent Cloud Mesh) needs --revision")
	}
	if b.intent.Inject == InjectWorkload {
		return b.labelTemplateOffline(value)
	}
	reason := "the injector selects namespaces with this label"
	if !ok {
		b.changes = append(b.changes, plan.Change{Action: plan.Create, Reason: reason, Object: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace",
			"metadata": map[string]any{"name": name, "labels": map[string]any{key: value}},
		}}})
		return nil
	}
	object, err := mesh.ToUnstructured(namespace)
	if err != nil {
		return err
	}
	return b.update(plan.Update, namespace, reason, onlyLabel(object, plan.Path{"metadata", "labels"}, namespace.Labels,
		key, value, proxy.LabelInjection, proxy.LabelRevision)...)
}

// onlyLabel sets one injection label and removes the other ones.
func onlyLabel(object *unstructured.Unstructured, at plan.Path, now map[string]string, key, value string, all ...string) []plan.Edit {
	edits := []plan.Edit{plan.Set(object, value, append(slices.Clone(at), key)...)}
	for _, other := range all {
		if _, there := now[other]; there && other != key {
			edits = append(edits, plan.Set(object, nil, append(slices.Clone(at), other)...))
		}
	}
	return edits
}

func (b *builder) labelTemplateOffline(revision string) error {
	key, value := proxy.LabelInject, "true"
	if b.intent.Revision != "" {
		key, value = proxy.LabelRevision, revision
	}
	object, err := mesh.ToUnstructured(b.workload.Object)
	if err != nil {
		return err
	}
	return b.update(plan.Update, b.workload.Object, "the injector selects pods with this label",
		onlyLabel(object, templateLabels, b.workload.Template.Labels, key, value, proxy.LabelInject, proxy.LabelRevision)...)
}

var templateLabels = plan.Path{"spec", "template", "metadata", "labels"}
