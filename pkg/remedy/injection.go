package remedy

import (
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// namespaceLabels and TemplateLabels are where the labels are by which an injector selects pods.
var (
	namespaceLabels = plan.Path{"metadata", "labels"}
	TemplateLabels  = plan.Path{"spec", "template", "metadata", "labels"}
)

// LabelNamespace is the change that sets an injection label on a namespace, in place of those that it has.
func LabelNamespace(s *mesh.Snapshot, namespace *core.Namespace, label proxy.InjectionLabel, reason string) (plan.Change, error) {
	return update(s, namespace, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return onlyLabel(form, namespaceLabels, label, proxy.LabelInjection, proxy.LabelRevision)
	})
}

// LabelTemplate is the change that sets an injection label on a workload's pod template, in place of those that it has. The
// controller replaces the pods because of it.
func LabelTemplate(s *mesh.Snapshot, w *workload.Workload, label proxy.InjectionLabel, reason string) (plan.Change, error) {
	return update(s, w.Object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return onlyLabel(form, TemplateLabels, label, proxy.LabelInject, proxy.LabelRevision)
	})
}

// onlyLabel sets one of the labels and removes the other ones that are there.
func onlyLabel(form *unstructured.Unstructured, at plan.Path, label proxy.InjectionLabel, all ...string) []plan.Edit {
	edits := []plan.Edit{plan.Set(form, label.Value, append(slices.Clone(at), label.Key)...)}
	for _, other := range all {
		path := append(slices.Clone(at), other)
		if _, there := path.Get(form.Object); there && other != label.Key {
			edits = append(edits, plan.Set(form, nil, path...))
		}
	}
	return edits
}
