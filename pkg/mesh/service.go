package mesh

import (
	"maps"
	"slices"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// selections is which Service selects which workloads, both ways.
type selections struct {
	workloads map[Key][]*Workload
	services  map[Key][]*core.Service
}

type selectionsMemory struct{}

func (s *Snapshot) selections() *selections {
	s.read(KindService)
	s.workloads()
	return Remember(s, selectionsMemory{}, func() *selections {
		index := s.workloadLabels()
		made := &selections{workloads: map[Key][]*Workload{}, services: map[Key][]*core.Service{}}
		for _, service := range s.Services().All() {
			if !HasEndpoints(service) {
				continue
			}
			selected := s.templatesSelected(index, service)
			made.workloads[KeyOf(service)] = selected
			for _, workload := range selected {
				made.services[workload.Key] = append(made.services[workload.Key], service)
			}
		}
		return made
	})
}

// templatesSelected are the workloads whose pods the Service selects. A StatefulSet gives each of its pods a label of its own,
// which its template does not have.
func (s *Snapshot) templatesSelected(index *labelIndex[*Workload], service *core.Service) []*Workload {
	podName, one := service.Spec.Selector[apps.StatefulSetPodNameLabel]
	if !one {
		return index.matching(service.Namespace, service.Spec.Selector)
	}
	dash := strings.LastIndexByte(podName, '-')
	if dash < 0 {
		return nil
	}
	workload := s.Workload(Key{Kind: KindStatefulSet, Namespace: service.Namespace, Name: podName[:dash]})
	others := maps.Clone(service.Spec.Selector)
	delete(others, apps.StatefulSetPodNameLabel)
	if workload == nil || !HasLabels(workload.Template.Labels, others) {
		return nil
	}
	return []*Workload{workload}
}

type workloadLabelsMemory struct{}

func (s *Snapshot) workloadLabels() *labelIndex[*Workload] {
	s.workloads()
	return Remember(s, workloadLabelsMemory{}, func() *labelIndex[*Workload] {
		index := newLabelIndex[*Workload]()
		for _, workload := range s.Workloads() {
			index.add(workload.Namespace(), workload.Template.Labels, workload)
		}
		return index
	})
}

// HasEndpoints says that Kubernetes looks for pods behind the Service: it has a selector and is no ExternalName.
// Source: Kubernetes pkg/controller/endpointslice/endpointslice_controller.go, syncService.
func HasEndpoints(service *core.Service) bool {
	return len(service.Spec.Selector) > 0 && service.Spec.Type != core.ServiceTypeExternalName
}

// IsHeadless says that the Service has no address of its own: its name means the addresses of its pods.
func IsHeadless(service *core.Service) bool { return service.Spec.ClusterIP == core.ClusterIPNone }

// ServicesSelecting are the Services whose selector matches the workload's pods, by name.
func (s *Snapshot) ServicesSelecting(w *Workload) []*core.Service {
	return s.selections().services[w.Key]
}

// WorkloadsOf are the workloads whose pods the Service selects, by the labels of their templates.
func (s *Snapshot) WorkloadsOf(service *core.Service) []*Workload {
	return s.selections().workloads[KeyOf(service)]
}

type podLabelsMemory struct{}

// PodsSelected are the pods of a namespace that have all labels of a selector, by name; those that have ended are left out.
// An empty selector matches none, as that of a Service.
func (s *Snapshot) PodsSelected(namespace string, selector map[string]string) []*core.Pod {
	s.read(KindPod)
	if len(selector) == 0 {
		return nil
	}
	index := Remember(s, podLabelsMemory{}, func() *labelIndex[*core.Pod] {
		index := newLabelIndex[*core.Pod]()
		for _, pod := range s.Pods().All() {
			if !hasEnded(pod) {
				index.add(pod.Namespace, pod.Labels, pod)
			}
		}
		return index
	})
	return index.matching(namespace, selector)
}

func hasEnded(pod *core.Pod) bool {
	return pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
}

// TargetPort is the container port number that a Service port leads to in pods of the template, and the container that
// declares it (nil if none does). ok is false for a name that no container declares: such pods get no calls.
// Source: Kubernetes staging/src/k8s.io/endpointslice/utils.go, findPort (containers first, then sidecars among the
// initContainers; name and protocol must both fit).
func TargetPort(port *core.ServicePort, template *core.PodTemplateSpec) (number int32, container *core.Container, ok bool) {
	containers := servingContainers(&template.Spec)
	if port.TargetPort.Type == intstr.Int {
		number = port.TargetPort.IntVal
		for _, container := range containers {
			if declared := containerPort(container, func(p *core.ContainerPort) bool {
				return p.ContainerPort == number && sameProtocol(p.Protocol, port.Protocol)
			}); declared != nil {
				return number, container, true
			}
		}
		return number, nil, true
	}
	for _, container := range containers {
		if declared := containerPort(container, func(p *core.ContainerPort) bool {
			return p.Name == port.TargetPort.StrVal && sameProtocol(p.Protocol, port.Protocol)
		}); declared != nil {
			return declared.ContainerPort, container, true
		}
	}
	return 0, nil, false
}

// servingContainers are the containers that run as long as the pod: the ordinary ones, then the sidecars.
func servingContainers(spec *core.PodSpec) []*core.Container {
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
	return slices.DeleteFunc(servingContainers(&template.Spec), func(container *core.Container) bool {
		return container.Name == proxyContainer
	})
}

func containerPort(container *core.Container, fits func(*core.ContainerPort) bool) *core.ContainerPort {
	for i := range container.Ports {
		if fits(&container.Ports[i]) {
			return &container.Ports[i]
		}
	}
	return nil
}

// sameProtocol compares transport protocols, of which none means TCP.
func sameProtocol(a, b core.Protocol) bool {
	return transportOf(a) == transportOf(b)
}

func transportOf(protocol core.Protocol) core.Protocol {
	if protocol == "" {
		return core.ProtocolTCP
	}
	return protocol
}
