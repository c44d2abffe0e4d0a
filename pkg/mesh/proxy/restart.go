package proxy

import (
	"encoding/json"
	"maps"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Restart is the Snapshot after a restart of the workloads: their pods are replaced by ones with the template's labels and
// annotations, and with a proxy (status annotation, container) where an injector would add one now. They keep the names and addresses
// of the pods that they replace, so that the endpoints of Services stay true. Pods that an unavailable injector would keep from being
// created are left as they are: the rollout gets no further. So are those of a workload whose changes wait for somebody.
func Restart(s *mesh.Snapshot, workloads []mesh.Key) *mesh.Snapshot {
	var replaced []mesh.Object
	for _, key := range workloads {
		w := workload.Get(s, key)
		if w == nil || !w.RollsOut() || BlockedBy(s, InjectionOf(s, w)) != nil {
			continue
		}
		injection := InjectionOf(s, w)
		for _, pod := range workload.PodsOf(s, w) {
			replaced = append(replaced, successor(pod, w.Template, injection))
		}
	}
	if len(replaced) == 0 {
		return s
	}
	return s.With(mesh.Change{Put: replaced})
}

func successor(old *core.Pod, template *core.PodTemplateSpec, injection Injection) *core.Pod {
	pod := old.DeepCopy()
	pod.Labels = workload.LabelsOfController(old.Labels)
	maps.Copy(pod.Labels, template.Labels)
	pod.Annotations = map[string]string{}
	maps.Copy(pod.Annotations, template.Annotations)
	template.Spec.DeepCopyInto(&pod.Spec)
	pod.Spec.NodeName = old.Spec.NodeName
	if injection.Injected {
		addProxy(pod, injection.Revision)
	}
	return pod
}

// addProxy does to a pod what the model asks about of what an injector does.
// Source: Istio's chart istio-discovery, files/injection-template.yaml, for the labels.
func addProxy(pod *core.Pod, revision string) {
	if _, ok := pod.Labels["security.istio.io/tlsMode"]; !ok {
		pod.Labels["security.istio.io/tlsMode"] = "istio"
	}
	status, _ := json.Marshal(injectionStatus{
		InitContainers: []string{"istio-init"}, Containers: []string{workload.ProxyContainer}, Revision: revision,
	})
	pod.Annotations[statusAnnotation] = string(status)
	pod.Annotations[LabelRevision] = revision
	for _, container := range pod.Spec.Containers {
		if container.Name == workload.ProxyContainer {
			return
		}
	}
	pod.Spec.Containers = append(pod.Spec.Containers, core.Container{
		Name: workload.ProxyContainer, Image: "auto", Args: []string{"proxy", "sidecar"},
	})
}
