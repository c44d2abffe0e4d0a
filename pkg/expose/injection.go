package expose

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// prepareInjection sees to it that new pods get a proxy, and plans to make those anew that have none.
func (b *builder) prepareInjection() error {
	if b.intent.Inject == InjectNone {
		return nil
	}
	if b.intent.Offline && len(b.snapshot.Injectors()) == 0 {
		return b.labelOffline()
	}
	if b.snapshot.IsAmbient(b.workload.Namespace(), b.workload.Template) {
		b.note("Namespace %s is in ambient mode: no sidecars are injected, and the gateway balances", b.workload.Namespace())
		return nil
	}
	if b.wantsOtherRevision() || !b.snapshot.InjectionOf(b.workload).Injected {
		if err := b.labelForInjection(); err != nil {
			return err
		}
	} else if err := b.relyOnNamespaceLabel(); err != nil {
		return err
	}
	return b.planRestarts()
}

func (b *builder) wantsOtherRevision() bool {
	injection := b.snapshot.InjectionOf(b.workload)
	return b.intent.Revision != "" && injection.Injected && injection.Revision != b.intent.Revision && injection.By.Tag != b.intent.Revision
}

func (b *builder) relyOnNamespaceLabel() error {
	namespace, ok := b.snapshot.Namespaces().Get("", b.workload.Namespace())
	if !ok {
		return nil
	}
	return b.rely(namespace, plan.Path{"metadata", "labels", mesh.LabelInjection}, plan.Path{"metadata", "labels", mesh.LabelRevision})
}

// labelForInjection plans the label, on the namespace or on the pod template, that an existing webhook selects.
func (b *builder) labelForInjection() error {
	if len(b.snapshot.Injectors()) == 0 {
		if reason, unknown := b.snapshot.Unknown(mesh.KindWebhook, "", ""); unknown {
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

// asksByTemplate says that the workload asks for a proxy by labels of its own, with values that no webhook selects: there
// is where the right one goes. A namespace's label would leave them standing, without effect.
func (b *builder) asksByTemplate() bool {
	labels := b.workload.Template.Labels
	_, revision := labels[mesh.LabelRevision]
	inject, asks := labels[mesh.LabelInject]
	return (revision || asks && inject != "false") && len(b.snapshot.TemplateInjectionLabels(b.workload)) > 0
}

func (b *builder) labelNamespace() error {
	name := b.workload.Namespace()
	namespace, ok := b.snapshot.Namespaces().Get("", name)
	if !ok {
		return refuse("Ask for the permission to get namespaces, or leave injection as it is with --inject=none",
			"namespace %s cannot be read, so nobody can tell whether its pods are injected", name)
	}
	if namespace.Labels[mesh.LabelInjection] == "disabled" {
		return refuse("Remove that label if it is out of date, label the workload alone with --inject=workload where the mesh allows it, or go on without proxies with --inject=none (the gateway balances all the same)",
			"somebody has switched injection off for namespace %s: label istio-injection=disabled", name)
	}
	label, err := b.chooseLabel(b.snapshot.NamespaceInjectionLabels(b.workload))
	if err != nil {
		return err
	}
	object, err := mesh.ToUnstructured(namespace)
	if err != nil {
		return err
	}
	edits := []plan.Edit{plan.Set(object, label.Value, "metadata", "labels", label.Key)}
	for _, other := range []string{mesh.LabelInjection, mesh.LabelRevision} {
		if _, there := namespace.Labels[other]; there && other != label.Key {
			edits = append(edits, plan.Set(object, nil, "metadata", "labels", other))
		}
	}
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

// noteOthersReached says which other workloads' future pods the namespace's label reaches.
func (b *builder) noteOthersReached(before *mesh.Snapshot) {
	var others []string
	for _, workload := range b.snapshot.WorkloadsIn(b.workload.Namespace()) {
		was := before.Workload(workload.Key)
		if workload.Key == b.workload.Key || was == nil {
			continue
		}
		if b.snapshot.InjectionOf(workload).Injected && !before.InjectionOf(was).Injected {
			others = append(others, argumentOf(workload))
		}
	}
	if len(others) == 0 {
		return
	}
	what := "is not restarted, but its next pods"
	if len(others) > 1 {
		what = "are not restarted, but their next pods"
	}
	if b.intent.Restart == RestartNamespace {
		what = "will be restarted, and their pods"
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
	label, err := b.chooseLabel(b.snapshot.TemplateInjectionLabels(b.workload))
	if err != nil {
		return err
	}
	object, err := mesh.ToUnstructured(b.workload.Object)
	if err != nil {
		return err
	}
	if err := b.refuseRollout(); err != nil {
		return err
	}
	edits := []plan.Edit{plan.Set(object, label.Value, "spec", "template", "metadata", "labels", label.Key)}
	for _, other := range []string{mesh.LabelInject, mesh.LabelRevision} {
		if _, there := b.workload.Template.Labels[other]; there && other != label.Key {
			edits = append(edits, plan.Set(object, nil, "spec", "template", "metadata", "labels", other))
		}
	}
	err = b.update(plan.Update, b.workload.Object, "the injector of "+label.Revision+" selects this label of the pods; the change makes them anew", edits...)
	if err != nil {
		return err
	}
	b.result.Rollouts = append(b.result.Rollouts, b.workload.Key)
	return b.project()
}

// chooseLabel takes the one that --revision names, else istio-injection=enabled if a webhook selects it, else the only
// revision there is.
// planRestarts plans to make pods anew that have no proxy, or one of another revision, though new ones would get it.
// stalePods says whether pods of the workload should be made anew, and why.
// refuseRollout refuses to change a pod template whose pods would not be made anew by that.
// labelOffline plans the namespace's label without a cluster that could tell which one its injector selects.
func (b *builder) labelOffline() error {
	key, value := mesh.LabelInjection, "enabled"
	if b.intent.Revision != "" {
		key, value = mesh.LabelRevision, b.intent.Revision
	} else {
		b.note("The files do not say which injector the cluster has: took Istio's default, label istio-injection=enabled; a mesh of revisions (Tencent Cloud Mesh) needs --revision")
	}
	if b.intent.Inject == InjectWorkload {
		return b.labelTemplateOffline(value)
	}
	name := b.workload.Namespace()
	reason := "the injector selects namespaces with this label"
	namespace, ok := b.snapshot.Namespaces().Get("", name)
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
	return b.update(plan.Update, namespace, reason, plan.Set(object, value, "metadata", "labels", key))
}

func (b *builder) labelTemplateOffline(revision string) error {
	key, value := mesh.LabelInject, "true"
	if b.intent.Revision != "" {
		key, value = mesh.LabelRevision, revision
	}
	object, err := mesh.ToUnstructured(b.workload.Object)
	if err != nil {
		return err
	}
	return b.update(plan.Update, b.workload.Object, "the injector selects pods with this label",
		plan.Set(object, value, "spec", "template", "metadata", "labels", key))
}
