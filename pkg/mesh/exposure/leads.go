package exposure

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// leads is what the routes that end at a Service port say of it.
type leads struct {
	evidence []Evidence
	// routed: one of the routes begins at a gateway.
	routed bool
	// others are the objects of other namespaces that say some of the evidence.
	others []mesh.Key
}

// say adds what some objects together say of a port of that namespace.
func (l *leads) say(namespace string, evidence Evidence, by ...mesh.Object) {
	l.evidence = append(l.evidence, evidence)
	for _, object := range by {
		if object.GetNamespace() != namespace && !slices.Contains(l.others, mesh.KeyOf(object)) {
			l.others = append(l.others, mesh.KeyOf(object))
		}
	}
}

// leadsTo puts together what gateways and VirtualServices say of a Service port. What is said in another namespace counts only
// where it makes a gateway send calls to the port: the route is on the gateway, which sees the Service.
func leadsTo(s *mesh.Snapshot, service *core.Service, port int32) leads {
	at := workload.ServicePort{Service: mesh.KeyOf(service), Port: port}
	found := leads{evidence: slices.Concat(meshMatches(s)[at], grpcRouteClaims(s)[at])}
	for _, claim := range providerClaims(s)[at] {
		found.say(service.Namespace, claim.evidence, claim.by)
	}
	for _, route := range gateway.RoutesTo(s, service, port) {
		found.routed = true
		isOwn := route.Holder.Namespace == service.Namespace && route.VirtualService.Namespace == service.Namespace
		if workload := route.Server.Workload; !isOwn && workload != nil && !host.ServiceVisibleTo(s, service, workload.Namespace) {
			continue
		}
		if serverSpeaksFor(s, route, service, port) {
			found.say(service.Namespace, serverEvidence(route), route.Server.Gateway, route.VirtualService, route.Holder)
		}
		if path, ok := host.RuleMatchesMethod(s, route.Spec); ok {
			found.say(service.Namespace, matchEvidence(route, path), route.Holder, route.VirtualService)
		}
	}
	for _, backend := range gatewayapi.RouteBackendsTo(s, service, port) {
		found.routed = true
		isOwn := backend.Route.GetNamespace() == service.Namespace
		if !isOwn && !slices.ContainsFunc(backend.Gateways, func(g *gatewayv1.Gateway) bool { return host.ServiceVisibleTo(s, service, g.Namespace) }) {
			continue
		}
		if backend.GRPC && !isOwn { // one of the Service's own namespace is among the claims
			found.say(service.Namespace, grpcRouteEvidence(backend.Route), backend.Route)
		}
		if path, ok := httpRouteMatchesMethod(backend); ok {
			found.say(service.Namespace, Evidence{fmt.Sprintf("%s matches %s", mesh.KeyOf(backend.Route), path), EvidenceRoute}, backend.Route)
		}
	}
	return found
}

func grpcRouteEvidence(route mesh.Object) Evidence {
	return Evidence{mesh.KeyOf(route).String() + " leads to it", EvidenceRoute}
}

type grpcRouteClaimsMemory struct{}

// grpcRouteClaims is the evidence of GRPCRoutes in the Service's own namespace, those that no Gateway takes included: their
// backends are meant to be gRPC.
func grpcRouteClaims(s *mesh.Snapshot) map[workload.ServicePort][]Evidence {
	routes := gatewayapi.APIRoutes(s)
	return mesh.Remember(s, grpcRouteClaimsMemory{}, func() map[workload.ServicePort][]Evidence {
		byPort := map[workload.ServicePort][]Evidence{}
		for _, route := range routes {
			if !route.GRPC() {
				continue
			}
			for _, backend := range route.Backends {
				if service, port, ok := gatewayapi.BackendService(s, route, backend); ok && service.Namespace == route.Key.Namespace {
					at := workload.ServicePort{Service: mesh.KeyOf(service), Port: port.Port}
					byPort[at] = append(byPort[at], grpcRouteEvidence(route.Object))
				}
			}
		}
		return byPort
	})
}

// serverSpeaksFor reports whether a Gateway server with protocol GRPC makes the port, to which the route leads from it, a gRPC one.
// Such a server carries plain HTTP as well (istiod merges the two), so it does not speak for a port that a probe calls by
// HTTP/1.1, nor by a match that is for plain HTTP, nor by a route that leaves the port to the server's number. Where another port
// of the Service, or of what another rule on the same host of the server leads to, shows gRPC by itself, it does not speak for a
// port that has the name of another protocol, in the Service or in the pods: that is the neighbour.
func serverSpeaksFor(s *mesh.Snapshot, route *gateway.GatewayRoute, service *core.Service, number int32) bool {
	if !onGRPCServer(route) || isPlainHTTP(route.MatchSpec()) || !namesPort(s, route, service, number) {
		return false
	}
	port := portNumbered(service, number)
	if port == nil {
		return false
	}
	namedOtherwise := saysOtherwise(workload.ServicePortProtocol(port))
	for _, template := range workload.TemplatesBehind(s, service) {
		target, _, ok := workload.TargetPort(port, template)
		if ok && (isProbedByHTTP(template, target) || namedOtherwise && !isSeen(template)) {
			return false
		}
		namedOtherwise = namedOtherwise || ok && isNamedForHTTP(template, target)
	}
	return !namedOtherwise || len(ownEvidenceOf(s, service, port)) > 0 || !showsGRPC(s, service) && !hasGRPCNeighbour(s, route)
}

// namesPort reports whether a destination of the route leads to the port by its own number, or because the Service has no other.
func namesPort(s *mesh.Snapshot, route *gateway.GatewayRoute, service *core.Service, number int32) bool {
	return slices.ContainsFunc(host.ServiceDestinations(s, route.Spec, route.Holder.Namespace), func(destination host.Destination) bool {
		return mesh.KeyOf(destination.Service) == mesh.KeyOf(service) && destination.Port == number
	})
}

// showsGRPC reports whether a port of the Service is gRPC by its own evidence or its pods'.
func showsGRPC(s *mesh.Snapshot, service *core.Service) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool { return len(ownEvidenceOf(s, service, &port)) > 0 })
}

// isSeen reports whether the shape of the pods is known: of those that are read as metadata only it is not.
func isSeen(template *core.PodTemplateSpec) bool { return len(template.Spec.Containers) > 0 }

// serverHost is a host that a Gateway server names, in lower case, or all that its wildcards take together.
type serverHost struct {
	server *networkingapi.Server
	host   string
}

func serverHostOf(route *gateway.GatewayRoute) serverHost {
	named := slices.ContainsFunc(route.Server.Spec.GetHosts(), func(host string) bool {
		return strings.EqualFold(host[strings.LastIndexByte(host, '/')+1:], route.Host)
	})
	if !named {
		return serverHost{route.Server.Spec, "*"}
	}
	return serverHost{route.Server.Spec, route.Host}
}

type grpcNeighboursMemory struct{}

// hasGRPCNeighbour reports whether another rule on the same host of the route's server leads to a port that is, or for all that can be
// seen may be, gRPC by evidence of its own.
func hasGRPCNeighbour(s *mesh.Snapshot, route *gateway.GatewayRoute) bool {
	rules := mesh.Remember(s, grpcNeighboursMemory{}, func() map[serverHost][]*networkingapi.HTTPRoute {
		rules := map[serverHost][]*networkingapi.HTTPRoute{}
		showsGRPC := map[workload.ServicePort]bool{}
		eachDestination(s, func(route *gateway.GatewayRoute, destination host.Destination) {
			if !onGRPCServer(route) {
				return
			}
			// Two rules are enough to know one that is another.
			on := serverHostOf(route)
			if len(rules[on]) > 1 || slices.Contains(rules[on], route.Spec) {
				return
			}
			at := workload.ServicePort{Service: mesh.KeyOf(destination.Service), Port: route.PortOf(destination)}
			shows, known := showsGRPC[at]
			if !known {
				shows = mayShowGRPC(s, destination.Service, at.Port)
				showsGRPC[at] = shows
			}
			if _, matches := host.RuleMatchesMethod(s, route.Spec); shows || matches {
				rules[on] = append(rules[on], route.Spec)
			}
		})
		return rules
	})[serverHostOf(route)]
	return slices.ContainsFunc(rules, func(rule *networkingapi.HTTPRoute) bool { return rule != route.Spec })
}

func mayShowGRPC(s *mesh.Snapshot, service *core.Service, number int32) bool {
	port := portNumbered(service, number)
	if port == nil {
		return false
	}
	unseen := func(template *core.PodTemplateSpec) bool { return !isSeen(template) }
	return len(ownEvidenceOf(s, service, port)) > 0 || slices.ContainsFunc(workload.TemplatesBehind(s, service), unseen)
}

// isPlainHTTP reports whether a match is for something else than gRPC calls: for another method than POST, or for a path that has
// nothing of a gRPC service.
func isPlainHTTP(match *networkingapi.HTTPMatchRequest) bool {
	method := match.GetMethod().GetExact()
	return method != "" && method != "POST" || !MayNameService(match.GetUri().GetExact()+match.GetUri().GetPrefix())
}

// MatchesPlainHTTP reports whether each of the rule's matches is for plain HTTP.
func MatchesPlainHTTP(rule *networkingapi.HTTPRoute) bool {
	return len(rule.Match) > 0 && !slices.ContainsFunc(rule.Match, func(match *networkingapi.HTTPMatchRequest) bool { return !isPlainHTTP(match) })
}

// MayNameService reports whether a path, or the prefix of one, may begin with the name of a gRPC service.
func MayNameService(path string) bool {
	service, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return service == "" || strings.Contains(service, ".") || service[0] >= 'A' && service[0] <= 'Z'
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
func saysOtherwise(protocol workload.Protocol) bool {
	return protocol != workload.ProtocolUnsupported && !protocol.IsHTTP2()
}

// isNamedForHTTP reports whether the port of the pods has the name of another protocol of the web.
func isNamedForHTTP(template *core.PodTemplateSpec, number int32) bool {
	return slices.ContainsFunc(workload.ServingContainers(&template.Spec), func(container *core.Container) bool {
		prefix, _, _ := strings.Cut(nameOfPort(container, number), "-")
		protocol := workload.ParseProtocol(prefix)
		return protocol == workload.ProtocolHTTP || protocol == workload.ProtocolHTTPS
	})
}

// isProbedByHTTP reports whether a probe calls the port of the pods by HTTP/1.1.
func isProbedByHTTP(template *core.PodTemplateSpec, number int32) bool {
	for _, container := range workload.ServingContainers(&template.Spec) {
		name := nameOfPort(container, number)
		for _, probe := range probesOf(container) {
			if get := probe.probe.HTTPGet; get != nil && (get.Port.IntVal == number || name != "" && get.Port.StrVal == name) {
				return true
			}
		}
	}
	return false
}

// isProbedByPlainHTTP reports whether a probe calls the port of the pods by HTTP/1.1 without TLS: the server is then an HTTP server. One
// that a gRPC probe calls as well serves both.
func isProbedByPlainHTTP(template *core.PodTemplateSpec, number int32) bool {
	found := false
	for _, container := range workload.ServingContainers(&template.Spec) {
		name := nameOfPort(container, number)
		for _, probe := range probesOf(container) {
			if call := probe.probe.GRPC; call != nil && call.Port == number {
				return false
			}
			get := probe.probe.HTTPGet
			found = found || get != nil && get.Scheme != core.URISchemeHTTPS && (get.Port.IntVal == number || name != "" && get.Port.StrVal == name)
		}
	}
	return found
}

// nameOfPort is the name that a container gives to a port, empty where it gives none.
func nameOfPort(container *core.Container, number int32) string {
	declared := workload.ContainerPort(container, func(p *core.ContainerPort) bool { return p.ContainerPort == number })
	if declared == nil {
		return ""
	}
	return declared.Name
}

// eachDestination goes through all destinations of all gateway routes that are Services.
func eachDestination(s *mesh.Snapshot, visit func(*gateway.GatewayRoute, host.Destination)) {
	for _, name := range gateway.AllVirtualHosts(s) {
		for _, route := range name.Routes {
			for _, destination := range host.ServiceDestinations(s, route.Spec, route.Holder.Namespace) {
				visit(route, destination)
			}
		}
	}
}

// httpRouteMatchesMethod gives the path of a gRPC service on which the HTTPRoute leads to the backend.
func httpRouteMatchesMethod(backend gatewayapi.RouteBackend) (path string, ok bool) {
	route, isHTTP := backend.Route.(*gatewayv1.HTTPRoute)
	if !isHTTP {
		return "", false
	}
	for _, rule := range route.Spec.Rules {
		leadsThere := false
		for _, ref := range rule.BackendRefs {
			leadsThere = leadsThere || string(ref.Name) == backend.Service.Name && ref.Port != nil && *ref.Port == backend.Port
		}
		for _, match := range rule.Matches {
			if leadsThere && match.Path != nil && match.Path.Value != nil && host.IsMethodPath(*match.Path.Value) {
				return *match.Path.Value, true
			}
		}
	}
	return "", false
}

type meshMatchesMemory struct{}

// meshMatches is the evidence of VirtualServices that no gateway serves, for Services of their own namespace: their rules are for
// callers in the mesh, and say as much about the port.
func meshMatches(s *mesh.Snapshot) map[workload.ServicePort][]Evidence {
	return mesh.Remember(s, meshMatchesMemory{}, func() map[workload.ServicePort][]Evidence {
		byPort := map[workload.ServicePort][]Evidence{}
		for _, virtualService := range s.VirtualServices().All() {
			addMeshMatches(s, byPort, virtualService)
		}
		return byPort
	})
}

func addMeshMatches(s *mesh.Snapshot, byPort map[workload.ServicePort][]Evidence, virtualService *networking.VirtualService) {
	for _, rule := range virtualService.Spec.GetHttp() {
		path, ok := host.MatchesMethod(rule.GetMatch())
		if !ok {
			continue
		}
		for _, route := range rule.GetRoute() {
			name := host.ResolveHost(route.GetDestination().GetHost(), virtualService.Namespace)
			service := host.ServiceByHost(s, name)
			if service == nil || service.Namespace != virtualService.Namespace {
				continue
			}
			number := int32(route.GetDestination().GetPort().GetNumber())
			if number == 0 && len(service.Spec.Ports) == 1 {
				number = service.Spec.Ports[0].Port
			}
			at := workload.ServicePort{Service: mesh.KeyOf(service), Port: number}
			byPort[at] = append(byPort[at], Evidence{fmt.Sprintf("%s matches %s", mesh.KeyOf(virtualService), path), EvidenceRoute})
		}
	}
}
