package mesh

import (
	"net/netip"
	"slices"
	"strings"

	meshapi "istio.io/api/mesh/v1alpha1"
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
)

// SidecarFor is the Sidecar resource that sidecars of pods with these labels heed, nil if none: the oldest of the namespace
// whose selector matches, else its oldest without selector, else the root namespace's oldest without selector.
// Source: Istio's pilot/pkg/model/push_context.go (initSidecarScopes, doGetSidecarScope).
func (s *Snapshot) SidecarFor(namespace string, podLabels map[string]string) *networking.Sidecar {
	scopes := s.sidecarScopes()
	if selecting := scopes.selecting.selecting(namespace, podLabels); len(selecting) > 0 {
		return selecting[0]
	}
	if sidecar := scopes.whole[namespace]; sidecar != nil {
		return sidecar
	}
	return scopes.whole[s.RootNamespace()]
}

// sidecarScopes are the Sidecar resources that select pods, the oldest first, and the oldest without selector of each namespace.
type sidecarScopes struct {
	selecting *matchIndex[*networking.Sidecar]
	whole     map[string]*networking.Sidecar
}

type sidecarScopesMemory struct{}

func (s *Snapshot) sidecarScopes() *sidecarScopes {
	return remember(s, sidecarScopesMemory{}, func() *sidecarScopes {
		var selecting []*networking.Sidecar
		whole := map[string]*networking.Sidecar{}
		byAge := slices.SortedStableFunc(slices.Values(s.Sidecars().All()), func(a, b *networking.Sidecar) int { return compareAge(a, b) })
		for _, sidecar := range byAge {
			switch {
			case sidecar.Spec.GetWorkloadSelector() != nil:
				selecting = append(selecting, sidecar)
			case whole[sidecar.Namespace] == nil:
				whole[sidecar.Namespace] = sidecar
			}
		}
		return &sidecarScopes{whole: whole, selecting: newMatchIndex(selecting, func(sidecar *networking.Sidecar) (string, map[string]string) {
			return sidecar.Namespace, sidecar.Spec.GetWorkloadSelector().GetLabels()
		})}
	})
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
		isProxyPort := ParseProtocol(listener.GetPort().GetProtocol()) == ProtocolHTTPProxy
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
		case namespace == ".":
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

// ForwardsToLoopback says that sidecars lead the calls of an inbound port of the workload to the loopback address: the mesh config
// says so for all, or the Sidecar resource for this port. Else they arrive at the pod's own address.
// Source: Istio's pilot/pkg/networking/core/cluster.go (buildInboundClustersFromServiceInstances, buildInboundClustersFromSidecar).
func (s *Snapshot) ForwardsToLoopback(w *Workload, port int32) bool {
	if sidecar := s.SidecarFor(w.Namespace(), w.Template.Labels); sidecar != nil {
		for _, listener := range sidecar.Spec.GetIngress() {
			if listener.GetPort().GetNumber() == uint32(port) {
				address, err := netip.ParseAddrPort(listener.GetDefaultEndpoint())
				return err == nil && address.Addr().IsLoopback()
			}
		}
	}
	return s.MeshConfig().GetInboundTrafficPolicy().GetMode() == meshapi.MeshConfig_InboundTrafficPolicy_LOCALHOST
}
