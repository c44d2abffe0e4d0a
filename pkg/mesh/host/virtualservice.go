package host

import (
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// IsDelegate reports whether a VirtualService has no hosts: others delegate to it, by itself it is no route.
func IsDelegate(vs *networking.VirtualService) bool { return len(vs.Spec.Hosts) == 0 }

type virtualServicesMemory struct{}

// VirtualServicesByGateway are the VirtualServices with hosts by the resolved names of their gateways, each by age.
func VirtualServicesByGateway(s *mesh.Snapshot) map[string][]*networking.VirtualService {
	s.Read(mesh.KindVirtualService)
	return mesh.Remember(s, virtualServicesMemory{}, func() map[string][]*networking.VirtualService {
		byGateway := map[string][]*networking.VirtualService{}
		byAge := func(a, b *networking.VirtualService) int { return mesh.CompareAge(a, b) }
		for _, vs := range slices.SortedFunc(slices.Values(s.VirtualServices().All()), byAge) {
			if IsDelegate(vs) {
				continue
			}
			for _, name := range GatewayNamesOf(vs) {
				byGateway[name] = append(byGateway[name], vs)
			}
		}
		return byGateway
	})
}

// VirtualServicesBoundTo are all VirtualServices that name the Gateway, visible to its proxies or not, by age.
func VirtualServicesBoundTo(s *mesh.Snapshot, gateway *networking.Gateway) []*networking.VirtualService {
	return VirtualServicesByGateway(s)[gateway.Namespace+"/"+gateway.Name]
}

// VirtualServicesForGateway are the VirtualServices that name the Gateway as its proxies of that namespace see them. An empty
// namespace is one that nobody knows; everything may be visible to it.
func VirtualServicesForGateway(s *mesh.Snapshot, gateway *networking.Gateway, proxyNamespace string) []*networking.VirtualService {
	return asSeenBy(s, VirtualServicesBoundTo(s, gateway), proxyNamespace)
}

type meshVirtualServicesMemory string

// VirtualServicesForMesh are the VirtualServices for sidecars as those of that namespace see them, before a Sidecar resource leaves
// some of them out.
func VirtualServicesForMesh(s *mesh.Snapshot, proxyNamespace string) []*networking.VirtualService {
	s.Read(mesh.KindVirtualService)
	return mesh.Remember(s, meshVirtualServicesMemory(proxyNamespace), func() []*networking.VirtualService {
		return asSeenBy(s, VirtualServicesByGateway(s)[MeshGateway], proxyNamespace)
	})
}

// asSeenBy puts VirtualServices into the order of proxies of a namespace: first those of their own namespace that are exported to it
// by name, then those that others export to it by name, then the public ones; each by age.
// Source: Istio's pilot/pkg/model/push_context.go (VirtualServicesForGateway, initVirtualServices) and virtualservice.go
// (SelectVirtualServices).
func asSeenBy(s *mesh.Snapshot, byAge []*networking.VirtualService, proxyNamespace string) []*networking.VirtualService {
	var private, exported, public []*networking.VirtualService
	for _, vs := range byAge {
		switch {
		case proxyNamespace != "" && !VirtualServiceVisibleTo(s, vs, proxyNamespace):
		case IsPublic(s, vs):
			public = append(public, vs)
		case vs.Namespace == proxyNamespace:
			private = append(private, vs)
		default:
			exported = append(exported, vs)
		}
	}
	return slices.Concat(private, exported, public)
}

// IsPublic reports whether a VirtualService is exported to every namespace, and comes after those that are exported to some.
func IsPublic(s *mesh.Snapshot, vs *networking.VirtualService) bool {
	return slices.Contains(exportToOf(s, vs), "*")
}
