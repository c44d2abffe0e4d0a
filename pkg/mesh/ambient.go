package mesh

import core "k8s.io/api/core/v1"

// LabelDataplaneMode on a namespace or a pod puts it into ambient mode, or with "none" leaves a pod out of it.
const LabelDataplaneMode = "istio.io/dataplane-mode"

// IsAmbient says that ztunnel takes the calls of a pod of that shape made in the namespace. Pods that get a sidecar are left
// to it.
// Source: Istio's cni/pkg/util/enablement_selector.go (Matches), with the selectors of the chart istio-cni.
func (s *Snapshot) IsAmbient(namespace string, template *core.PodTemplateSpec) bool {
	return s.AsksForAmbient(namespace, template) && !s.InjectionOfPod(namespace, template).Injected
}

// AsksForAmbient says that the labels put the pod into ambient mode, whether or not a sidecar keeps it out.
func (s *Snapshot) AsksForAmbient(namespace string, template *core.PodTemplateSpec) bool {
	if template.Spec.HostNetwork {
		return false
	}
	switch template.Labels[LabelDataplaneMode] {
	case "ambient":
		return true
	case "none":
		return false
	default:
		return s.NamespaceLabels(namespace)[LabelDataplaneMode] == "ambient"
	}
}
