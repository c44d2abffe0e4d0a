package mesh

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// InjectorUnavailable says whether the webhook's Service has no ready endpoint, and how that shows, as a clause. A webhook
// that is called by URL, and one whose Service or endpoints were not read, is taken to be available.
// Source: k8s.io/apiserver's pkg/util/proxy/proxy.go (ResolveEndpoint).
func (s *Snapshot) InjectorUnavailable(i *Injector) (reason string, unavailable bool) {
	reference := i.Webhook.ClientConfig.Service
	if reference == nil {
		return "", false
	}
	name := reference.Namespace + "/" + reference.Name
	service, ok := s.Services().Get(reference.Namespace, reference.Name)
	if !ok {
		_, unknown := s.Unknown(KindService, reference.Namespace, reference.Name)
		return fmt.Sprintf("its Service %s does not exist", name), !unknown
	}
	if service.Spec.Type == core.ServiceTypeExternalName {
		return "", false
	}
	slicesOfService := s.endpointSlicesOf(service)
	if len(slicesOfService) == 0 {
		return s.noEndpointSlices(service)
	}
	if slices.ContainsFunc(slicesOfService, hasReadyEndpoint) {
		return "", false
	}
	return fmt.Sprintf("its Service %s has no ready endpoint", name), true
}

// BlockedBy is the webhook because of which no pod can be made that is judged like this: it selects the pod, fails closed
// and cannot be called. It is nil where pods can be made.
func (s *Snapshot) BlockedBy(injection Injection) *Injector {
	for _, injector := range injection.Called {
		if _, unavailable := s.InjectorUnavailable(injector); unavailable && injector.FailsClosed() {
			return injector
		}
	}
	return nil
}

// noEndpointSlices judges a Service without EndpointSlices by the workloads that it selects: manifests of a repository
// hold workloads, and none of what controllers make of them.
func (s *Snapshot) noEndpointSlices(service *core.Service) (reason string, unavailable bool) {
	if _, unknown := s.Unknown(KindEndpointSlice, service.Namespace, ""); unknown {
		return "", false
	}
	name := service.Namespace + "/" + service.Name
	workloads := s.WorkloadsSelected(service.Namespace, service.Spec.Selector)
	switch {
	case len(workloads) == 0 && len(s.EndpointSlices().All()) > 0:
		return fmt.Sprintf("its Service %s has no endpoint", name), true
	case len(workloads) == 0 || slices.ContainsFunc(workloads, mayServe):
		return "", false
	default:
		return fmt.Sprintf("its Service %s has no endpoint: %s has no ready replica", name, workloads[0].Key), true
	}
}

func mayServe(w *Workload) bool {
	if w.HasStatus {
		return w.ReadyReplicas > 0
	}
	return w.Replicas > 0 || w.Key.Kind == KindDaemonSet
}

type endpointSlicesMemory struct{}

// endpointSlicesOf are the EndpointSlices of a Service.
func (s *Snapshot) endpointSlicesOf(service *core.Service) []*discovery.EndpointSlice {
	s.read(KindEndpointSlice)
	byService := Remember(s, endpointSlicesMemory{}, func() map[Key][]*discovery.EndpointSlice {
		byService := map[Key][]*discovery.EndpointSlice{}
		for _, slice := range s.EndpointSlices().All() {
			key := Key{Kind: KindService, Namespace: slice.Namespace, Name: slice.Labels[discovery.LabelServiceName]}
			byService[key] = append(byService[key], slice)
		}
		return byService
	})
	return byService[KeyOf(service)]
}

// hasReadyEndpoint takes an endpoint whose readiness is unknown as ready, as the API asks of consumers.
func hasReadyEndpoint(slice *discovery.EndpointSlice) bool {
	return slices.ContainsFunc(slice.Endpoints, func(endpoint discovery.Endpoint) bool {
		return endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
	})
}
