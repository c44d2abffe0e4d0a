package mesh

import (
	"maps"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// ExposedPort is a Service port with gRPC evidence.
type ExposedPort struct {
	Service *core.Service
	// Index is the port's place in the Service; Port points at it.
	Index int
	Port  *core.ServicePort
	// Workloads are those that the Service selects.
	Workloads []*Workload
	// Evidence is why it is gRPC, strongest first.
	Evidence []Evidence
	// Others are the objects of other namespaces that say some of it.
	Others []Key
	// Routed says that some gateway route leads to it, through delegates too (VirtualService, GRPCRoute, HTTPRoute).
	Routed bool
}

// Weak says that nothing but weak evidence speaks for gRPC: never ground for an error.
func (e *ExposedPort) Weak() bool { return isWeak(e.Evidence) }

// Protocol is what Istio takes the port for.
func (e *ExposedPort) Protocol() Protocol { return ServicePortProtocol(e.Port) }

// exposure is all exposed ports, and the ways to find one.
type exposure struct {
	all        []*ExposedPort
	byService  map[Key][]*ExposedPort
	byWorkload map[*Workload][]*ExposedPort
}

type exposureMemory struct{}

// ExposedPorts are all exposed ports, by Service and place. Infrastructure has none.
func (s *Snapshot) ExposedPorts() []*ExposedPort { return s.exposure().all }

// ExposedPortsOf are those of one Service.
func (s *Snapshot) ExposedPortsOf(service *core.Service) []*ExposedPort {
	return s.exposure().byService[KeyOf(service)]
}

// ExposedWorkloads are the workloads behind exposed ports, each with the ports that lead to it.
func (s *Snapshot) ExposedWorkloads() map[*Workload][]*ExposedPort { return s.exposure().byWorkload }

func (s *Snapshot) exposure() *exposure {
	return Remember(s, exposureMemory{}, func() *exposure {
		found := &exposure{byService: map[Key][]*ExposedPort{}, byWorkload: map[*Workload][]*ExposedPort{}}
		services := s.Services().All()
		ports := make([][]*ExposedPort, len(services))
		inParallel(len(services), func(i int) {
			if !s.IsInfrastructureService(services[i]) {
				ports[i] = s.exposedPortsOf(services[i])
			}
		})
		for i, service := range services {
			for _, port := range ports[i] {
				found.all = append(found.all, port)
				found.byService[KeyOf(service)] = append(found.byService[KeyOf(service)], port)
				for _, workload := range port.Workloads {
					if !s.IsInfrastructure(workload) {
						found.byWorkload[workload] = append(found.byWorkload[workload], port)
					}
				}
			}
		}
		return found
	})
}

func (s *Snapshot) exposedPortsOf(service *core.Service) []*ExposedPort {
	workloads := s.WorkloadsOf(service)
	var exposed []*ExposedPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		evidence, leads := s.evidenceOf(service, port)
		if len(evidence) > 0 {
			exposed = append(exposed, &ExposedPort{
				Service: service, Index: i, Port: port, Workloads: workloads, Evidence: evidence, Others: leads.others, Routed: leads.routed,
			})
		}
	}
	return exposed
}

// evidenceOf puts together what the Service, its pods and routes say of a port. The twin of a TCP port speaks for itself only.
func (s *Snapshot) evidenceOf(service *core.Service, port *core.ServicePort) (evidence []Evidence, from leads) {
	if isTwinOfTCP(service, port) {
		return slices.DeleteFunc(servicePortEvidence(port), func(e Evidence) bool { return e.Strength != EvidenceServicePort }), leads{}
	}
	from = s.leadsTo(service, port.Port)
	return byStrength(append(s.ownEvidenceOf(service, port), from.evidence...)), from
}

// ownEvidenceOf is what the Service and its pods say of a port, without what leads to it.
func (s *Snapshot) ownEvidenceOf(service *core.Service, port *core.ServicePort) []Evidence {
	evidence := servicePortEvidence(port)
	for _, template := range s.templatesBehind(service) {
		evidence = append(evidence, templateEvidence(port, template)...)
	}
	return evidence
}

// templateEvidence is what pods of that shape say of the port that the Service port leads to. A port of another transport
// protocol than the container's leads nowhere, but to the same number: that a UDP port was meant for gRPC shows there.
func templateEvidence(port *core.ServicePort, template *core.PodTemplateSpec) []Evidence {
	number, _, ok := TargetPort(port, template)
	if !ok {
		return nil
	}
	evidence := containerEvidence(template, number)
	if number == exampleServerPort && port.TargetPort.IntValue() != exampleServerPort {
		evidence = append(evidence, Evidence{"its target is port 50051, the custom of gRPC's examples", EvidenceWeak})
	}
	return evidence
}

// isTwinOfTCP says that a port of another transport has the number or the target of a TCP port, as HTTP/3 beside HTTP/2.
func isTwinOfTCP(service *core.Service, port *core.ServicePort) bool {
	return transportOf(port.Protocol) != core.ProtocolTCP && slices.ContainsFunc(service.Spec.Ports, func(other core.ServicePort) bool {
		return transportOf(other.Protocol) == core.ProtocolTCP && (other.TargetPort == port.TargetPort || other.Port == port.Port)
	})
}

// GatewaysTo are the gateways with a route to that Service port, of Istio's API and of the Gateway API, by namespace and name.
func (s *Snapshot) GatewaysTo(exposed *ExposedPort) []*GatewayWorkload {
	at := servicePort{KeyOf(exposed.Service), exposed.Port.Port}
	return Remember(s, gatewaysToMemory(at), func() []*GatewayWorkload { return slices.Clip(s.findGatewaysTo(exposed)) })
}

type gatewaysToMemory servicePort

func (s *Snapshot) findGatewaysTo(exposed *ExposedPort) []*GatewayWorkload {
	seen := map[string]*GatewayWorkload{}
	add := func(w *GatewayWorkload) {
		if name := gatewayWorkloadName(w); seen[name] == nil {
			seen[name] = w
		}
	}
	for _, route := range s.RoutesTo(exposed.Service, exposed.Port.Port) {
		if route.Server != nil && route.Server.Workload != nil {
			add(route.Server.Workload)
		}
	}
	for _, backend := range s.RouteBackendsTo(exposed.Service, exposed.Port.Port) {
		for _, gateway := range backend.Gateways {
			for _, workload := range s.KubernetesGatewayWorkloads(gateway) {
				add(workload)
			}
		}
	}
	gateways := make([]*GatewayWorkload, 0, len(seen))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		gateways = append(gateways, seen[name])
	}
	return gateways
}

// gatewayWorkloadName tells gateways apart.
func gatewayWorkloadName(w *GatewayWorkload) string {
	if w.Workload != nil {
		return w.Namespace + "/" + string(w.Workload.Key.Kind) + "/" + w.Workload.Name()
	}
	return w.Namespace + "/" + labels.Set(w.Labels).String()
}
