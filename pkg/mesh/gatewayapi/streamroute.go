package gatewayapi

import (
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

type streamRoutesMemory struct{}

// StreamRoutes are all TCPRoutes and then all TLSRoutes, each by namespace and name. For them a gateway passes connections on, and reads no
// calls.
func StreamRoutes(s *mesh.Snapshot) []*APIRoute {
	s.Read(mesh.KindTCPRoute)
	s.Read(mesh.KindTLSRoute)
	return mesh.Remember(s, streamRoutesMemory{}, func() []*APIRoute {
		var routes []*APIRoute
		add := func(route *APIRoute, rules [][]gatewayapi.BackendRef) {
			for i, backends := range rules {
				for j, backend := range backends {
					route.addBackend(i, j, backend)
				}
			}
			routes = append(routes, route)
		}
		for _, route := range s.TCPRoutes().All() {
			var rules [][]gatewayapi.BackendRef
			for _, rule := range route.Spec.Rules {
				rules = append(rules, rule.BackendRefs)
			}
			add(&APIRoute{Object: route, Key: mesh.KeyOf(route), Parents: route.Spec.ParentRefs, Status: route.Status.Parents}, rules)
		}
		for _, route := range s.TLSRoutes().All() {
			var rules [][]gatewayapi.BackendRef
			for _, rule := range route.Spec.Rules {
				rules = append(rules, rule.BackendRefs)
			}
			add(&APIRoute{
				Object: route, Key: mesh.KeyOf(route), Hostnames: hostnames(route.Spec.Hostnames), Parents: route.Spec.ParentRefs, Status: route.Status.Parents,
			}, rules)
		}
		return routes
	})
}
