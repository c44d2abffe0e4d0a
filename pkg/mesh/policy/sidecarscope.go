package policy

import (
	"net/netip"
	"slices"
	"strings"

	meshapi "istio.io/api/mesh/v1alpha1"
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// SidecarFor is the Sidecar resource that sidecars of pods with these labels heed, nil if none: the oldest of the namespace
// whose selector matches, else its oldest without selector, else the root namespace's oldest without selector.
// Source: Istio's pilot/pkg/model/push_context.go (initSidecarScopes, doGetSidecarScope).
func SidecarFor(s *mesh.Snapshot, namespace string, podLabels map[string]string) *networking.Sidecar {
	scopes := allSidecarScopes(s)
	if selecting := scopes.selecting.Selecting(namespace, podLabels); len(selecting) > 0 {
		return selecting[0]
	}
	if sidecar := scopes.whole[namespace]; sidecar != nil {
		return sidecar
	}
	return scopes.whole[proxy.RootNamespace(s)]
}

// sidecarScopes are the Sidecar resources that select pods, the oldest first, and the oldest without selector of each namespace.
type sidecarScopes struct {
	selecting *gateway.MatchIndex[*networking.Sidecar]
	whole     map[string]*networking.Sidecar
}

type sidecarScopesMemory struct{}

func allSidecarScopes(s *mesh.Snapshot) *sidecarScopes {
	return mesh.Remember(s, sidecarScopesMemory{}, func() *sidecarScopes {
		var selecting []*networking.Sidecar
		whole := map[string]*networking.Sidecar{}
		byAge := slices.SortedStableFunc(slices.Values(s.Sidecars().All()), func(a, b *networking.Sidecar) int { return mesh.CompareAge(a, b) })
		for _, sidecar := range byAge {
			switch {
			case sidecar.Spec.GetWorkloadSelector() != nil:
				selecting = append(selecting, sidecar)
			case whole[sidecar.Namespace] == nil:
				whole[sidecar.Namespace] = sidecar
			}
		}
		return &sidecarScopes{whole: whole, selecting: gateway.NewMatchIndex(selecting, func(sidecar *networking.Sidecar) (string, map[string]string) {
			return sidecar.Namespace, sidecar.Spec.GetWorkloadSelector().GetLabels()
		})}
	})
}

// EgressIncludes reports whether a sidecar in the client's namespace knows a Service's port under this Sidecar resource: one of
// its egress listeners imports the Service's host and leaves the port open, or imports a VirtualService that leads there, or it
// lists no egress at all.
// Source: Istio's pilot/pkg/model/sidecar.go (convertToSidecarScope, convertIstioListenerToWrapper, selectServices,
// collectImportedServices).
func EgressIncludes(s *mesh.Snapshot, sidecar *networking.Sidecar, clientNamespace string, service *core.Service, port int32) bool {
	if len(sidecar.Spec.GetEgress()) == 0 {
		return true
	}
	return slices.ContainsFunc(sidecar.Spec.GetEgress(), func(listener *networkingapi.IstioEgressListener) bool {
		return leavesPortOpen(listener, port) &&
			(egressHostsInclude(listener.GetHosts(), clientNamespace, service.Namespace, host.ServiceHost(service), host.HostSubsetOf) ||
				egressRoutesInclude(s, listener.GetHosts(), clientNamespace, service, port))
	})
}

func leavesPortOpen(listener *networkingapi.IstioEgressListener, port int32) bool {
	number := listener.GetPort().GetNumber()
	isProxyPort := workload.ParseProtocol(listener.GetPort().GetProtocol()) == workload.ProtocolHTTPProxy
	return number == 0 || isProxyPort || number == uint32(port)
}

// EgressExclusions are the hosts with "~" that shut a Service out of all egress listeners that leave its port open, whatever else
// these import; none where one of them only leaves it out.
// Source: Istio's pilot/pkg/model/sidecar.go (selectServices).
func EgressExclusions(sidecar *networking.Sidecar, clientNamespace string, service *core.Service, port int32) []string {
	var exclusions []string
	for _, listener := range sidecar.Spec.GetEgress() {
		if !leavesPortOpen(listener, port) {
			continue
		}
		before := len(exclusions)
		for _, entry := range listener.GetHosts() {
			if !egressHostsInclude([]string{"*/*", entry}, clientNamespace, service.Namespace, host.ServiceHost(service), host.HostSubsetOf) {
				exclusions = append(exclusions, entry)
			}
		}
		if len(exclusions) == before {
			return nil
		}
	}
	slices.Sort(exclusions)
	return slices.Compact(exclusions)
}

// egressRoutesInclude reports whether the hosts import a VirtualService of the mesh that has the Service's port for a destination: its
// destinations come along. A host of it counts that has names in common with an imported one.
// Source: Istio's pilot/pkg/model/virtualservice.go (SelectVirtualServices), sidecar.go (VSMatches) and push_context.go
// (virtualServiceDestinationsFilteredBySourceNamespace).
func egressRoutesInclude(s *mesh.Snapshot, hosts []string, clientNamespace string, service *core.Service, port int32) bool {
	return slices.ContainsFunc(host.VirtualServicesByGateway(s)[host.MeshGateway], func(vs *networking.VirtualService) bool {
		imported := host.VirtualServiceVisibleTo(s, vs, clientNamespace) && slices.ContainsFunc(vs.Spec.GetHosts(), func(name string) bool {
			return egressHostsInclude(hosts, clientNamespace, vs.Namespace, host.ResolveHost(name, vs.Namespace), host.HostMatches)
		})
		return imported && leadsCallersTo(s, vs, clientNamespace, service, port)
	})
}

// leadsCallersTo reports whether callers of the namespace have the Service's port among the destinations of a VirtualService, those of
// mirrors too.
func leadsCallersTo(s *mesh.Snapshot, vs *networking.VirtualService, clientNamespace string, service *core.Service, port int32) bool {
	leads := func(to *networkingapi.Destination, namespace string) bool {
		number := to.GetPort().GetNumber()
		return host.ResolveHost(to.GetHost(), namespace) == host.ServiceHost(service) && (number == 0 || number == uint32(port))
	}
	for _, rule := range host.HTTPRules(s, vs) {
		if !isForNamespace(rule.Spec.GetMatch(), clientNamespace) {
			continue
		}
		to := []*networkingapi.Destination{rule.Spec.GetMirror()}
		for _, mirror := range rule.Spec.GetMirrors() {
			to = append(to, mirror.GetDestination())
		}
		for _, route := range rule.Spec.GetRoute() {
			to = append(to, route.GetDestination())
		}
		if slices.ContainsFunc(to, func(to *networkingapi.Destination) bool { return leads(to, rule.Holder.Namespace) }) {
			return true
		}
	}
	return slices.ContainsFunc(vs.Spec.GetTcp(), func(rule *networkingapi.TCPRoute) bool {
		return slices.ContainsFunc(rule.GetRoute(), func(route *networkingapi.RouteDestination) bool {
			return leads(route.GetDestination(), vs.Namespace)
		})
	})
}

// isForNamespace reports whether one of the matches names the namespace as that of callers, or none names any.
func isForNamespace(matches []*networkingapi.HTTPMatchRequest, clientNamespace string) bool {
	named := slices.DeleteFunc(slices.Clone(matches), func(match *networkingapi.HTTPMatchRequest) bool { return match.GetSourceNamespace() == "" })
	return len(named) == 0 || slices.ContainsFunc(named, func(match *networkingapi.HTTPMatchRequest) bool {
		return match.GetSourceNamespace() == clientNamespace
	})
}

// egressHostsInclude evaluates hosts of the form namespace/name for an object of a namespace that has a host; a namespace that
// begins with "~" shuts out.
func egressHostsInclude(hosts []string, clientNamespace, namespaceOf, hostname string, covers func(host, name string) bool) bool {
	included := false
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
		switch {
		case namespace != "*" && namespace != namespaceOf:
		case excludes && host.HostSubsetOf(hostname, name):
			return false
		case !excludes:
			included = included || covers(hostname, name)
		}
	}
	return included
}

// ForwardsToLoopback reports whether sidecars lead the calls of an inbound port of the workload to the loopback address: the mesh config
// says so for all, or the Sidecar resource for this port. Else they arrive at the pod's own address.
// Source: Istio's pilot/pkg/networking/core/cluster.go (buildInboundClustersFromServiceInstances, buildInboundClustersFromSidecar).
func ForwardsToLoopback(s *mesh.Snapshot, w *workload.Workload, port int32) bool {
	if sidecar := SidecarFor(s, w.Namespace(), w.Template.Labels); sidecar != nil {
		for _, listener := range sidecar.Spec.GetIngress() {
			if listener.GetPort().GetNumber() == uint32(port) {
				address, err := netip.ParseAddrPort(listener.GetDefaultEndpoint())
				return err == nil && address.Addr().IsLoopback()
			}
		}
	}
	return proxy.DefaultMeshConfig(s).GetInboundTrafficPolicy().GetMode() == meshapi.MeshConfig_InboundTrafficPolicy_LOCALHOST
}
