package gatewayapi

import (
	"slices"

	core "k8s.io/api/core/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// RouteBackend is a Service port that a GRPCRoute or HTTPRoute attached to a Gateway leads to.
type RouteBackend struct {
	Route   mesh.Object
	Service *core.Service
	Port    int32
	GRPC    bool
	// Gateways are those of Istio's that take the route, by a listener of their own or of a ListenerSet: the former in the order of
	// its parentRefs, then the latter.
	Gateways []*gatewayapi.Gateway
	// Listeners are those of the Gateways, and of their ListenerSets, that do.
	Listeners []AttachedListener
}

// AttachedListener is a listener that takes a route.
type AttachedListener struct {
	Gateway  *gatewayapi.Gateway
	Listener *gatewayapi.Listener
	// Set is the ListenerSet that has the listener, nil where it is the Gateway's own.
	Set *gatewayapi.ListenerSet
}

type routeBackendIndex struct {
	all    []RouteBackend
	byPort map[workload.ServicePort][]RouteBackend
}

type routeBackendsMemory struct{}

// RouteBackends are all of them, by route; references without a grant, to ports that do not exist, and routes that no
// Gateway of Istio's takes are left out.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildDestination, filteredReferences).
func RouteBackends(s *mesh.Snapshot) []RouteBackend { return routeBackends(s).all }

// RouteBackendsTo are those of one Service port.
func RouteBackendsTo(s *mesh.Snapshot, service *core.Service, port int32) []RouteBackend {
	return routeBackends(s).byPort[workload.ServicePort{Service: mesh.KeyOf(service), Port: port}]
}

func routeBackends(s *mesh.Snapshot) *routeBackendIndex {
	routes := APIRoutes(s)
	return mesh.Remember(s, routeBackendsMemory{}, func() *routeBackendIndex {
		index := &routeBackendIndex{byPort: map[workload.ServicePort][]RouteBackend{}}
		for _, route := range routes {
			listeners := attachedListeners(s, route)
			if len(listeners) == 0 {
				continue
			}
			for _, backend := range route.Backends {
				service, port, ok := BackendService(s, route, backend)
				if !ok || !Granted(s, BackendReference(route, backend)) {
					continue
				}
				found := RouteBackend{
					Route: route.Object, Service: service, Port: port.Port, GRPC: route.GRPC(),
					Gateways: gatewaysOf(listeners), Listeners: listeners,
				}
				at := workload.ServicePort{Service: mesh.KeyOf(service), Port: port.Port}
				index.all = append(index.all, found)
				index.byPort[at] = append(index.byPort[at], found)
			}
		}
		return index
	})
}

func attachedListeners(s *mesh.Snapshot, route *APIRoute) []AttachedListener {
	var listeners []AttachedListener
	found := map[AttachedListener]bool{} // a route may name 32 Gateways, each with 64 listeners
	for _, parent := range append(GatewayParents(s, route), ListenerSetParents(s, route)...) {
		if parent.Gateway == nil || !IsIstioIngress(s, parent.Gateway) {
			continue
		}
		for _, match := range parent.Listeners {
			attached := AttachedListener{Gateway: parent.Gateway, Listener: match.Listener}
			if parent.Set != nil {
				attached.Set = parent.Set.Object
			}
			if match.Attachment == Attached && !found[attached] {
				found[attached] = true
				listeners = append(listeners, attached)
			}
		}
	}
	return listeners
}

func gatewaysOf(listeners []AttachedListener) []*gatewayapi.Gateway {
	var gateways []*gatewayapi.Gateway
	for _, attached := range listeners {
		if !slices.Contains(gateways, attached.Gateway) {
			gateways = append(gateways, attached.Gateway)
		}
	}
	return gateways
}

// BackendService is the Service and port that a backendRef names; ok is false where it names another kind, no port, or what
// does not exist (service is nil, or port is). A Hostname may name a Service as well; with a namespace beside it istiod takes none.
func BackendService(s *mesh.Snapshot, route *APIRoute, backend APIBackend) (service *core.Service, port *core.ServicePort, ok bool) {
	switch {
	case backend.Reference.Port == nil:
	case backend.IsService():
		service, _ = s.Services().Get(backend.Namespace(route), string(backend.Reference.Name))
	case backend.IsHostname() && backend.Reference.Namespace == nil:
		service = host.ServiceByHost(s, string(backend.Reference.Name))
	}
	if service == nil {
		return nil, nil, false
	}
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].Port == *backend.Reference.Port {
			return service, &service.Spec.Ports[i], true
		}
	}
	return service, nil, false
}
