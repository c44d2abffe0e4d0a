package expose

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// prepareInjection sees to it that new pods get a proxy, and plans to make those anew that have none: rollouts are the workloads
// whose pods are.
func (d *draft) prepareInjection() (rollouts []mesh.Key, err error) {
	if d.intent.Inject == InjectNone {
		return nil, nil
	}
	if d.intent.Offline && len(proxy.Injectors(d.snapshot)) == 0 {
		return nil, d.labelOffline()
	}
	if proxy.IsAmbient(d.snapshot, d.workload.Namespace(), d.workload.Template) {
		d.note("Namespace %s is in ambient mode: no sidecars are injected, and the gateway balances", d.workload.Namespace())
		return nil, nil
	}
	injected := proxy.InjectionOf(d.snapshot, d.workload).Injected && !d.wantsOtherRevision()
	if !injected {
		if rollouts, err = d.labelForInjection(); err != nil {
			return nil, err
		}
	}
	restarts, err := d.planRestarts(rollouts, injected)
	return append(rollouts, restarts...), err
}

func (d *draft) wantsOtherRevision() bool {
	injection := proxy.InjectionOf(d.snapshot, d.workload)
	return d.intent.Revision != "" && injection.Injected && injection.Revision != d.intent.Revision && injection.By.Tag != d.intent.Revision
}

// labelForInjection plans the label, on the namespace or on the pod template, that an existing webhook selects. Pods are made anew by
// the latter.
func (d *draft) labelForInjection() (rollouts []mesh.Key, err error) {
	if len(proxy.Injectors(d.snapshot)) == 0 {
		reason, unknown := d.snapshot.Unknown(mesh.KindWebhook, "", "")
		if unknown && d.allHaveProxies() {
			d.note("Which pods this mesh's injector selects cannot be seen (%s); those of %s all have a proxy, and are taken to get one again",
				reason, d.workload.Key.Argument())
			return nil, nil
		}
		if unknown {
			return nil, refuse("Ask for that permission, or say the label that your mesh wants: label the namespace yourself, then use --inject=none",
				"which label this mesh's injector selects cannot be seen: %s", reason)
		}
		return nil, refuse("Install Istio's control plane (or connect the cluster to the mesh), or use --inject=none where only the gateway shall balance",
			"no sidecar injector is in this cluster: no MutatingWebhookConfiguration injects proxies")
	}
	if d.intent.Inject == InjectWorkload || d.asksByTemplate() {
		return d.labelTemplate()
	}
	return nil, d.labelNamespace()
}

// allHaveProxies says that the workload has pods, all with a proxy of the revision asked for.
func (d *draft) allHaveProxies() bool {
	pods := workload.LivePodsOf(d.snapshot, d.workload)
	return len(pods) > 0 && !slices.ContainsFunc(pods, func(pod *core.Pod) bool {
		proxy, has := proxy.ProxyOf(pod)
		return !has || d.intent.Revision != "" && proxy.Revision != d.intent.Revision
	})
}

// asksByTemplate says that the workload asks for a proxy by labels of its own, with values that no webhook selects: there
// is where the right one goes. A namespace's label would leave them standing, without effect.
func (d *draft) asksByTemplate() bool {
	labels := d.workload.Template.Labels
	_, revision := labels[proxy.LabelRevision]
	inject, asks := labels[proxy.LabelInject]
	return (revision || asks && inject != "false") && len(proxy.TemplateInjectionLabels(d.snapshot, d.workload)) > 0
}

func (d *draft) labelNamespace() error {
	name := d.workload.Namespace()
	namespace, ok := d.snapshot.Namespaces().Get("", name)
	if !ok {
		if d.intent.Offline {
			return refuse("Add the Namespace to the files, or leave injection as it is with --inject=none",
				"the files have the mesh's injector and not namespace %s, so nobody can tell whether its pods are injected", name)
		}
		return refuse("Ask for the permission to get namespaces, or leave injection as it is with --inject=none",
			"namespace %s cannot be read, so nobody can tell whether its pods are injected", name)
	}
	if namespace.Labels[proxy.LabelInjection] == "disabled" {
		return d.injectionDisabled()
	}
	label, err := d.chooseLabel(proxy.NamespaceInjectionLabels(d.snapshot, d.workload), false)
	if err != nil {
		return err
	}
	before := d.snapshot
	if err := d.add(remedy.LabelNamespace(d.snapshot, namespace, label, "the injector of "+label.Revision+" selects this label")); err != nil {
		return err
	}
	if err := d.project(); err != nil {
		return err
	}
	d.noteOthersReached(before)
	return nil
}

func (d *draft) injectionDisabled() error {
	return refuse("Remove that label if it is out of date, label the workload alone with --inject=workload where the mesh allows it, or go on without proxies with --inject=none (the gateway balances all the same)",
		"somebody has switched injection off for namespace %s: label istio-injection=disabled", d.workload.Namespace())
}

// noteOthersReached says which other workloads' future pods the namespace's label reaches.
func (d *draft) noteOthersReached(before *mesh.Snapshot) {
	var others []string
	for _, w := range workload.WorkloadsIn(d.snapshot, d.workload.Namespace()) {
		was := workload.Get(before, w.Key)
		if w.Key == d.workload.Key || was == nil {
			continue
		}
		if proxy.InjectionOf(d.snapshot, w).Injected && !proxy.InjectionOf(before, was).Injected {
			others = append(others, w.Key.Argument())
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
	if d.intent.Restart == remedy.RestartNamespace {
		what = fmt.Sprintf("will be restarted, and %s pods", its)
	}
	d.note("The label reaches other workloads of namespace %s too: %s %s get a proxy as well", d.workload.Namespace(), inert.List(others, 8), what)
}

func (d *draft) labelTemplate() (rollouts []mesh.Key, err error) {
	label, err := d.chooseLabel(proxy.TemplateInjectionLabels(d.snapshot, d.workload), true)
	if err != nil {
		return nil, err
	}
	reason := "the injector of " + label.Revision + " selects this label of the pods; the change makes them anew"
	if err := d.add(remedy.LabelTemplate(d.snapshot, d.workload, label, reason)); err != nil {
		return nil, err
	}
	if err := d.project(); err != nil {
		return nil, err
	}
	return d.rollOutTemplate()
}

// rollOutTemplate sees to the pods that a change of the template makes anew.
func (d *draft) rollOutTemplate() (rollouts []mesh.Key, err error) {
	switch {
	case d.intent.Restart == remedy.RestartNone && !d.workload.RollsOut():
		return nil, nil
	case d.intent.Restart == remedy.RestartNone:
		return nil, refuse("Leave --restart=none out, or leave injection as it is with --inject=none (the gateway balances all the same)",
			"--restart=none cannot be kept: the label goes to the pod template of %s, and a change of that makes its pods anew", d.workload.Key)
	}
	if err := d.refuseRollout(); err != nil {
		return nil, err
	}
	if err := d.refuseWithoutInjector(d.workload, "leave injection as it is: --inject=none"); err != nil {
		return nil, err
	}
	return []mesh.Key{d.workload.Key}, nil
}

// labelOffline plans the namespace's label without a cluster that could tell which one its injector selects.
func (d *draft) labelOffline() error {
	if d.workload.Template.Annotations[proxy.LabelInject] == "false" ||
		d.workload.Template.Labels[proxy.LabelInject] == "false" && d.intent.Inject != InjectWorkload {
		return d.notInjectable(fmt.Sprintf("the annotation %s of its pod template is \"false\"", proxy.LabelInject))
	}
	name := d.workload.Namespace()
	namespace, ok := d.snapshot.Namespaces().Get("", name)
	if ok && d.intent.Inject != InjectWorkload {
		if namespace.Labels[proxy.LabelInjection] == "disabled" {
			return d.injectionDisabled()
		}
		if d.intent.Revision == "" && (namespace.Labels[proxy.LabelInjection] == "enabled" || namespace.Labels[proxy.LabelRevision] != "") {
			return nil // its label is taken to be the right one
		}
	}
	label := proxy.InjectionLabel{Key: proxy.LabelInjection, Value: "enabled"}
	if d.intent.Revision != "" {
		label = proxy.InjectionLabel{Key: proxy.LabelRevision, Value: d.intent.Revision}
	} else {
		d.note("The files do not say which injector the cluster has: took Istio's default, label istio-injection=enabled; a mesh of revisions (Tencent Cloud Mesh) needs --revision")
	}
	if d.intent.Inject == InjectWorkload {
		if d.intent.Revision == "" {
			label = proxy.InjectionLabel{Key: proxy.LabelInject, Value: "true"}
		}
		return d.add(remedy.LabelTemplate(d.snapshot, d.workload, label, "the injector selects pods with this label"))
	}
	reason := "the injector selects namespaces with this label"
	if !ok {
		d.append(plan.Change{Action: plan.Create, Reason: reason, Object: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace",
			"metadata": map[string]any{"name": name, "labels": map[string]any{label.Key: label.Value}},
		}}})
		return nil
	}
	return d.add(remedy.LabelNamespace(d.snapshot, namespace, label, reason))
}
