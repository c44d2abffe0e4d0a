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

// Relevance is what a Gateway server, route or policy has to do with gRPC; the greater of two counts.
type Relevance int

const (
	// PlainHTTP: it carries HTTP, TCP or TLS that is none of lint's business.
	PlainHTTP Relevance = iota
	// Unclear: where it leads cannot be seen (a name resolves to nothing), and nothing says plain HTTP.
	Unclear
	// LikelyGRPC: it leads to a port for which only the port number speaks. Never ground for an error.
	LikelyGRPC
	// CertainGRPC: it leads to an exposed port, or is itself written for gRPC.
	CertainGRPC
)

// relevanceOf is that of what leads to an exposed port.
func relevanceOf(port *exposure.ExposedPort) Relevance {
	if port.Weak() {
		return LikelyGRPC
	}
	return CertainGRPC
}

// InScope reports whether lint has anything to say about what has this relevance.
func (p *Pass) InScope(of Relevance) bool { return p.All || of >= LikelyGRPC }

// LostInScope is speaks for faults that hide where the calls go: a gateway, destination or host that is not found.
func (p *Pass) LostInScope(of Relevance) bool { return p.All || of >= Unclear }

// LevelFor is the level of a finding: weak evidence is never ground for an error.
func (p *Pass) LevelFor(of Relevance, level Level) Level {
	if level == Error && of == LikelyGRPC && !p.All {
		return Warning
	}
	return level
}

// ServerInScope reports whether a server of a Gateway is on the way of gRPC calls: it is for gRPC by its protocol or port name,
// or a VirtualService leads from it to an exposed port.
func (p *Pass) ServerInScope(gateway *networking.Gateway, server *networkingapi.Server) bool {
	return p.InScope(p.ServerRelevance(gateway, server))
}

// GatewayInScope reports whether one of the Gateway's servers is on the way of gRPC calls.
func (p *Pass) GatewayInScope(gateway *networking.Gateway) bool {
	if p.All {
		return true
	}
	for _, server := range gateway.Spec.Servers {
		if p.ServerInScope(gateway, server) {
			return true
		}
	}
	return false
}

// VirtualServiceInScope reports whether one of the VirtualService's rules leads to an exposed port or matches gRPC methods.
func (p *Pass) VirtualServiceInScope(vs *networking.VirtualService) bool {
	return p.InScope(p.VirtualServiceRelevance(vs))
}

// RuleInScope says the same of one rule.
func (p *Pass) RuleInScope(rule *host.HTTPRule) bool { return p.InScope(p.RuleRelevance(rule)) }

// serviceInScope reports whether the Service has an exposed port.
func (p *Pass) serviceInScope(service *core.Service) bool {
	return p.All || service != nil && len(exposure.ExposedPortsOf(p.Snapshot, service)) > 0
}

// HostInScope reports whether the host of a DestinationRule in that namespace, a name or a wildcard, is that of a Service with
// an exposed port.
func (p *Pass) HostInScope(name, namespace string) bool {
	if p.All {
		return true
	}
	name = host.ResolveHost(name, namespace)
	if !strings.HasPrefix(name, "*") {
		service := host.ServiceByHost(p.Snapshot, name)
		return service != nil && p.serviceInScope(service)
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

// VirtualServiceRelevance is the greatest of its rules and routes.
func (p *Pass) VirtualServiceRelevance(vs *networking.VirtualService) Relevance {
	return mesh.Remember(p.Snapshot, relevanceMemory{vs}, func() Relevance {
		most := PlainHTTP
		for _, rule := range host.HTTPRules(p.Snapshot, vs) {
			most = max(most, p.RuleRelevance(rule))
		}
		return max(most, p.MostRelevant(vs, StreamDestinations(vs)))
	})
}

// MostRelevant is the greatest relevance of those destinations of a VirtualService.
func (p *Pass) MostRelevant(vs *networking.VirtualService, destinations []*networkingapi.Destination) Relevance {
	most := PlainHTTP
	for _, destination := range destinations {
		most = max(most, p.DestinationRelevance(host.ResolveDestination(p.Snapshot, destination, vs.Namespace)))
	}
	return most
}

// DestinationsOf are those of the routes of a kind that is not http.
func DestinationsOf(kind string, vs *networking.VirtualService) []*networkingapi.Destination {
	if kind == "tls" {
		return tlsDestinations(vs)
	}
	return tcpDestinations(vs)
}

// StreamDestinations are those of the tcp and tls routes.
func StreamDestinations(vs *networking.VirtualService) []*networkingapi.Destination {
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

// RuleRelevance is that of where an http rule leads, or of what it matches.
func (p *Pass) RuleRelevance(rule *host.HTTPRule) Relevance {
	return mesh.Remember(p.Snapshot, relevanceMemory{rule}, func() Relevance {
		if _, ok := rule.MatchesMethod(); ok {
			return CertainGRPC
		}
		most := PlainHTTP
		for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
			most = max(most, p.DestinationRelevance(destination))
		}
		switch {
		case most == Unclear && exposure.MatchesPlainHTTP(rule.Spec):
			return PlainHTTP
		case most == Unclear:
			if meant := p.meantRelevance(rule); meant > Unclear {
				return meant
			}
			if p.onlyPlainServers(rule.Root) || p.besidesPlainHTTP(rule) {
				return PlainHTTP
			}
		case most == PlainHTTP && p.missesPort(rule) && p.onGRPCServer(rule.Root):
			return CertainGRPC
		}
		return most
	})
}

// besidesPlainHTTP reports whether other destinations of the rule, or the Services whose callers in the mesh it is for, are known to
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
func (p *Pass) meantRelevance(rule *host.HTTPRule) Relevance {
	most := PlainHTTP
	for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
		if !IsLost(p, destination) {
			continue
		}
		if meant := ServicesMeant(p, destination.Spec.Host); len(meant) == 1 {
			destination.Service = meant[0]
			most = max(most, p.DestinationRelevance(destination))
		}
	}
	return most
}

// missesPort reports whether a destination has a number that is not one of its Service's ports, one of which may be gRPC: none says
// that it is something else.
func (p *Pass) missesPort(rule *host.HTTPRule) bool {
	return slices.ContainsFunc(host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace), func(destination host.Destination) bool {
		service, number := destination.Service, destination.Port
		return service != nil && number != 0 && !HasPort(service, number) &&
			slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool {
				protocol := workload.ServicePortProtocol(&port)
				return protocol == workload.ProtocolUnsupported || protocol.IsHTTP2()
			})
	})
}

// LostRelevance is that of a rule of a VirtualService whose destinations cannot be known: unclear, unless its servers or its other rules
// say what the calls are.
func (p *Pass) LostRelevance(vs *networking.VirtualService) Relevance {
	switch most := p.VirtualServiceRelevance(vs); {
	case most > PlainHTTP:
		return most
	case p.onGRPCServer(vs):
		return CertainGRPC
	case len(host.HTTPRules(p.Snapshot, vs)) > 0 || p.onlyPlainServers(vs):
		return PlainHTTP
	default:
		return Unclear
	}
}

// onGRPCServer reports whether one of the servers that take the VirtualService's hosts has protocol GRPC.
func (p *Pass) onGRPCServer(vs *networking.VirtualService) bool {
	return slices.ContainsFunc(BoundServers(p.Snapshot, vs), func(bound BoundServer) bool {
		return workload.ParseProtocol(bound.Server.GetPort().GetProtocol()) == workload.ProtocolGRPC
	})
}

// DestinationRelevance judges where a route leads. A port that the Service does not have, or none where it has several, is
// taken for any of the Service's.
func (p *Pass) DestinationRelevance(destination host.Destination) Relevance {
	service := destination.Service
	if service == nil {
		return p.entryRelevance(destination)
	}
	most := PlainHTTP
	known := HasPort(service, destination.Port)
	if service.Spec.Type == core.ServiceTypeExternalName {
		target := host.Destination{Host: service.Spec.ExternalName, Port: destination.Port}
		// Another port of the target says nothing about one that the Service itself declares.
		if !known || len(host.ServiceEntriesByHost(p.Snapshot, target.Host)) == 0 || slices.Contains(DestinationPorts(p, target), target.Port) {
			most = p.entryRelevance(target)
		}
	}
	for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, service) {
		switch {
		case known && exposed.Port.Port != destination.Port:
		case exposed.Weak():
			most = max(most, LikelyGRPC)
		default:
			return CertainGRPC
		}
	}
	return most
}

// entryRelevance judges a destination that is no Service, in the same way.
func (p *Pass) entryRelevance(destination host.Destination) Relevance {
	entries := host.ServiceEntriesByHost(p.Snapshot, destination.Host)
	if len(entries) == 0 {
		return Unclear
	}
	known := slices.Contains(DestinationPorts(p, destination), destination.Port)
	for _, entry := range entries {
		for _, port := range entry.Spec.Ports {
			if (!known || destination.Port == int32(port.GetNumber())) && workload.ParseProtocol(port.GetProtocol()).IsGRPC() {
				return CertainGRPC
			}
		}
	}
	return PlainHTTP
}

// HasPort reports whether the Service has a port of that number.
func HasPort(service *core.Service, number int32) bool {
	for _, port := range service.Spec.Ports {
		if port.Port == number {
			return true
		}
	}
	return false
}

// onlyPlainServers reports whether all servers that take the VirtualService's hosts have protocol HTTP and no other sign of gRPC.
func (p *Pass) onlyPlainServers(vs *networking.VirtualService) bool {
	found := false
	for _, bound := range BoundServers(p.Snapshot, vs) {
		if protocol := workload.ParseProtocol(bound.Server.GetPort().GetProtocol()); protocol != workload.ProtocolHTTP || isForGRPC(bound.Server) {
			return false
		}
		found = true
	}
	return found
}

// isForGRPC reports whether a server is for gRPC by its protocol or the name of its port.
func isForGRPC(server *networkingapi.Server) bool {
	return workload.ParseProtocol(server.GetPort().GetProtocol()).IsGRPC() || exposure.HasGRPCToken(server.GetPort().GetName())
}
