package fakeapi

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// settle gives an object that is about to be stored what the server gives it, whatever the request said.
func (s *Server) settle(before, after *unstructured.Unstructured) *unstructured.Unstructured {
	generation := int64(1)
	if before == nil {
		setUnless(after, uidOf(after), "metadata", "uid")
		setUnless(after, created, "metadata", "creationTimestamp")
	} else {
		after.SetUID(before.GetUID())
		after.SetCreationTimestamp(before.GetCreationTimestamp())
		after.SetResourceVersion(before.GetResourceVersion())
		generation = before.GetGeneration()
		if !equality.Semantic.DeepEqual(before.Object["spec"], after.Object["spec"]) {
			generation++
		}
	}
	after.SetGeneration(generation)
	return after
}

// rollOut does what a workload's controller, and the injector, do once its pod template has changed: all at once. A workload
// whose controller was behind before stays behind.
func (s *Server) rollOut(before, after *unstructured.Unstructured) {
	if before == nil || after.GroupVersionKind().Group != "apps" || after.GetGeneration() == before.GetGeneration() {
		return
	}
	if observed, _, _ := unstructured.NestedInt64(before.Object, "status", "observedGeneration"); observed < before.GetGeneration() {
		return
	}
	done := after.DeepCopy()
	_ = unstructured.SetNestedField(done.Object, done.GetGeneration(), "status", "observedGeneration")
	s.store(s.keyOf(done), done)
	template, _, _ := unstructured.NestedMap(after.Object, "spec", "template")
	if old, _, _ := unstructured.NestedMap(before.Object, "spec", "template"); equality.Semantic.DeepEqual(old, template) {
		return
	}
	for _, at := range s.keys() {
		if pod := s.objects[at]; at.Resource == "pods" && at.namespace == after.GetNamespace() && ownedBy(pod, after) {
			s.store(at, nil)
			at.name += "-new"
			s.store(at, s.newPod(pod, at.name, template))
		}
	}
}

func ownedBy(pod, workload *unstructured.Unstructured) bool {
	for _, owner := range pod.GetOwnerReferences() {
		if owner.Name == workload.GetName() || owner.Kind == "ReplicaSet" && strings.HasPrefix(owner.Name, workload.GetName()+"-") {
			return true
		}
	}
	return false
}

// newPod is the successor of a pod, with a proxy where the default injector would add one.
func (s *Server) newPod(old *unstructured.Unstructured, name string, template map[string]any) *unstructured.Unstructured {
	pod := old.DeepCopy()
	pod.SetName(name)
	pod.SetUID("")
	pod.SetManagedFields(nil)
	labels, _, _ := unstructured.NestedStringMap(template, "metadata", "labels")
	annotations, _, _ := unstructured.NestedStringMap(template, "metadata", "annotations")
	all := map[string]string{"pod-template-hash": old.GetLabels()["pod-template-hash"] + "n"}
	for name, value := range labels {
		all[name] = value
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	if s.injects(pod.GetNamespace(), all) {
		all["security.istio.io/tlsMode"] = "istio"
		annotations["sidecar.istio.io/status"] = `{"initContainers":["istio-init"],"containers":["istio-proxy"],"revision":"default"}`
	}
	pod.SetLabels(all)
	pod.SetAnnotations(annotations)
	setUnless(pod, uidOf(pod), "metadata", "uid")
	return pod
}

// injects is what the webhooks of Istio's chart select, without revisions.
func (s *Server) injects(namespace string, labels map[string]string) bool {
	choice := labels["sidecar.istio.io/inject"]
	at := key{schema.GroupResource{Resource: "namespaces"}, "", namespace}
	labelled := s.objects[at] != nil && s.objects[at].GetLabels()["istio-injection"] == "enabled"
	return choice == "true" || labelled && choice != "false"
}
