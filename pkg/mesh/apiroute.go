package mesh

import (
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
)

// APIRoute is a GRPCRoute or HTTPRoute of the Gateway API, in one shape.
type APIRoute struct {
	// Object is the GRPCRoute or HTTPRoute itself.
	Object Object
	Key    Key
	// Hostnames are the route's own; none means any.
	Hostnames []string
	Parents   []gatewayapi.ParentReference
	Backends  []APIBackend
	// Status is what controllers said of it, by parent.
	Status []gatewayapi.RouteParentStatus
}

// APIBackend is a backendRef and where it stands: spec.rules[Rule].backendRefs[Index].
type APIBackend struct {
	Rule, Index int
	Reference   gatewayapi.BackendObjectReference
}

// IsService says that the reference is to a Kubernetes Service, which is what one without group and kind means.
func (b APIBackend) IsService() bool {
	return refersTo(b.Reference.Group, b.Reference.Kind, "", "Service", "Service")
}

// Namespace is the backend's: that of the route, unless the reference names another.
func (b APIBackend) Namespace(route *APIRoute) string {
	if b.Reference.Namespace != nil {
		return string(*b.Reference.Namespace)
	}
	return route.Key.Namespace
}

// GRPC says that the route is a GRPCRoute.
func (r *APIRoute) GRPC() bool { return r.Key.Kind == KindGRPCRoute }

type apiRoutesMemory struct{}

// APIRoutes are all GRPCRoutes and then all HTTPRoutes, each by namespace and name.
func (s *Snapshot) APIRoutes() []*APIRoute {
	s.read(KindGRPCRoute)
	s.read(KindHTTPRoute)
	return remember(s, apiRoutesMemory{}, func() []*APIRoute {
		var routes []*APIRoute
		for _, route := range s.GRPCRoutes().All() {
			routes = append(routes, apiRouteOfGRPC(route))
		}
		for _, route := range s.HTTPRoutes().All() {
			routes = append(routes, apiRouteOfHTTP(route))
		}
		return routes
	})
}

func apiRouteOfGRPC(route *gatewayapi.GRPCRoute) *APIRoute {
	r := &APIRoute{
		Object: route, Key: KeyOf(route), Hostnames: hostnames(route.Spec.Hostnames),
		Parents: route.Spec.ParentRefs, Status: route.Status.Parents,
	}
	for i, rule := range route.Spec.Rules {
		for j, backend := range rule.BackendRefs {
			r.Backends = append(r.Backends, APIBackend{Rule: i, Index: j, Reference: backend.BackendObjectReference})
		}
	}
	return r
}

func apiRouteOfHTTP(route *gatewayapi.HTTPRoute) *APIRoute {
	r := &APIRoute{
		Object: route, Key: KeyOf(route), Hostnames: hostnames(route.Spec.Hostnames),
		Parents: route.Spec.ParentRefs, Status: route.Status.Parents,
	}
	for i, rule := range route.Spec.Rules {
		for j, backend := range rule.BackendRefs {
			r.Backends = append(r.Backends, APIBackend{Rule: i, Index: j, Reference: backend.BackendObjectReference})
		}
	}
	return r
}

func hostnames(names []gatewayapi.Hostname) []string {
	texts := make([]string, 0, len(names))
	for _, name := range names {
		texts = append(texts, string(name))
	}
	return texts
}

// refersTo says that a reference's group and kind mean that group and kind; kindless references mean byDefault.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon (NormalizeReference).
func refersTo(group *gatewayapi.Group, kind *gatewayapi.Kind, wantGroup, wantKind, byDefault string) bool {
	haveKind := byDefault
	if kind != nil && *kind != "" {
		haveKind = string(*kind)
	}
	haveGroup := wantGroup
	if group != nil {
		haveGroup = string(*group)
	}
	return haveKind == wantKind && haveGroup == wantGroup
}
