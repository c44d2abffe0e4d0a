package workload

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	k8snetworking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// portNameReferences says what refers to a Service's port by its name, one clause each: backends of Ingresses, endpoints of
// ServiceMonitors, EndpointSlices that no controller keeps, SRV names in the arguments and environment of workloads. What may
// refer to it but cannot be seen is a clause too. Nothing can refer to a port without a name, but EndpointSlices.
func portNameReferences(s *mesh.Snapshot, service *core.Service, portName string) []string {
	references := endpointSlicesNaming(s, service, portName)
	if portName == "" {
		return references
	}
	return slices.Concat(references,
		ingressesNaming(s, service, portName), serviceMonitorsNaming(s, service, portName), workloadsNaming(s, service, portName))
}

// unseen is the clause for a kind of which not everything is known.
func unseen(s *mesh.Snapshot, kind mesh.Kind, namespace string) []string {
	if reason, unknown := s.Unknown(kind, namespace, ""); unknown {
		return []string{fmt.Sprintf("%s that cannot be seen may refer to it (%s)", withArticle(kind), reason)}
	}
	return nil
}

func withArticle(kind mesh.Kind) string {
	if strings.ContainsRune("AEIOU", rune(kind[0])) {
		return "an " + string(kind)
	}
	return "a " + string(kind)
}

// endpointSlicesNaming: the ports of an EndpointSlice are joined to those of its Service by name. Kubernetes keeps the slices
// of a Service with a selector itself; the others are someone's own.
func endpointSlicesNaming(s *mesh.Snapshot, service *core.Service, portName string) []string {
	if len(service.Spec.Selector) > 0 {
		return nil
	}
	references := unseen(s, mesh.KindEndpointSlice, service.Namespace)
	for _, slice := range EndpointSlicesOf(s, service) {
		if slices.ContainsFunc(slice.Ports, func(port discovery.EndpointPort) bool {
			return port.Name != nil && *port.Name == portName || port.Name == nil && portName == ""
		}) {
			references = append(references, mesh.KeyOf(slice).String()+" names the port so")
		}
	}
	return references
}

func ingressesNaming(s *mesh.Snapshot, service *core.Service, portName string) []string {
	references := unseen(s, mesh.KindIngress, service.Namespace)
	for _, ingress := range s.Ingresses().In(service.Namespace) {
		if slices.ContainsFunc(ingressBackends(ingress), func(backend *k8snetworking.IngressServiceBackend) bool {
			return backend.Name == service.Name && backend.Port.Name == portName
		}) {
			references = append(references, mesh.KeyOf(ingress).String()+" leads to the port by its name")
		}
	}
	return references
}

// ServicesOfIngress are the names of the Services to which an Ingress leads, as often as it names them.
func ServicesOfIngress(ingress *k8snetworking.Ingress) []string {
	var names []string
	for _, backend := range ingressBackends(ingress) {
		names = append(names, backend.Name)
	}
	return names
}

func ingressBackends(ingress *k8snetworking.Ingress) []*k8snetworking.IngressServiceBackend {
	var backends []*k8snetworking.IngressServiceBackend
	if backend := ingress.Spec.DefaultBackend; backend != nil && backend.Service != nil {
		backends = append(backends, backend.Service)
	}
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			if path.Backend.Service != nil {
				backends = append(backends, path.Backend.Service)
			}
		}
	}
	return backends
}

// serviceMonitor is the part of the Prometheus operator's ServiceMonitor that says what it scrapes.
// Source: prometheus-operator pkg/apis/monitoring/v1/servicemonitor_types.go.
type serviceMonitor struct {
	Spec struct {
		Selector          metav1.LabelSelector `json:"selector"`
		NamespaceSelector struct {
			Any        bool     `json:"any"`
			MatchNames []string `json:"matchNames"`
		} `json:"namespaceSelector"`
		Endpoints []struct {
			Port string `json:"port"`
		} `json:"endpoints"`
	} `json:"spec"`
}

func serviceMonitorsNaming(s *mesh.Snapshot, service *core.Service, portName string) []string {
	references := unseen(s, mesh.KindServiceMonitor, "")
	s.Read(mesh.KindServiceMonitor)
	for _, object := range serviceMonitorsByPort(s.Whole())[portName] {
		if s.Has(object.object) && object.selects(service) {
			references = append(references, mesh.KeyOf(object.object).String()+" scrapes the port by its name")
		}
	}
	return references
}

type parsedServiceMonitor struct {
	object   *unstructured.Unstructured
	monitor  serviceMonitor
	selector labels.Selector
}

func (m *parsedServiceMonitor) selects(service *core.Service) bool {
	namespaces := m.monitor.Spec.NamespaceSelector
	inNamespace := namespaces.Any || slices.Contains(namespaces.MatchNames, service.Namespace) ||
		len(namespaces.MatchNames) == 0 && m.object.GetNamespace() == service.Namespace
	return inNamespace && m.selector.Matches(labels.Set(service.Labels))
}

type serviceMonitorsMemory struct{}

func serviceMonitorsByPort(s *mesh.Snapshot) map[string][]*parsedServiceMonitor {
	return mesh.Remember(s, serviceMonitorsMemory{}, func() map[string][]*parsedServiceMonitor {
		byPort := map[string][]*parsedServiceMonitor{}
		for _, object := range s.ServiceMonitors().All() {
			parsed := &parsedServiceMonitor{object: object}
			if runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &parsed.monitor) != nil {
				continue // the API server refuses such an object, and the operator could not read it either
			}
			parsed.selector = SelectorOf(&parsed.monitor.Spec.Selector)
			ports := map[string]bool{}
			for _, endpoint := range parsed.monitor.Spec.Endpoints {
				if !ports[endpoint.Port] {
					ports[endpoint.Port] = true
					byPort[endpoint.Port] = append(byPort[endpoint.Port], parsed)
				}
			}
		}
		return byPort
	})
}
