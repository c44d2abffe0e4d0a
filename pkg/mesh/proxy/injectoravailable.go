package proxy

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// InjectorUnavailable says whether the webhook's Service has no ready endpoint, and how that shows, as a clause. A webhook
// that is called by URL, and one whose Service or endpoints were not read, is taken to be available.
// Source: k8s.io/apiserver's pkg/util/proxy/proxy.go (ResolveEndpoint).
func InjectorUnavailable(s *mesh.Snapshot, i *Injector) (reason string, unavailable bool) {
	reference := i.Webhook.ClientConfig.Service
	if reference == nil {
		return "", false
	}
	name := reference.Namespace + "/" + reference.Name
	service, ok := s.Services().Get(reference.Namespace, reference.Name)
	if !ok {
		_, unknown := s.Unknown(mesh.KindService, reference.Namespace, reference.Name)
		return fmt.Sprintf("its Service %s does not exist", name), !unknown
	}
	if service.Spec.Type == core.ServiceTypeExternalName {
		return "", false
	}
	slicesOfService := workload.EndpointSlicesOf(s, service)
	if len(slicesOfService) == 0 {
		return noEndpointSlices(s, service)
	}
	if slices.ContainsFunc(slicesOfService, hasReadyEndpoint) {
		return "", false
	}
	return fmt.Sprintf("its Service %s has no ready endpoint", name), true
}

// BlockedBy is the webhook because of which no pod can be made that is judged like this: it selects the pod, fails closed
// and cannot be called. It is nil where pods can be made.
func BlockedBy(s *mesh.Snapshot, injection Injection) *Injector {
	for _, injector := range injection.Called {
		if _, unavailable := InjectorUnavailable(s, injector); unavailable && injector.FailsClosed() {
			return injector
		}
	}
	return nil
}

// noEndpointSlices judges a Service without EndpointSlices by the workloads that it selects: manifests of a repository
// hold workloads, and none of what controllers make of them.
func noEndpointSlices(s *mesh.Snapshot, service *core.Service) (reason string, unavailable bool) {
	if _, unknown := s.Unknown(mesh.KindEndpointSlice, service.Namespace, ""); unknown {
		return "", false
	}
	name := service.Namespace + "/" + service.Name
	workloads := workload.WorkloadsSelected(s, service.Namespace, service.Spec.Selector)
	switch {
	case len(workloads) == 0 && len(s.EndpointSlices().All()) > 0:
		return fmt.Sprintf("its Service %s has no endpoint", name), true
	case len(workloads) == 0 || slices.ContainsFunc(workloads, mayServe):
		return "", false
	default:
		return fmt.Sprintf("its Service %s has no endpoint: %s has no ready replica", name, workloads[0].Key), true
	}
}

func mayServe(w *workload.Workload) bool {
	if w.HasStatus {
		return w.ReadyReplicas > 0
	}
	return w.Replicas > 0 || w.Key.Kind == mesh.KindDaemonSet
}

// hasReadyEndpoint takes an endpoint whose readiness is unknown as ready, as the API asks of consumers.
func hasReadyEndpoint(slice *discovery.EndpointSlice) bool {
	return slices.ContainsFunc(slice.Endpoints, func(endpoint discovery.Endpoint) bool {
		return endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
	})
}
