package gatewayapi

import (
	"slices"

	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// APIRoute is a GRPCRoute or HTTPRoute of the Gateway API, in one shape.
type APIRoute struct {
	// Object is the GRPCRoute or HTTPRoute itself.
	Object mesh.Object
	Key    mesh.Key
	// Hostnames are the route's own; none means any.
	Hostnames []string
	Parents   []gatewayapi.ParentReference
	// Backends are those that take calls, and StandBy the ones of weight 0, which istiod leaves out.
	Backends, StandBy []APIBackend
	// Mirrors are where filters copy calls to. A GRPCRoute of which one is not found is not served at all, while an HTTPRoute
	// does without: its are left out.
	// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (convertGRPCRoute, convertHTTPRoute).
	Mirrors []APIBackend
	// Status is what controllers said of it, by parent.
	Status []gatewayapi.RouteParentStatus
}

// APIBackend is a backendRef and where it stands: spec.rules[Rule].backendRefs[Index], or, of a mirror,
// spec.rules[Rule].filters[Index].requestMirror.backendRef.
type APIBackend struct {
	Rule, Index int
	Mirror      bool
	// Weight is its share of the calls beside the rule's other backends.
	Weight    int32
	Reference gatewayapi.BackendObjectReference
}

// IsService reports whether the reference is to a Kubernetes Service, which is what one without group and kind means.
func (b APIBackend) IsService() bool {
	return refersTo(b.Reference.Group, b.Reference.Kind, "", "Service", "Service")
}

// IsHostname reports whether the reference is to the host of a Service or ServiceEntry, by its full name.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildDestination).
func (b APIBackend) IsHostname() bool {
	return workload.ValueOr(b.Reference.Group, "") == gatewayapi.Group(mesh.KindServiceEntry.Info().Group) && workload.ValueOr(b.Reference.Kind, "") == "Hostname"
}

// IsKnownKind reports whether istiod routes gRPC calls to backends of this kind.
// Whether it routes to an InferencePool depends on a setting.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildDestination).
func (b APIBackend) IsKnownKind() bool {
	group, kind := workload.ValueOr(b.Reference.Group, ""), workload.ValueOr(b.Reference.Kind, "")
	return b.IsService() || b.IsHostname() || group == "multicluster.x-k8s.io" && kind == "ServiceImport" ||
		group == "inference.networking.k8s.io" && kind == "InferencePool"
}

// Namespace is the backend's: that of the route, unless the reference names another.
func (b APIBackend) Namespace(route *APIRoute) string {
	if b.Reference.Namespace != nil {
		return string(*b.Reference.Namespace)
	}
	return route.Key.Namespace
}

// GRPC reports whether the route is a GRPCRoute.
func (r *APIRoute) GRPC() bool { return r.Key.Kind == mesh.KindGRPCRoute }

// ForGateways reports whether one of the parents is no Service or ServiceEntry: those are of routes for callers in the mesh.
func (r *APIRoute) ForGateways() bool {
	return slices.ContainsFunc(r.Parents, func(parent gatewayapi.ParentReference) bool {
		return parent.Kind == nil || *parent.Kind != "Service" && *parent.Kind != "ServiceEntry"
	})
}

type apiRoutesMemory struct{}

// APIRoutes are all GRPCRoutes and then all HTTPRoutes, each by namespace and name.
func APIRoutes(s *mesh.Snapshot) []*APIRoute {
	s.Read(mesh.KindGRPCRoute)
	s.Read(mesh.KindHTTPRoute)
	return mesh.Remember(s, apiRoutesMemory{}, func() []*APIRoute {
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
		Object: route, Key: mesh.KeyOf(route), Hostnames: hostnames(route.Spec.Hostnames),
		Parents: route.Spec.ParentRefs, Status: route.Status.Parents,
	}
	for i, rule := range route.Spec.Rules {
		for j, backend := range rule.BackendRefs {
			r.addBackend(i, j, backend.BackendRef)
		}
		for j, filter := range rule.Filters {
			if filter.Type == gatewayapi.GRPCRouteFilterRequestMirror && filter.RequestMirror != nil {
				r.Mirrors = append(r.Mirrors, APIBackend{Rule: i, Index: j, Mirror: true, Reference: filter.RequestMirror.BackendRef})
			}
		}
	}
	return r
}

func apiRouteOfHTTP(route *gatewayapi.HTTPRoute) *APIRoute {
	r := &APIRoute{
		Object: route, Key: mesh.KeyOf(route), Hostnames: hostnames(route.Spec.Hostnames),
		Parents: route.Spec.ParentRefs, Status: route.Status.Parents,
	}
	for i, rule := range route.Spec.Rules {
		for j, backend := range rule.BackendRefs {
			r.addBackend(i, j, backend.BackendRef)
		}
	}
	return r
}

// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildGRPCDestination, buildHTTPDestination), for the weight.
func (r *APIRoute) addBackend(rule, index int, backend gatewayapi.BackendRef) {
	found := APIBackend{Rule: rule, Index: index, Weight: workload.ValueOr(backend.Weight, 1), Reference: backend.BackendObjectReference}
	if found.Weight == 0 {
		r.StandBy = append(r.StandBy, found)
	} else {
		r.Backends = append(r.Backends, found)
	}
}

func hostnames(names []gatewayapi.Hostname) []string {
	texts := make([]string, 0, len(names))
	for _, name := range names {
		texts = append(texts, string(name))
	}
	return texts
}

// refersTo reports whether a reference's group and kind mean that group and kind; kindless references mean byDefault.
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
