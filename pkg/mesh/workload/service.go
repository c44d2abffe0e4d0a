package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ServicePort names a port of a Service.
type ServicePort struct {
	Service mesh.Key
	Port    int32
}

// selections is which Service selects which workloads, both ways.
type selections struct {
	workloads map[mesh.Key][]*Workload
	services  map[mesh.Key][]*core.Service
}

type selectionsMemory struct{}

func selectionsOf(s *mesh.Snapshot) *selections {
	s.Read(mesh.KindService)
	workloads(s)
	return mesh.Remember(s, selectionsMemory{}, func() *selections {
		index := workloadLabels(s)
		made := &selections{workloads: map[mesh.Key][]*Workload{}, services: map[mesh.Key][]*core.Service{}}
		for _, service := range s.Services().All() {
			if !HasEndpoints(service) {
				continue
			}
			selected := templatesSelected(s, index, service)
			made.workloads[mesh.KeyOf(service)] = selected
			for _, workload := range selected {
				made.services[workload.Key] = append(made.services[workload.Key], service)
			}
		}
		return made
	})
}

// templatesSelected are the workloads whose pods the Service selects. A StatefulSet gives each of its pods a label of its own,
// which its template does not have.
func templatesSelected(s *mesh.Snapshot, index *mesh.LabelIndex[*Workload], service *core.Service) []*Workload {
	if _, ofOne := service.Spec.Selector[apps.PodIndexLabel]; ofOne {
		return podIndexSelected(index, service)
	}
	podName, one := service.Spec.Selector[apps.StatefulSetPodNameLabel]
	if !one {
		return index.Matching(service.Namespace, service.Spec.Selector)
	}
	dash := strings.LastIndexByte(podName, '-')
	if dash < 0 {
		return nil
	}
	workload := Get(s, mesh.Key{Kind: mesh.KindStatefulSet, Namespace: service.Namespace, Name: podName[:dash]})
	others := maps.Clone(service.Spec.Selector)
	delete(others, apps.StatefulSetPodNameLabel)
	if workload == nil || !mesh.HasLabels(workload.Template.Labels, others) {
		return nil
	}
	return []*Workload{workload}
}

// podIndexSelected are the StatefulSets of whose pods the Service selects the one with an index.
func podIndexSelected(index *mesh.LabelIndex[*Workload], service *core.Service) []*Workload {
	others := maps.Clone(service.Spec.Selector)
	delete(others, apps.PodIndexLabel)
	if len(others) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(index.Matching(service.Namespace, others)), func(w *Workload) bool { return w.Key.Kind != mesh.KindStatefulSet })
}

type workloadLabelsMemory struct{}

func workloadLabels(s *mesh.Snapshot) *mesh.LabelIndex[*Workload] {
	workloads(s)
	return mesh.Remember(s, workloadLabelsMemory{}, func() *mesh.LabelIndex[*Workload] {
		index := mesh.NewLabelIndex[*Workload]()
		for _, workload := range Workloads(s) {
			index.Add(workload.Namespace(), workload.Template.Labels, workload)
		}
		return index
	})
}

// HasEndpoints reports whether Kubernetes looks for pods behind the Service: it has a selector and is no ExternalName.
// Source: Kubernetes pkg/controller/endpointslice/endpointslice_controller.go, syncService.
func HasEndpoints(service *core.Service) bool {
	return len(service.Spec.Selector) > 0 && service.Spec.Type != core.ServiceTypeExternalName
}

// IsHeadless reports whether the Service has no address of its own: its name means the addresses of its pods.
func IsHeadless(service *core.Service) bool { return service.Spec.ClusterIP == core.ClusterIPNone }

// ServicesSelecting are the Services whose selector matches the workload's pods, by name.
func ServicesSelecting(s *mesh.Snapshot, w *Workload) []*core.Service {
	return selectionsOf(s).services[w.Key]
}

// WorkloadsOf are the workloads whose pods the Service selects, by the labels of their templates.
func WorkloadsOf(s *mesh.Snapshot, service *core.Service) []*Workload {
	return selectionsOf(s).workloads[mesh.KeyOf(service)]
}

type podLabelsMemory struct{}

// PodsSelected are the pods of a namespace that have all labels of a selector, by name; those that have ended are left out.
// An empty selector matches none, as that of a Service.
func PodsSelected(s *mesh.Snapshot, namespace string, selector map[string]string) []*core.Pod {
	s.Read(mesh.KindPod)
	if len(selector) == 0 {
		return nil
	}
	index := mesh.Remember(s, podLabelsMemory{}, func() *mesh.LabelIndex[*core.Pod] {
		index := mesh.NewLabelIndex[*core.Pod]()
		for _, pod := range s.Pods().All() {
			if !hasEnded(pod) {
				index.Add(pod.Namespace, pod.Labels, pod)
			}
		}
		return index
	})
	return index.Matching(namespace, selector)
}

func hasEnded(pod *core.Pod) bool {
	return pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
}

// TargetPort is the container port number that a Service port leads to in pods of the template, and the container that
// declares it (nil if none does). ok is false for a name that no container declares: such pods get no calls.
// Source: Kubernetes staging/src/k8s.io/endpointslice/utils.go, findPort (containers first, then sidecars among the
// initContainers; name and protocol must both fit).
func TargetPort(port *core.ServicePort, template *core.PodTemplateSpec) (number int32, container *core.Container, ok bool) {
	containers := ServingContainers(&template.Spec)
	if port.TargetPort.Type == intstr.Int {
		number = port.TargetPort.IntVal
		for _, container := range containers {
			if declared := ContainerPort(container, func(p *core.ContainerPort) bool {
				return p.ContainerPort == number && sameProtocol(p.Protocol, port.Protocol)
			}); declared != nil {
				return number, container, true
			}
		}
		return number, nil, true
	}
	for _, container := range containers {
		if declared := ContainerPort(container, func(p *core.ContainerPort) bool {
			return p.Name == port.TargetPort.StrVal && sameProtocol(p.Protocol, port.Protocol)
		}); declared != nil {
			return declared.ContainerPort, container, true
		}
	}
	return 0, nil, false
}

// ServingContainers are the containers that run as long as the pod: the ordinary ones, then the sidecars.
func ServingContainers(spec *core.PodSpec) []*core.Container {
	containers := make([]*core.Container, 0, len(spec.Containers))
	for i := range spec.Containers {
		containers = append(containers, &spec.Containers[i])
	}
	for i := range spec.InitContainers {
		policy := spec.InitContainers[i].RestartPolicy
		if policy != nil && *policy == core.ContainerRestartPolicyAlways {
			containers = append(containers, &spec.InitContainers[i])
		}
	}
	return containers
}

// AppContainers are the containers that run as long as the pods of the template, without the proxy's.
func AppContainers(template *core.PodTemplateSpec) []*core.Container {
	return slices.DeleteFunc(ServingContainers(&template.Spec), func(container *core.Container) bool {
		return container.Name == ProxyContainer
	})
}

// ContainerPort is the first port of a container that fits, nil if none does.
func ContainerPort(container *core.Container, fits func(*core.ContainerPort) bool) *core.ContainerPort {
	for i := range container.Ports {
		if fits(&container.Ports[i]) {
			return &container.Ports[i]
		}
	}
	return nil
}

// sameProtocol compares transport protocols, of which none means TCP.
func sameProtocol(a, b core.Protocol) bool {
	return TransportOf(a) == TransportOf(b)
}

// TransportOf is a protocol with its default, TCP.
func TransportOf(protocol core.Protocol) core.Protocol {
	if protocol == "" {
		return core.ProtocolTCP
	}
	return protocol
}

// PortText is how messages name a Service port: "8000 (grpc)".
func PortText(port *core.ServicePort) string {
	if port.Name == "" {
		return fmt.Sprintf("%d (no name)", port.Port)
	}
	return fmt.Sprintf("%d (%s)", port.Port, port.Name)
}
