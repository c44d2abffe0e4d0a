package exposure

import (
	"iter"
	"maps"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// ExposedPort is a Service port with gRPC evidence.
type ExposedPort struct {
	Service *core.Service
	// Index is the port's place in the Service; Port points at it.
	Index int
	Port  *core.ServicePort
	// Workloads are those that the Service selects.
	Workloads []*workload.Workload
	// Evidence is why it is gRPC, strongest first.
	Evidence []Evidence
	// Others are the objects of other namespaces that say some of it.
	Others []mesh.Key
	// Routed says that some gateway route leads to it, through delegates too (VirtualService, GRPCRoute, HTTPRoute).
	Routed bool
	// MeantAsTCP says that TCP was declared on purpose: a headless Service for the peers stands beside the one that callers use.
	MeantAsTCP bool
}

// Weak reports whether nothing but weak evidence speaks for gRPC: never ground for an error.
func (e *ExposedPort) Weak() bool { return isWeak(e.Evidence) }

// ForProxies reports whether the mesh's proxies call the port, by the mesh config, and no gateway routes to it: they balance their calls
// whether or not its pods have proxies of their own.
func (e *ExposedPort) ForProxies() bool {
	return !e.Routed && slices.ContainsFunc(e.Evidence, func(evidence Evidence) bool { return evidence.Strength == EvidenceProvider })
}

// Protocol is what Istio takes the port for.
func (e *ExposedPort) Protocol() workload.Protocol { return workload.ServicePortProtocol(e.Port) }

// exposure is all exposed ports, and the ways to find one.
type exposure struct {
	all        []*ExposedPort
	byService  map[mesh.Key][]*ExposedPort
	byWorkload map[*workload.Workload][]*ExposedPort
}

type exposureMemory struct{}

// ExposedPorts are all exposed ports, by Service and place. Infrastructure has none.
func ExposedPorts(s *mesh.Snapshot) []*ExposedPort { return exposureOf(s).all }

// ExposedPortsOf are those of one Service.
func ExposedPortsOf(s *mesh.Snapshot, service *core.Service) []*ExposedPort {
	return exposureOf(s).byService[mesh.KeyOf(service)]
}

// ExposedWorkloads are the workloads behind exposed ports, each with the ports that lead to it.
func ExposedWorkloads(s *mesh.Snapshot) map[*workload.Workload][]*ExposedPort {
	return exposureOf(s).byWorkload
}

// EachWorkload gives the same by the kind, namespace and name of the workload.
func EachWorkload(s *mesh.Snapshot) iter.Seq2[*workload.Workload, []*ExposedPort] {
	exposed := ExposedWorkloads(s)
	return func(yield func(*workload.Workload, []*ExposedPort) bool) {
		for _, w := range workload.Workloads(s) {
			if ports := exposed[w]; len(ports) > 0 && !yield(w, ports) {
				return
			}
		}
	}
}

func exposureOf(s *mesh.Snapshot) *exposure {
	return mesh.Remember(s, exposureMemory{}, func() *exposure {
		found := &exposure{byService: map[mesh.Key][]*ExposedPort{}, byWorkload: map[*workload.Workload][]*ExposedPort{}}
		services := s.Services().All()
		ports := make([][]*ExposedPort, len(services))
		mesh.InParallel(len(services), func(i int) {
			if !gateway.IsInfrastructureService(s, services[i]) {
				ports[i] = exposedPortsOf(s, services[i])
			}
		})
		for i, service := range services {
			for _, port := range ports[i] {
				found.all = append(found.all, port)
				found.byService[mesh.KeyOf(service)] = append(found.byService[mesh.KeyOf(service)], port)
				for _, workload := range port.Workloads {
					if !gateway.IsInfrastructure(workload) {
						found.byWorkload[workload] = append(found.byWorkload[workload], port)
					}
				}
			}
		}
		return found
	})
}

func exposedPortsOf(s *mesh.Snapshot, service *core.Service) []*ExposedPort {
	workloads := workload.WorkloadsOf(s, service)
	var exposed []*ExposedPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		evidence, leads := evidenceOf(s, service, port)
		if len(evidence) > 0 {
			exposed = append(exposed, &ExposedPort{
				Service: service, Index: i, Port: port, Workloads: workloads, Evidence: evidence, Others: leads.others, Routed: leads.routed,
				MeantAsTCP: isMeantAsTCP(s, service, port),
			})
		}
	}
	return exposed
}

// evidenceOf puts together what the user, the Service, its pods and routes say of a port. The twin of a TCP port speaks for itself only.
func evidenceOf(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) (evidence []Evidence, from leads) {
	if saidNone(s, service) || isOfInjectedContainer(s, service, port) {
		return nil, leads{}
	}
	if isTwinOfTCP(service, port) {
		evidence = slices.DeleteFunc(servicePortEvidence(port, false), func(e Evidence) bool { return e.Strength != EvidenceServicePort })
		return evidence, leads{}
	}
	from = leadsTo(s, service, port.Port)
	return byStrength(append(ownEvidenceOf(s, service, port), from.evidence...)), from
}

// ownEvidenceOf is what the user, the Service and its pods say of a port, without what leads to it.
func ownEvidenceOf(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) []Evidence {
	templates := workload.TemplatesBehind(s, service)
	probedByHTTP := slices.ContainsFunc(templates, func(template *core.PodTemplateSpec) bool { return servesPlainHTTP(service, port, template) })
	evidence := append(saidOfPort(s, service, port), servicePortEvidence(port, probedByHTTP)...)
	for _, template := range templates {
		evidence = append(evidence, templateEvidence(port, template)...)
	}
	return evidence
}

// servesPlainHTTP reports whether a probe shows that what the port leads to in such pods speaks HTTP/1.1. Where the Service declares the
// same target for gRPC and for HTTP, in two ports, the server speaks both, and the probe is for the other half.
func servesPlainHTTP(service *core.Service, port *core.ServicePort, template *core.PodTemplateSpec) bool {
	number, _, ok := workload.TargetPort(port, template)
	if !ok || !isProbedByPlainHTTP(template, number) {
		return false
	}
	return !workload.ServicePortProtocol(port).IsGRPC() || !slices.ContainsFunc(service.Spec.Ports, func(other core.ServicePort) bool {
		target, _, ok := workload.TargetPort(&other, template)
		return ok && target == number && workload.ServicePortProtocol(&other) == workload.ProtocolHTTP
	})
}

// templateEvidence is what pods of that shape say of the port that the Service port leads to. A port of another transport
// protocol than the container's leads nowhere, but to the same number: that a UDP port was meant for gRPC shows there.
func templateEvidence(port *core.ServicePort, template *core.PodTemplateSpec) []Evidence {
	number, _, ok := workload.TargetPort(port, template)
	if !ok {
		return nil
	}
	evidence := containerEvidence(template, number)
	if port.TargetPort.IntVal != number && !isProbedByPlainHTTP(template, number) {
		evidence = append(evidence, customEvidence("its target is", number)...)
	}
	return evidence
}

// isOfInjectedContainer reports whether the port leads, in the pods of the workloads behind the Service, to a container that another
// injector adds, as Dapr's: it serves the application beside it, and is none of its ports. Of pods in a cluster only the metadata is
// read, so there the template has to tell.
func isOfInjectedContainer(s *mesh.Snapshot, service *core.Service, port *core.ServicePort) bool {
	workloads := workload.WorkloadsOf(s, service)
	return len(workloads) > 0 && !slices.ContainsFunc(workloads, func(w *workload.Workload) bool {
		return !isDapr(w, port) && !isInjectedInPods(s, w, port)
	})
}

// daprEnabled, on a pod template, asks Dapr's injector for its sidecar.
// Source: Dapr's pkg/injector/annotations.
const daprEnabled = "dapr.io/enabled"

func isDapr(w *workload.Workload, port *core.ServicePort) bool {
	_, container, ok := workload.TargetPort(port, w.Template)
	return w.Template.Annotations[daprEnabled] == "true" && (!ok || container == nil)
}

func isInjectedInPods(s *mesh.Snapshot, w *workload.Workload, port *core.ServicePort) bool {
	pods := workload.LivePodsOf(s, w)
	return len(pods) > 0 && !slices.ContainsFunc(pods, func(pod *core.Pod) bool {
		_, container, ok := workload.TargetPort(port, workload.PodTemplate(pod))
		return !ok || container == nil || container.Name == workload.ProxyContainer ||
			slices.ContainsFunc(workload.ServingContainers(&w.Template.Spec), func(own *core.Container) bool { return own.Name == container.Name })
	})
}

// isTwinOfTCP reports whether a port of another transport has the number or the target of a TCP port, as HTTP/3 beside HTTP/2.
func isTwinOfTCP(service *core.Service, port *core.ServicePort) bool {
	return workload.TransportOf(port.Protocol) != core.ProtocolTCP && slices.ContainsFunc(service.Spec.Ports, func(other core.ServicePort) bool {
		return workload.TransportOf(other.Protocol) == core.ProtocolTCP && (other.TargetPort == port.TargetPort || other.Port == port.Port)
	})
}

// GatewaysTo are the gateways with a route to that Service port, of Istio's API and of the Gateway API, by namespace and name.
func GatewaysTo(s *mesh.Snapshot, exposed *ExposedPort) []*proxy.GatewayWorkload {
	at := workload.ServicePort{Service: mesh.KeyOf(exposed.Service), Port: exposed.Port.Port}
	return mesh.Remember(s, gatewaysToMemory(at), func() []*proxy.GatewayWorkload { return slices.Clip(findGatewaysTo(s, exposed)) })
}

type gatewaysToMemory workload.ServicePort

func findGatewaysTo(s *mesh.Snapshot, exposed *ExposedPort) []*proxy.GatewayWorkload {
	seen := map[string]*proxy.GatewayWorkload{}
	add := func(w *proxy.GatewayWorkload) {
		if name := gatewayWorkloadName(w); seen[name] == nil {
			seen[name] = w
		}
	}
	for _, route := range gateway.RoutesTo(s, exposed.Service, exposed.Port.Port) {
		if route.Server != nil && route.Server.Workload != nil {
			add(route.Server.Workload)
		}
	}
	for _, backend := range gatewayapi.RouteBackendsTo(s, exposed.Service, exposed.Port.Port) {
		for _, gateway := range backend.Gateways {
			for _, workload := range gatewayapi.KubernetesGatewayWorkloads(s, gateway) {
				add(workload)
			}
		}
	}
	gateways := make([]*proxy.GatewayWorkload, 0, len(seen))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		gateways = append(gateways, seen[name])
	}
	return gateways
}

// gatewayWorkloadName tells gateways apart.
func gatewayWorkloadName(w *proxy.GatewayWorkload) string {
	if w.Workload != nil {
		return w.Namespace + "/" + string(w.Workload.Key.Kind) + "/" + w.Workload.Name()
	}
	return w.Namespace + "/" + labels.Set(w.Labels).String()
}
