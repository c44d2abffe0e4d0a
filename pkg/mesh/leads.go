package mesh

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
)

// leads is what the routes that end at a Service port say of it.
type leads struct {
	evidence []Evidence
	// routed: one of the routes begins at a gateway.
	routed bool
}

// leadsTo puts together what gateways and VirtualServices say of a Service port.
func (s *Snapshot) leadsTo(service *core.Service, port int32) leads {
	at := servicePort{KeyOf(service), port}
	found := leads{evidence: slices.Concat(s.meshMatches()[at], s.grpcRouteClaims()[at])}
	for _, route := range s.RoutesTo(service, port) {
		found.routed = true
		if s.serverSpeaksFor(route.Server, service, port) {
			found.evidence = append(found.evidence, Evidence{
				fmt.Sprintf("the server of %s that leads to it has protocol GRPC", KeyOf(route.Server.Gateway)), EvidenceRoute,
			})
		}
		if path, ok := matchesMethod(route.Spec.GetMatch()); ok {
			found.evidence = append(found.evidence, Evidence{
				fmt.Sprintf("%s matches %s", KeyOf(route.VirtualService), path), EvidenceRoute,
			})
		}
	}
	for _, backend := range s.RouteBackendsTo(service, port) {
		found.routed = true
		if path, ok := httpRouteMatchesMethod(backend); ok {
			found.evidence = append(found.evidence, Evidence{fmt.Sprintf("%s matches %s", KeyOf(backend.Route), path), EvidenceRoute})
		}
	}
	return found
}

type grpcRouteClaimsMemory struct{}

// grpcRouteClaims is the evidence of GRPCRoutes, those that no Gateway takes included: their backends are meant to be gRPC.
func (s *Snapshot) grpcRouteClaims() map[servicePort][]Evidence {
	routes := s.APIRoutes()
	return remember(s, grpcRouteClaimsMemory{}, func() map[servicePort][]Evidence {
		byPort := map[servicePort][]Evidence{}
		for _, route := range routes {
			if !route.GRPC() {
				continue
			}
			for _, backend := range route.Backends {
				if service, port, ok := s.BackendService(route, backend); ok {
					at := servicePort{KeyOf(service), port.Port}
					byPort[at] = append(byPort[at], Evidence{route.Key.String() + " leads to it", EvidenceRoute})
				}
			}
		}
		return byPort
	})
}

// serverSpeaksFor says whether a Gateway server with protocol GRPC makes the port a gRPC one. Such a server carries plain HTTP
// as well (istiod merges the two), so it does not speak for a port that a probe calls by HTTP/1.1, and where there are other
// ports, of the Service or behind the server, for one that has the name of another protocol, in the Service or in the pods.
func (s *Snapshot) serverSpeaksFor(server *Server, service *core.Service, number int32) bool {
	if server == nil || ParseProtocol(server.Spec.GetPort().GetProtocol()) != ProtocolGRPC {
		return false
	}
	port := portNumbered(service, number)
	if port == nil {
		return false
	}
	namesCount := s.portsBehind(server) > 1 || len(service.Spec.Ports) > 1
	if namesCount && saysOtherwise(ServicePortProtocol(port)) {
		return false
	}
	return !slices.ContainsFunc(s.templatesBehind(service), func(template *core.PodTemplateSpec) bool {
		target, _, ok := TargetPort(port, template)
		return ok && (isProbedByHTTP(template, target) || namesCount && isNamedForHTTP(template, target))
	})
}

func portNumbered(service *core.Service, number int32) *core.ServicePort {
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].Port == number {
			return &service.Spec.Ports[i]
		}
	}
	return nil
}

// saysOtherwise: a protocol is declared, and gRPC does not travel on it.
func saysOtherwise(protocol Protocol) bool {
	return protocol != ProtocolUnsupported && !protocol.IsHTTP2()
}

// isNamedForHTTP says that the port of the pods has the name of another protocol of the web.
func isNamedForHTTP(template *core.PodTemplateSpec, number int32) bool {
	return slices.ContainsFunc(servingContainers(&template.Spec), func(container *core.Container) bool {
		prefix, _, _ := strings.Cut(nameOfPort(container, number), "-")
		protocol := ParseProtocol(prefix)
		return protocol == ProtocolHTTP || protocol == ProtocolHTTPS
	})
}

// isProbedByHTTP says that a probe calls the port of the pods by HTTP/1.1.
func isProbedByHTTP(template *core.PodTemplateSpec, number int32) bool {
	for _, container := range servingContainers(&template.Spec) {
		name := nameOfPort(container, number)
		for _, probe := range probesOf(container) {
			if get := probe.probe.HTTPGet; get != nil && (get.Port.IntVal == number || name != "" && get.Port.StrVal == name) {
				return true
			}
		}
	}
	return false
}

// nameOfPort is the name that a container gives to a port, empty where it gives none.
func nameOfPort(container *core.Container, number int32) string {
	declared := containerPort(container, func(p *core.ContainerPort) bool { return p.ContainerPort == number })
	if declared == nil {
		return ""
	}
	return declared.Name
}

type portsBehindMemory struct{}

// portsBehind is the number of Service ports that a Gateway server leads to.
func (s *Snapshot) portsBehind(server *Server) int {
	return remember(s, portsBehindMemory{}, func() map[*networkingapi.Server]int {
		type arrival struct {
			server *networkingapi.Server
			at     servicePort
		}
		counts := map[*networkingapi.Server]int{}
		seen := map[arrival]bool{}
		s.eachDestination(func(route *GatewayRoute, destination Destination) {
			reached := arrival{route.Server.Spec, servicePort{KeyOf(destination.Service), route.PortOf(destination)}}
			if !seen[reached] {
				seen[reached] = true
				counts[reached.server]++
			}
		})
		return counts
	})[server.Spec]
}

// eachDestination goes through all destinations of all gateway routes that are Services.
func (s *Snapshot) eachDestination(visit func(*GatewayRoute, Destination)) {
	for _, host := range s.AllVirtualHosts() {
		for _, route := range host.Routes {
			for _, destination := range s.ServiceDestinations(route.Spec, route.Holder.Namespace) {
				visit(route, destination)
			}
		}
	}
}

// httpRouteMatchesMethod gives the path of a gRPC service on which the HTTPRoute leads to the backend.
func httpRouteMatchesMethod(backend RouteBackend) (path string, ok bool) {
	route, isHTTP := backend.Route.(*gatewayapi.HTTPRoute)
	if !isHTTP {
		return "", false
	}
	for _, rule := range route.Spec.Rules {
		leadsThere := false
		for _, ref := range rule.BackendRefs {
			leadsThere = leadsThere || string(ref.Name) == backend.Service.Name && ref.Port != nil && *ref.Port == backend.Port
		}
		for _, match := range rule.Matches {
			if leadsThere && match.Path != nil && match.Path.Value != nil && IsMethodPath(*match.Path.Value) {
				return *match.Path.Value, true
			}
		}
	}
	return "", false
}

type meshMatchesMemory struct{}

// meshMatches is the evidence of VirtualServices that no gateway serves: their rules are for callers in the mesh, and say as
// much about the port.
func (s *Snapshot) meshMatches() map[servicePort][]Evidence {
	return remember(s, meshMatchesMemory{}, func() map[servicePort][]Evidence {
		byPort := map[servicePort][]Evidence{}
		for _, virtualService := range s.VirtualServices().All() {
			s.addMeshMatches(byPort, virtualService)
		}
		return byPort
	})
}

func (s *Snapshot) addMeshMatches(byPort map[servicePort][]Evidence, virtualService *networking.VirtualService) {
	for _, rule := range virtualService.Spec.GetHttp() {
		path, ok := matchesMethod(rule.GetMatch())
		if !ok {
			continue
		}
		for _, route := range rule.GetRoute() {
			host := ResolveHost(route.GetDestination().GetHost(), virtualService.Namespace)
			service := s.ServiceByHost(host)
			if service == nil {
				continue
			}
			number := int32(route.GetDestination().GetPort().GetNumber())
			if number == 0 && len(service.Spec.Ports) == 1 {
				number = service.Spec.Ports[0].Port
			}
			at := servicePort{KeyOf(service), number}
			byPort[at] = append(byPort[at], Evidence{fmt.Sprintf("%s matches %s", KeyOf(virtualService), path), EvidenceRoute})
		}
	}
}
