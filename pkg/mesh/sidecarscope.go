package mesh

import (
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
)

// SidecarFor is the Sidecar resource that sidecars of pods with these labels heed, nil if none: the oldest of the namespace
// whose selector matches, else its oldest without selector, else the root namespace's oldest without selector.
// Source: Istio's pilot/pkg/model/push_context.go (initSidecarScopes, doGetSidecarScope).
func (s *Snapshot) SidecarFor(namespace string, podLabels map[string]string) *networking.Sidecar {
	oldest := func(namespace string, accepts func(*networking.Sidecar) bool) *networking.Sidecar {
		var found *networking.Sidecar
		for _, sidecar := range s.Sidecars().In(namespace) {
			if accepts(sidecar) && (found == nil || compareAge(sidecar, found) < 0) {
				found = sidecar
			}
		}
		return found
	}
	selecting := func(sidecar *networking.Sidecar) bool {
		selector := sidecar.Spec.GetWorkloadSelector()
		return selector != nil && isSubset(selector.GetLabels(), podLabels)
	}
	withoutSelector := func(sidecar *networking.Sidecar) bool { return sidecar.Spec.GetWorkloadSelector() == nil }
	if sidecar := oldest(namespace, selecting); sidecar != nil {
		return sidecar
	}
	if sidecar := oldest(namespace, withoutSelector); sidecar != nil {
		return sidecar
	}
	return oldest(s.RootNamespace(), withoutSelector)
}

// EgressIncludes says whether a sidecar in the client's namespace knows a Service's port under this Sidecar resource: one of
// its egress listeners imports the Service's host and leaves the port open, or it lists no egress at all.
// Source: Istio's pilot/pkg/model/sidecar.go (convertToSidecarScope, convertIstioListenerToWrapper, selectServices).
func EgressIncludes(sidecar *networking.Sidecar, clientNamespace string, service *core.Service, port int32) bool {
	if len(sidecar.Spec.GetEgress()) == 0 {
		return true
	}
	return slices.ContainsFunc(sidecar.Spec.GetEgress(), func(listener *networkingapi.IstioEgressListener) bool {
		number := listener.GetPort().GetNumber()
		isProxyPort := listener.GetPort().GetProtocol() == "HTTP_PROXY"
		if number != 0 && !isProxyPort && number != uint32(port) {
			return false
		}
		return egressHostsInclude(listener.GetHosts(), clientNamespace, service)
	})
}

// egressHostsInclude evaluates hosts of the form namespace/name; a namespace that begins with "~" shuts out.
func egressHostsInclude(hosts []string, clientNamespace string, service *core.Service) bool {
	included, serviceName := false, ServiceHost(service)
	for _, entry := range hosts {
		namespace, name, ok := strings.Cut(entry, "/")
		if !ok {
			continue
		}
		namespace, excludes := strings.CutPrefix(namespace, "~")
		switch {
		case namespace == "." && !excludes:
			namespace = clientNamespace
		case namespace == "" && excludes:
			namespace = "*"
		}
		if (namespace != "*" && namespace != service.Namespace) || !HostSubsetOf(serviceName, name) {
			continue
		}
		if excludes {
			return false
		}
		included = true
	}
	return included
}
