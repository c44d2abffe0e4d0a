package checks

import (
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// relevance is what a Gateway server, route or policy has to do with gRPC; the greater of two counts.
type relevance int

const (
	// plain: it carries HTTP, TCP or TLS that is none of lint's business.
	plain relevance = iota
	// unclear: where it leads cannot be seen (a name resolves to nothing), and nothing says plain HTTP.
	unclear
	// weak: it leads to a port for which only the port number speaks. Never ground for an error.
	weak
	// certain: it leads to an exposed port, or is itself written for gRPC.
	certain
)

// relevanceOf is that of what leads to an exposed port.
func relevanceOf(port *exposure.ExposedPort) relevance {
	if port.Weak() {
		return weak
	}
	return certain
}

// speaks says whether lint has anything to say about what has this relevance.
func (p *Pass) speaks(of relevance) bool { return p.All || of >= weak }

// speaksOfLost is speaks for faults that hide where the calls go: a gateway, destination or host that is not found.
func (p *Pass) speaksOfLost(of relevance) bool { return p.All || of >= unclear }

// levelFor is the level of a finding: weak evidence is never ground for an error.
func (p *Pass) levelFor(of relevance, level Level) Level {
	if level == Error && of == weak && !p.All {
		return Warning
	}
	return level
}

// SpeaksOfServer says whether a server of a Gateway is on the way of gRPC calls: it is for gRPC by its protocol or port name,
// or a VirtualService leads from it to an exposed port.
func (p *Pass) SpeaksOfServer(gateway *networking.Gateway, server *networkingapi.Server) bool {
	return p.speaks(p.serverRelevance(gateway, server))
}

// SpeaksOfGateway says whether one of the Gateway's servers is on the way of gRPC calls.
func (p *Pass) SpeaksOfGateway(gateway *networking.Gateway) bool {
	if p.All {
		return true
	}
	for _, server := range gateway.Spec.Servers {
		if p.SpeaksOfServer(gateway, server) {
			return true
		}
	}
	return false
}

// SpeaksOfVirtualService says whether one of the VirtualService's rules leads to an exposed port or matches gRPC methods.
func (p *Pass) SpeaksOfVirtualService(vs *networking.VirtualService) bool {
	return p.speaks(p.virtualServiceRelevance(vs))
}

// SpeaksOfRule says the same of one rule.
func (p *Pass) SpeaksOfRule(rule *host.HTTPRule) bool { return p.speaks(p.ruleRelevance(rule)) }

// SpeaksOfService says whether the Service has an exposed port.
func (p *Pass) SpeaksOfService(service *core.Service) bool {
	return p.All || service != nil && len(exposure.ExposedPortsOf(p.Snapshot, service)) > 0
}

// SpeaksOfWorkload says whether an exposed port leads to the workload.
func (p *Pass) SpeaksOfWorkload(workload *workload.Workload) bool {
	return p.All || len(exposure.ExposedWorkloads(p.Snapshot)[workload]) > 0
}

// SpeaksOfHost says whether the host of a DestinationRule in that namespace, a name or a wildcard, is that of a Service with
// an exposed port.
func (p *Pass) SpeaksOfHost(name, namespace string) bool {
	if p.All {
		return true
	}
	name = host.ResolveHost(name, namespace)
	if !strings.HasPrefix(name, "*") {
		service := host.ServiceByHost(p.Snapshot, name)
		return service != nil && p.SpeaksOfService(service)
	}
	for _, port := range exposure.ExposedPorts(p.Snapshot) {
		if host.HostSubsetOf(host.ServiceHost(port.Service), name) {
			return true
		}
	}
	return false
}

// relevanceMemory is a VirtualService, a rule or the key of a route.
type relevanceMemory struct{ of any }

func (p *Pass) virtualServiceRelevance(vs *networking.VirtualService) relevance {
	return mesh.Remember(p.Snapshot, relevanceMemory{vs}, func() relevance {
		most := plain
		for _, rule := range host.HTTPRules(p.Snapshot, vs) {
			most = max(most, p.ruleRelevance(rule))
		}
		return max(most, p.mostRelevant(vs, streamDestinations(vs)))
	})
}

func (p *Pass) mostRelevant(vs *networking.VirtualService, destinations []*networkingapi.Destination) relevance {
	most := plain
	for _, destination := range destinations {
		most = max(most, p.destinationRelevance(host.ResolveDestination(p.Snapshot, destination, vs.Namespace)))
	}
	return most
}

// destinationsOf are those of the routes of a kind that is not http.
func destinationsOf(kind string, vs *networking.VirtualService) []*networkingapi.Destination {
	if kind == "tls" {
		return tlsDestinations(vs)
	}
	return tcpDestinations(vs)
}

// streamDestinations are those of the tcp and tls routes.
func streamDestinations(vs *networking.VirtualService) []*networkingapi.Destination {
	return append(tcpDestinations(vs), tlsDestinations(vs)...)
}

func tcpDestinations(vs *networking.VirtualService) (destinations []*networkingapi.Destination) {
	for _, route := range vs.Spec.Tcp {
		for _, weighted := range route.GetRoute() {
			destinations = append(destinations, weighted.GetDestination())
		}
	}
	return destinations
}

func tlsDestinations(vs *networking.VirtualService) (destinations []*networkingapi.Destination) {
	for _, route := range vs.Spec.Tls {
		for _, weighted := range route.GetRoute() {
			destinations = append(destinations, weighted.GetDestination())
		}
	}
	return destinations
}

func (p *Pass) ruleRelevance(rule *host.HTTPRule) relevance {
	return mesh.Remember(p.Snapshot, relevanceMemory{rule}, func() relevance {
		if _, ok := rule.MatchesMethod(); ok {
			return certain
		}
		most := plain
		for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
			most = max(most, p.destinationRelevance(destination))
		}
		switch {
		case most == unclear && exposure.MatchesPlainHTTP(rule.Spec):
			return plain
		case most == unclear:
			if meant := p.meantRelevance(rule); meant > unclear {
				return meant
			}
			if p.onlyPlainServers(rule.Root) || p.besidesPlainHTTP(rule) {
				return plain
			}
		case most == plain && p.missesPort(rule) && p.onGRPCServer(rule.Root):
			return certain
		}
		return most
	})
}

// besidesPlainHTTP says that other destinations of the rule, or the Services whose callers in the mesh it is for, are known to
// be plain HTTP, while none is known to be gRPC.
func (p *Pass) besidesPlainHTTP(rule *host.HTTPRule) bool {
	destinations := host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace)
	if host.BoundToMesh(rule.Root) {
		for _, name := range rule.Root.Spec.Hosts {
			destinations = append(destinations, host.Destination{Service: host.ServiceByHost(p.Snapshot, host.ResolveHost(name, rule.Root.Namespace))})
		}
	}
	found := false
	for _, destination := range destinations {
		if destination.Service == nil || destination.Service.Spec.Type == core.ServiceTypeExternalName {
			continue
		}
		if len(exposure.ExposedPortsOf(p.Snapshot, destination.Service)) > 0 {
			return false
		}
		for _, port := range destination.Service.Spec.Ports {
			if destination.Port != 0 && destination.Port != port.Port {
				continue
			}
			if workload.ServicePortProtocol(&port) != workload.ProtocolHTTP {
				return false
			}
			found = true
		}
	}
	return found
}

// meantRelevance judges the destinations that are not found by the Services that their names may mean: gRPC, where that is the
// only one.
func (p *Pass) meantRelevance(rule *host.HTTPRule) relevance {
	most := plain
	for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
		if !isLost(p, destination) {
			continue
		}
		if meant := meantServices(p, destination.Spec.Host); len(meant) == 1 {
			destination.Service = meant[0]
			most = max(most, p.destinationRelevance(destination))
		}
	}
	return most
}

// missesPort says that a destination has a number that is not one of its Service's ports, one of which may be gRPC: none says
// that it is something else.
func (p *Pass) missesPort(rule *host.HTTPRule) bool {
	return slices.ContainsFunc(host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace), func(destination host.Destination) bool {
		service, number := destination.Service, destination.Port
		return service != nil && number != 0 && !hasPort(service, number) &&
			slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool {
				protocol := workload.ServicePortProtocol(&port)
				return protocol == workload.ProtocolUnsupported || protocol.IsHTTP2()
			})
	})
}

// onGRPCServer says that one of the servers that take the VirtualService's hosts has protocol GRPC.
func (p *Pass) onGRPCServer(vs *networking.VirtualService) bool {
	return slices.ContainsFunc(boundServers(p.Snapshot, vs), func(bound boundServer) bool {
		return workload.ParseProtocol(bound.Server.GetPort().GetProtocol()) == workload.ProtocolGRPC
	})
}

// destinationRelevance judges where a route leads. A port that the Service does not have, or none where it has several, is
// taken for any of the Service's.
func (p *Pass) destinationRelevance(destination host.Destination) relevance {
	service := destination.Service
	if service == nil {
		return p.entryRelevance(destination)
	}
	most := plain
	known := hasPort(service, destination.Port)
	if service.Spec.Type == core.ServiceTypeExternalName {
		target := host.Destination{Host: service.Spec.ExternalName, Port: destination.Port}
		// Another port of the target says nothing about one that the Service itself declares.
		if !known || len(host.ServiceEntriesByHost(p.Snapshot, target.Host)) == 0 || slices.Contains(destinationPorts(p, target), target.Port) {
			most = p.entryRelevance(target)
		}
	}
	for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
		switch {
		case known && exposed.Port.Port != destination.Port:
		case exposed.Weak():
			most = max(most, weak)
		default:
			return certain
		}
	}
	return most
}

// entryRelevance judges a destination that is no Service, in the same way.
func (p *Pass) entryRelevance(destination host.Destination) relevance {
	entries := host.ServiceEntriesByHost(p.Snapshot, destination.Host)
	if len(entries) == 0 {
		return unclear
	}
	known := slices.Contains(destinationPorts(p, destination), destination.Port)
	for _, entry := range entries {
		for _, port := range entry.Spec.Ports {
			if (!known || destination.Port == int32(port.GetNumber())) && workload.ParseProtocol(port.GetProtocol()).IsGRPC() {
				return certain
			}
		}
	}
	return plain
}

func hasPort(service *core.Service, number int32) bool {
	for _, port := range service.Spec.Ports {
		if port.Port == number {
			return true
		}
	}
	return false
}

// onlyPlainServers says that all servers that take the VirtualService's hosts have protocol HTTP and no other sign of gRPC.
func (p *Pass) onlyPlainServers(vs *networking.VirtualService) bool {
	found := false
	for _, bound := range boundServers(p.Snapshot, vs) {
		if protocol := workload.ParseProtocol(bound.Server.GetPort().GetProtocol()); protocol != workload.ProtocolHTTP || isForGRPC(bound.Server) {
			return false
		}
		found = true
	}
	return found
}

// isForGRPC says that a server is for gRPC by its protocol or the name of its port.
func isForGRPC(server *networkingapi.Server) bool {
	return workload.ParseProtocol(server.GetPort().GetProtocol()).IsGRPC() || exposure.HasGRPCToken(server.GetPort().GetName())
}
