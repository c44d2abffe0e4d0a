package proxy

import (
	"maps"
	"slices"

	admission "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Injection is what happens to a pod that is made now.
type Injection struct {
	// Called are the webhooks that select the pod, in the order in which the API server calls them.
	Called []*Injector
	// By is the one of them that counts, nil if there is none: of several the one whose proxy stays.
	By *Injector
	// Injected says that the pod gets a proxy: a webhook selects it and the injector does not leave it out.
	Injected bool
	// Revision is that of the proxy, empty where there is none.
	Revision string
	// Reason says why there is no proxy, as a clause; empty where there is one.
	Reason string
}

type injectionMemory struct{ workload mesh.Key }

// InjectionOf judges the pods that the workload's template would make now.
func InjectionOf(s *mesh.Snapshot, w *workload.Workload) Injection {
	s.Read(mesh.KindWebhook)
	s.Read(mesh.KindNamespace)
	return mesh.Remember(s, injectionMemory{w.Key}, func() Injection {
		return InjectionOfPod(s, w.Namespace(), w.Template)
	})
}

// InjectionOfPod judges a pod of that shape made now in the namespace.
func InjectionOfPod(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) Injection {
	return InjectionIn(s, namespace, NamespaceLabels(s, namespace), template)
}

type namespaceLabelsMemory string

// NamespaceLabels are the labels of a namespace, with the one that the API server sets on each. A namespace that is not in
// the Snapshot has no other. They are not to be changed.
// Source: Kubernetes' pkg/apis/core/v1/defaults.go (SetDefaults_Namespace).
func NamespaceLabels(s *mesh.Snapshot, name string) map[string]string {
	namespace, ok := s.Namespaces().Get("", name)
	if ok && namespace.Labels[core.LabelMetadataName] == name {
		return namespace.Labels
	}
	return mesh.Remember(s, namespaceLabelsMemory(name), func() map[string]string {
		namespaceLabels := map[string]string{}
		if ok {
			maps.Copy(namespaceLabels, namespace.Labels)
		}
		namespaceLabels[core.LabelMetadataName] = name
		return namespaceLabels
	})
}

// InjectionIn judges a pod of that shape made in the namespace if it had these labels.
func InjectionIn(s *mesh.Snapshot, namespace string, namespaceLabels map[string]string, template *core.PodTemplateSpec) Injection {
	var called, injecting []*Injector
	var reason string
	for _, injector := range Injectors(s) {
		if !injector.selects(namespaceLabels, template.Labels) {
			continue
		}
		called = append(called, injector)
		if why := injectorConfigOf(s, injector).leavesOut(namespace, template); why != "" {
			reason = why
			continue
		}
		injecting = append(injecting, injector)
	}
	switch {
	case len(called) == 0:
		return Injection{Reason: "no injector webhook selects its pods"}
	case len(injecting) == 0:
		return Injection{Called: called, By: called[0], Reason: reason}
	default:
		by := lastToInject(injecting)
		return Injection{Called: called, By: by, Injected: true, Revision: by.Revision}
	}
}

// lastToInject is the webhook whose proxy a pod ends up with: each that is called replaces the proxy of the one before,
// and those that want to be called again are, once, after all.
// Source: k8s.io/apiserver's pkg/admission/plugin/webhook/mutating/dispatcher.go (Dispatch); Istio's
// pkg/kube/inject/webhook.go (reapplyOverwrittenContainers, for pods that are injected already).
func lastToInject(injecting []*Injector) *Injector {
	last := len(injecting) - 1
	for _, earlier := range slices.Backward(injecting[:last]) {
		policy := earlier.Webhook.ReinvocationPolicy
		if policy != nil && *policy == admission.IfNeededReinvocationPolicy {
			return earlier
		}
	}
	return injecting[last]
}
