package mesh

import (
	"fmt"

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
	found := leads{evidence: s.meshMatches()[at]}
	for _, route := range s.RoutesTo(service, port) {
		found.routed = true
		if route.Server != nil && ParseProtocol(route.Server.Spec.GetPort().GetProtocol()) == ProtocolGRPC {
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
		if backend.GRPC {
			found.evidence = append(found.evidence, Evidence{KeyOf(backend.Route).String() + " leads to it", EvidenceRoute})
		} else if path, ok := httpRouteMatchesMethod(backend); ok {
			found.evidence = append(found.evidence, Evidence{fmt.Sprintf("%s matches %s", KeyOf(backend.Route), path), EvidenceRoute})
		}
	}
	return found
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
