package proxy

import (
	"cmp"
	"maps"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// InjectionLabel is a label that makes a webhook select pods.
type InjectionLabel struct {
	Key, Value string
	// Revision is that of the proxy which the pods then get.
	Revision string
	// By is the webhook that then counts.
	By *Injector
}

// String is the label as kubectl label takes it.
func (l InjectionLabel) String() string { return l.Key + "=" + l.Value }

// NamespaceInjectionLabels are the labels of which each, set on the workload's namespace (with the other injection label
// removed), makes an existing webhook inject the workload's pods: istio-injection=enabled before any istio.io/rev, tags
// before revisions.
func NamespaceInjectionLabels(s *mesh.Snapshot, w *workload.Workload) []InjectionLabel {
	namespaceLabels := NamespaceLabels(s, w.Namespace())
	return labelsThatInject(labelsSelected(s, namespaceSelector), func(label InjectionLabel) Injection {
		return InjectionIn(s, w.Namespace(), WithInjectionLabel(namespaceLabels, label), w.Template)
	})
}

// TemplateInjectionLabels are the same for the pod template, in the namespace as it is.
func TemplateInjectionLabels(s *mesh.Snapshot, w *workload.Workload) []InjectionLabel {
	return labelsThatInject(labelsSelected(s, podSelector), func(label InjectionLabel) Injection {
		template := core.PodTemplateSpec{ObjectMeta: w.Template.ObjectMeta, Spec: w.Template.Spec}
		template.Labels = WithInjectionLabel(w.Template.Labels, label)
		return InjectionOfPod(s, w.Namespace(), &template)
	})
}

// WithInjectionLabel is a copy of an object's labels in which the label is the only one that Istio's webhooks select by.
func WithInjectionLabel(existing map[string]string, label InjectionLabel) map[string]string {
	changed := maps.Clone(existing)
	if changed == nil {
		changed = map[string]string{}
	}
	for _, key := range []string{LabelInjection, LabelRevision, LabelInject} {
		delete(changed, key)
	}
	changed[label.Key] = label.Value
	return changed
}

// labelsThatInject are those of the candidates with which pods are injected, each with the revision of their proxy.
func labelsThatInject(candidates []InjectionLabel, with func(InjectionLabel) Injection) []InjectionLabel {
	var found []InjectionLabel
	for _, label := range candidates {
		if injection := with(label); injection.Injected {
			found = append(found, InjectionLabel{label.Key, label.Value, injection.Revision, injection.By})
		}
	}
	return found
}

func namespaceSelector(i *Injector) labels.Selector { return i.namespaces }

func podSelector(i *Injector) labels.Selector { return i.pods }

// labelsSelected are the labels that injector webhooks ask for by value, each once: the plain ones before those of
// revisions, tags before revisions, then by value.
func labelsSelected(s *mesh.Snapshot, of func(*Injector) labels.Selector) []InjectionLabel {
	tags := map[string]bool{}
	candidates := map[InjectionLabel]bool{}
	for _, injector := range Injectors(s) {
		if injector.Deactivated() {
			continue
		}
		if injector.Tag != "" {
			tags[injector.Tag] = true
		}
		requirements, _ := of(injector).Requirements()
		for _, requirement := range requirements {
			if !asksForValue(requirement) {
				continue
			}
			for value := range requirement.Values() {
				candidates[InjectionLabel{Key: requirement.Key(), Value: value}] = true
			}
		}
	}
	rank := func(label InjectionLabel) int {
		switch {
		case label.Key == LabelInjection || label.Key == LabelInject:
			return 0
		case label.Key == LabelRevision && tags[label.Value]:
			return 1
		case label.Key == LabelRevision:
			return 2
		default:
			return 3
		}
	}
	return slices.SortedFunc(maps.Keys(candidates), func(a, b InjectionLabel) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
}

// asksForValue leaves out the label with the namespace's name, which nobody can set.
func asksForValue(requirement labels.Requirement) bool {
	switch requirement.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		return requirement.Key() != core.LabelMetadataName
	default:
		return false
	}
}
