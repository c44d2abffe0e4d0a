package gatewayapi

import (
	"fmt"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// parentField is the path of a field of a route's parentRef.
func parentField(parent gatewayapi.RouteParent, field string) plan.Path {
	return plan.PathOf("spec", "parentRefs", parent.Index, field)
}

// backendField is the path of a field of a route's backendRef; without a field, of the backendRef itself.
func backendField(backend gatewayapi.APIBackend, field ...any) plan.Path {
	steps := []any{"spec", "rules", backend.Rule, "backendRefs", backend.Index}
	if backend.Mirror {
		steps = []any{"spec", "rules", backend.Rule, "filters", backend.Index, "requestMirror", "backendRef"}
	}
	return plan.PathOf(append(steps, field...)...)
}

// routeParents are what the route's references to Gateways and to ListenerSets lead to.
func routeParents(p *checks.Pass, route *gatewayapi.APIRoute) []gatewayapi.RouteParent {
	return append(gatewayapi.GatewayParents(p.Snapshot, route), gatewayapi.ListenerSetParents(p.Snapshot, route)...)
}

// listenerText names a listener in a message.
func listenerText(owner mesh.Object, listener *gatewayv1.Listener) string {
	return fmt.Sprintf("listener %q of %s", listener.Name, ownerText(owner))
}

// ownerText names what has listeners: a Gateway or a ListenerSet.
func ownerText(owner mesh.Object) string {
	key := mesh.KeyOf(owner)
	return fmt.Sprintf("%s %s/%s", key.Kind.Info().Kind, key.Namespace, key.Name)
}

// ownerOf is the Gateway or ListenerSet that a reference names, nil where it does not exist.
func ownerOf(parent gatewayapi.RouteParent) mesh.Object {
	switch {
	case parent.Set != nil:
		return parent.Set.Object
	case parent.Gateway != nil:
		return parent.Gateway
	}
	return nil
}

// listenerBeside names the first listener of the parent's Gateway that would take the route if the reference named it, with its port;
// empty where there is none.
func listenerBeside(p *checks.Pass, route *gatewayapi.APIRoute, parent gatewayapi.RouteParent) string {
	whole := parent.Reference
	whole.SectionName, whole.Port = nil, nil
	attached := *route
	attached.Parents = []gatewayv1.ParentReference{whole}
	for _, match := range routeParents(p, &attached)[0].Listeners {
		if match.Attachment == gatewayapi.Attached {
			return fmt.Sprintf("%s (port %d)", listenerText(ownerOf(parent), match.Listener), match.Listener.Port)
		}
	}
	return ""
}

// routeNotServed is what a gRPC client sees of a route that no listener takes.
const routeNotServed = "UNIMPLEMENTED: the gateway answers 404, or UNAVAILABLE where it has no listener at all"

// apiRouteReads are the kinds on which checks of the Gateway API's routes rest, and apiRouteConsults what says besides whether
// a route is one of gRPC.
var (
	apiRouteReads    = []mesh.Kind{mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindKubernetesGateway}
	apiRouteConsults = checks.WithoutKinds(slices.Concat(checks.PolicyConsults(), checks.ExposureReads), apiRouteReads...)
)
