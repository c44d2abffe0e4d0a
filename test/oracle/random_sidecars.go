package oracle

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// NewSidecarMesh makes the mesh of a seed: pods with sidecars, what leads to their ports, and what their calls are routed by.
func NewSidecarMesh(seed uint64) *Mesh {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x73696465636172)), mesh: &Mesh{Seed: seed}}
	m.makeApplications()
	m.makeSharingServices()
	m.makeSelectingEntries()
	m.makeMeshRoutes()
	m.makeDestinationRules()
	m.makePeerAuthentications()
	m.makeSidecars()
	m.makeIngressSidecars()
	return m.mesh
}

// makeSharingServices makes further Services in front of pods that have one already, most often with a port of theirs in common.
func (m *maker) makeSharingServices() {
	for range m.between(0, 3) {
		service := &core.Service{ObjectMeta: m.meta(pick(m, appNamespaces...), m.unique("twin"))}
		service.Spec = core.ServiceSpec{Type: core.ServiceTypeClusterIP, ClusterIP: m.clusterIP(), Selector: pick(m,
			map[string]string{"app": pick(m, serviceNames...)}, map[string]string{"tier": "backend"})}
		if m.chance(20) {
			service.Spec.ClusterIP = core.ClusterIPNone
		}
		for i, number := range some(m, 3, 8000, 50051, 9090, 7000) {
			port := m.servicePort(int32(number), i)
			if m.chance(50) {
				port.TargetPort = intstr.FromInt32(50051)
			}
			if m.chance(4) {
				port.TargetPort = pick(m, intstr.FromInt32(15021), intstr.FromInt32(15090), intstr.FromInt32(15006))
			}
			service.Spec.Ports = append(service.Spec.Ports, port)
		}
		m.add(service)
	}
}

// makeSelectingEntries makes ServiceEntries that stand for pods.
func (m *maker) makeSelectingEntries() {
	for range m.between(0, 2) {
		entry := &networking.ServiceEntry{ObjectMeta: m.meta(pick(m, appNamespaces...), m.unique("entry"))}
		entry.Spec.Hosts = some(m, 2, "pods.example.net", "more.example.net")
		entry.Spec.ExportTo = m.exportTo()
		entry.Spec.Resolution = networkingapi.ServiceEntry_STATIC
		entry.Spec.Location = networkingapi.ServiceEntry_MESH_INTERNAL
		entry.Spec.WorkloadSelector = &networkingapi.WorkloadSelector{Labels: map[string]string{"app": pick(m, serviceNames...)}}
		for i, number := range some[uint32](m, 2, 7000, 50051, 8080) {
			port := &networkingapi.ServicePort{Number: number, Name: fmt.Sprintf("p%d", i), Protocol: pick(m, "GRPC", "HTTP", "HTTP2", "TCP", "TLS")}
			if m.chance(40) {
				port.TargetPort = pick(m, uint32(50051), 8080, 7001)
			}
			// Of two that lead to one target port istiod takes any, now this one, now that.
			if !slices.ContainsFunc(entry.Spec.Ports, func(other *networkingapi.ServicePort) bool { return targetOf(other) == targetOf(port) }) {
				entry.Spec.Ports = append(entry.Spec.Ports, port)
			}
		}
		m.add(entry)
	}
}

func targetOf(port *networkingapi.ServicePort) uint32 { return cmp.Or(port.TargetPort, port.Number) }

// makeMeshRoutes makes VirtualServices for sidecars, and delegates for some of them; several have a host in common.
func (m *maker) makeMeshRoutes() {
	m.makeDelegates()
	for range m.between(1, 5) {
		service := &networking.VirtualService{ObjectMeta: m.meta(pick(m, allNamespaces...), m.unique("route"))}
		name := pick(m, serviceNames...)
		service.Spec.Hosts = some(m, 2, name, name+".shop.svc.cluster.local", name+".back.svc.cluster.local", name+".shop", "*.local",
			"*.shop.svc.cluster.local", "Orders.shop.svc.cluster.local", "c.other.org")
		service.Spec.Gateways = pick(m, nil, nil, []string{"mesh"}, []string{"mesh", "edge/public"}, []string{"edge/public"})
		service.Spec.ExportTo = m.exportTo()
		for i := range m.between(1, 3) {
			service.Spec.Http = append(service.Spec.Http, m.httpRule(service, i))
		}
		m.add(service)
	}
}

// makeIngressSidecars makes Sidecar resources that say themselves which ports pods have.
func (m *maker) makeIngressSidecars() {
	for _, namespace := range appNamespaces {
		if !m.chance(35) {
			continue
		}
		sidecar := &networking.Sidecar{ObjectMeta: m.meta(namespace, m.unique("inbound"))}
		if m.chance(70) {
			sidecar.Spec.WorkloadSelector = &networkingapi.WorkloadSelector{Labels: map[string]string{"app": pick(m, serviceNames...)}}
		}
		for i, number := range some[uint32](m, 2, 50051, 8080, 7001) {
			listener := &networkingapi.IstioIngressListener{Port: &networkingapi.SidecarPort{
				Number: number, Name: fmt.Sprintf("p%d", i), Protocol: pick(m, "GRPC", "GRPC", "HTTP", "HTTP2", "TCP", "TLS"),
			}}
			listener.DefaultEndpoint = pick(m, "", "127.0.0.1:50051", "0.0.0.0:8080", "127.0.0.1:9999")
			if m.chance(20) {
				listener.ConnectionPool = m.connectionPool()
			}
			if m.chance(15) {
				listener.CaptureMode = networkingapi.CaptureMode_NONE
			}
			sidecar.Spec.Ingress = append(sidecar.Spec.Ingress, listener)
		}
		if m.chance(20) {
			sidecar.Spec.InboundConnectionPool = m.connectionPool()
		}
		if m.chance(50) {
			sidecar.Spec.Egress = []*networkingapi.IstioEgressListener{{Hosts: []string{"*/*"}}}
		}
		m.add(sidecar)
	}
}
