package proxy

import (
	"encoding/json"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// statusAnnotation is the one by which an injected pod is known.
const statusAnnotation = "sidecar.istio.io/status"

// Proxy is the sidecar of a pod.
type Proxy struct {
	// Revision of the control plane that injected it; may be empty (unknown).
	Revision string
	// Native sidecars are initContainers that run on.
	Native bool
}

// injectionStatus is the annotation that the injector leaves on the pods that it injects.
// Source: Istio's pkg/kube/inject/inject.go (SidecarInjectionStatus).
type injectionStatus struct {
	InitContainers []string `json:"initContainers"`
	Containers     []string `json:"containers"`
	Revision       string   `json:"revision,omitempty"`
}

// ProxyOf is the pod's proxy, from the annotation sidecar.istio.io/status, else from its containers.
// Source: Istio's pkg/kube/inject/webhook.go (getInjectionStatus, FindSidecar).
func ProxyOf(pod *core.Pod) (Proxy, bool) {
	return proxyOf(pod, statusIn(pod.Annotations[statusAnnotation]))
}

// OfWorkload is the same for a pod of the Snapshot. All pods of an injector have the same annotation: it is read once.
func OfWorkload(s *mesh.Snapshot, pod *core.Pod) (Proxy, bool) {
	text := pod.Annotations[statusAnnotation]
	return proxyOf(pod, mesh.Remember(s, statusText(text), func() *injectionStatus { return statusIn(text) }))
}

type statusText string

// statusIn is nil for what is not the annotation's text.
func statusIn(text string) *injectionStatus {
	var status injectionStatus
	if json.Unmarshal([]byte(text), &status) != nil {
		return nil
	}
	return &status
}

func proxyOf(pod *core.Pod, status *injectionStatus) (Proxy, bool) {
	if status != nil {
		native := slices.Contains(status.InitContainers, workload.ProxyContainer)
		if native || slices.Contains(status.Containers, workload.ProxyContainer) {
			return Proxy{Revision: revisionOf(pod, status), Native: native}, true
		}
	}
	if slices.ContainsFunc(pod.Spec.Containers, isSidecar) {
		return Proxy{Revision: revisionOf(pod, status)}, true
	}
	if slices.ContainsFunc(pod.Spec.InitContainers, isNativeSidecar) {
		return Proxy{Revision: revisionOf(pod, status), Native: true}, true
	}
	return Proxy{}, false
}

// InjectedByHand reports whether the workload's template itself has the proxy, as istioctl kube-inject writes it. A container that is
// only there to be changed by the injector, whose image is "auto", is none.
// Source: Istio's pkg/kube/inject/inject.go (IntoObject); for the image its chart istio-discovery, files/injection-template.yaml.
func InjectedByHand(w *workload.Workload) bool {
	return slices.ContainsFunc(workload.ServingContainers(&w.Template.Spec), func(container *core.Container) bool {
		return isSidecar(*container) && len(container.Args) > 0 && container.Image != "auto"
	})
}

type hasSidecars struct{ namespace, labels string }

// HasSidecars reports whether there are clients with sidecars in a namespace, all of whose labels are among theirs: pods that have one,
// or that would get one.
func HasSidecars(s *mesh.Snapshot, client Client) bool {
	return mesh.Remember(s, hasSidecars{client.Namespace, labels.Set(client.Labels).String()}, func() bool {
		return slices.ContainsFunc(s.Pods().In(client.Namespace), func(pod *core.Pod) bool {
			_, proxied := OfWorkload(s, pod)
			return proxied && mesh.HasLabels(pod.Labels, client.Labels)
		}) || slices.ContainsFunc(workload.WorkloadsIn(s, client.Namespace), func(workload *workload.Workload) bool {
			return mesh.HasLabels(workload.Template.Labels, client.Labels) && (InjectionOf(s, workload).Injected || InjectedByHand(workload))
		})
	})
}

// PassedInjector reports whether an injector has seen the pod, whatever its templates then put into it: those for gRPC without a
// proxy add none.
// Source: Istio's pkg/kube/inject/webhook.go (applyMetadata).
func PassedInjector(pod *core.Pod) bool {
	_, annotated := pod.Annotations[statusAnnotation]
	return annotated
}

// revisionOf falls back on the annotation of older injectors' templates.
func revisionOf(pod *core.Pod, status *injectionStatus) string {
	if status != nil && status.Revision != "" {
		return status.Revision
	}
	return pod.Annotations[LabelRevision]
}

// isSidecar leaves out gateways and ztunnel, whose container has the same name.
func isSidecar(container core.Container) bool {
	if container.Name != workload.ProxyContainer {
		return false
	}
	return len(container.Args) < 2 || container.Args[0] != "proxy" || container.Args[1] == "sidecar"
}

func isNativeSidecar(container core.Container) bool {
	return isSidecar(container) && container.RestartPolicy != nil && *container.RestartPolicy == core.ContainerRestartPolicyAlways
}
