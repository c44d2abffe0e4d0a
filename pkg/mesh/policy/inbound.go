package policy

import (
	"cmp"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// InboundPort is a port of pods that their sidecars have a filter chain for. Calls to any other port are sniffed.
type InboundPort struct {
	// Port is the one on the pods.
	Port int32
	// Protocol is what the chain takes the calls for: it sniffs ProtocolUnsupported, and passes on the bytes of what is not HTTP.
	Protocol workload.Protocol

	// Service and ServicePort are the Kubernetes Service that leads to the port, and Entry is a ServiceEntry that does.
	Service     *core.Service
	ServicePort *core.ServicePort
	Entry       *networking.ServiceEntry
	// Sidecar has the ingress listener Ingress for the port, whatever leads to it.
	Sidecar *networking.Sidecar
	Ingress *networkingapi.IstioIngressListener
}

// ReadsHTTP reports whether the chain reads the calls of clients that speak HTTP/2 as HTTP.
func (p InboundPort) ReadsHTTP() bool { return p.Protocol.IsHTTP() || p.IsSniffed() }

// IsSniffed reports whether the chain decides by the first bytes of a connection.
func (p InboundPort) IsSniffed() bool { return p.Protocol == workload.ProtocolUnsupported }

// InboundPorts are the ports of pods of a namespace, made from this template, that their sidecars have filter chains for: the ingress
// listeners of the Sidecar resource, if it has any, else the ports of the Services that select the pods. Of several that lead to one
// port the first counts: of two Services that of the older one, and in one Service by the order of the ports. (In one ServiceEntry
// istiod takes any; here it is by order too.) Ports on which the proxy itself listens have none.
// Source: Istio's pilot/pkg/networking/core/listener_inbound.go (buildInboundChainConfigs, getFilterChainsByServicePort),
// pilot/pkg/model/context.go (SetServiceTargets, CanBindToPort).
func InboundPorts(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) []InboundPort {
	var ports []InboundPort
	for _, candidate := range inboundCandidates(s, namespace, template) {
		taken := slices.ContainsFunc(ports, func(port InboundPort) bool { return port.Port == candidate.Port })
		if !taken {
			ports = append(ports, candidate)
		}
	}
	slices.SortStableFunc(ports, func(a, b InboundPort) int { return cmp.Compare(a.Port, b.Port) })
	return ports
}

// inboundCandidates are all that would have a filter chain in the sidecars of these pods, in the order in which istiod takes them: of
// those with one port only the first has it.
func inboundCandidates(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) []InboundPort {
	sidecar := SidecarFor(s, namespace, template.Labels)
	if sidecar != nil && len(sidecar.Spec.GetIngress()) > 0 {
		var ports []InboundPort
		for _, ingress := range sidecar.Spec.GetIngress() {
			ports = append(ports, InboundPort{
				Port: int32(ingress.GetPort().GetNumber()), Protocol: workload.ParseProtocol(ingress.GetPort().GetProtocol()),
				Sidecar: sidecar, Ingress: ingress,
			})
		}
		return ports
	}
	return slices.DeleteFunc(serviceTargets(s, namespace, template), func(port InboundPort) bool { return isProxyPort(s, port.Port) })
}

// proxyPorts are those of Envoy's own listeners whose numbers no mesh config changes: health and metrics.
var proxyPorts = []int32{15021, 15090}

func isProxyPort(s *mesh.Snapshot, port int32) bool {
	config := proxy.DefaultMeshConfig(s)
	outbound, inbound := cmp.Or(config.GetProxyListenPort(), 15001), cmp.Or(config.GetProxyInboundListenPort(), 15006)
	return port == outbound || port == inbound || slices.Contains(proxyPorts, port)
}

// target is a name that may lead to pods: that of a Service, or of a ServiceEntry with a workloadSelector.
type target struct {
	service *core.Service
	entry   *networking.ServiceEntry
	host    string
}

func (t target) object() mesh.Object {
	if t.service != nil {
		return t.service
	}
	return t.entry
}

func (t target) selector() map[string]string {
	if t.service != nil {
		return t.service.Spec.Selector
	}
	return t.entry.Spec.GetWorkloadSelector().GetLabels()
}

type targetsMemory struct{}

// targets are the Services and the names of ServiceEntries that select pods, in the order in which istiod takes them for one proxy.
// Source: Istio's pilot/pkg/model/context.go (SetServiceTargets).
func targets(s *mesh.Snapshot) *gateway.MatchIndex[target] {
	s.Read(mesh.KindService)
	s.Read(mesh.KindServiceEntry)
	return mesh.Remember(s, targetsMemory{}, func() *gateway.MatchIndex[target] {
		var all []target
		for _, service := range s.Services().All() {
			if len(service.Spec.Selector) > 0 {
				all = append(all, target{service: service, host: host.ServiceHost(service)})
			}
		}
		for _, entry := range s.ServiceEntries().All() {
			if entry.Spec.GetWorkloadSelector() == nil {
				continue // a selector without labels selects every pod
			}
			for _, name := range entry.Spec.GetHosts() {
				all = append(all, target{entry: entry, host: name})
			}
		}
		slices.SortStableFunc(all, func(a, b target) int {
			age := a.object().GetCreationTimestamp().Compare(b.object().GetCreationTimestamp().Time)
			return cmp.Or(age, cmp.Compare(a.host, b.host))
		})
		return gateway.NewMatchIndex(all, func(one target) (string, map[string]string) {
			return one.object().GetNamespace(), one.selector()
		})
	})
}

// serviceTargets are the ports to which Services and ServiceEntries lead that select the pods. A headless Service without selector,
// whose endpoints somebody writes by hand, is not among them.
// Source: Istio's pilot/pkg/serviceregistry/kube/controller/controller.go (GetProxyServiceTargets) and serviceentry/controller.go
// (GetProxyServiceTargets).
func serviceTargets(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) []InboundPort {
	var ports []InboundPort
	for _, one := range targets(s).Selecting(namespace, template.Labels) {
		if one.service != nil {
			ports = append(ports, targetsOfService(one.service, template)...)
		} else {
			ports = append(ports, targetsOfEntry(one.entry)...)
		}
	}
	return ports
}

func targetsOfService(service *core.Service, template *core.PodTemplateSpec) []InboundPort {
	var ports []InboundPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if number, _, ok := workload.TargetPort(port, template); ok {
			ports = append(ports, InboundPort{
				Port: number, Protocol: workload.ServicePortProtocol(port), Service: service, ServicePort: port,
			})
		}
	}
	return ports
}

func targetsOfEntry(entry *networking.ServiceEntry) []InboundPort {
	var ports []InboundPort
	for _, port := range entry.Spec.GetPorts() {
		ports = append(ports, InboundPort{
			Port: int32(cmp.Or(port.GetTargetPort(), port.GetNumber())), Protocol: workload.ParseProtocol(port.GetProtocol()), Entry: entry,
		})
	}
	return ports
}

// KeepsHTTP2 reports whether gRPC calls of callers in this port leave the sidecar for the container as HTTP/2: its protocol is
// HTTP/2, it is sniffed, or its bytes are passed on; else the connection pool that counts for the port must have useClientProtocol. An
// h2UpgradePolicy is for callers only.
// Source: Istio's pilot/pkg/networking/core/cluster_builder.go (buildInboundCluster, setUpstreamProtocol) and
// cluster_traffic_policy.go (applyTrafficPolicy, applyConnectionPool).
func (p InboundPort) KeepsHTTP2(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) bool {
	if !p.Protocol.IsHTTP() || p.Protocol.IsHTTP2() {
		return true
	}
	return p.connectionPool(s, namespace, template).GetHttp().GetUseClientProtocol()
}

// connectionPool is what the Sidecar resource says of the port, or of all, else the DestinationRule of the first name that leads to
// the port, which the pods' own namespace must know.
// Source: Istio's pilot/pkg/model/sidecar.go (InboundConnectionPoolForPort, DestinationRule) and pilot/pkg/networking/core/cluster.go
// (buildInboundClustersFromSidecar, findOrCreateService).
func (p InboundPort) connectionPool(s *mesh.Snapshot, namespace string, template *core.PodTemplateSpec) *networkingapi.ConnectionPoolSettings {
	sidecar := SidecarFor(s, namespace, template.Labels)
	if pool := p.Ingress.GetConnectionPool(); pool != nil {
		return pool
	}
	if sidecar != nil && sidecar.Spec.GetInboundConnectionPool() != nil {
		return sidecar.Spec.GetInboundConnectionPool()
	}
	of := p
	if p.Ingress != nil {
		of = firstWithPort(serviceTargets(s, namespace, template), p.Port)
	}
	number := p.Port
	if p.ServicePort != nil {
		number = p.ServicePort.Port
	}
	var rule *HostRule
	if of.Service != nil && knowsService(s, sidecar, namespace, of.Service) {
		// A rule with a workloadSelector is for callers only.
		rule = DestinationRuleFor(s, proxy.Client{Namespace: namespace}, host.ServiceHost(of.Service), of.Service.Namespace)
	}
	return TrafficPolicyFor(s, rule, number, "").ConnectionPool
}

func firstWithPort(ports []InboundPort, number int32) InboundPort {
	for _, port := range ports {
		if port.Port == number {
			return port
		}
	}
	return InboundPort{}
}

func knowsService(s *mesh.Snapshot, sidecar *networking.Sidecar, namespace string, service *core.Service) bool {
	if !host.ServiceVisibleTo(s, service, namespace) {
		return false
	}
	return sidecar == nil || slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool {
		return EgressIncludes(s, sidecar, namespace, service, port.Port)
	})
}
