package gatewayapi

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Attachment says how a listener takes a route.
type Attachment string

// The answers, from the best to the worst. A listener that a route does not name is no candidate at all.
const (
	Attached           Attachment = "attached"
	NamespaceShutOut   Attachment = "namespace" // the listener's allowedRoutes do not take routes of the namespace
	KindShutOut        Attachment = "kind"      // … or of the kind
	HostnamesDoNotMeet Attachment = "hostname"
	// HostnamesElsewhere: the listener says that it takes the route, and another listener on its port has all of the route's
	// hostnames more exactly. Calls for them go there, whether or not that one takes the route.
	HostnamesElsewhere Attachment = "isolation"
	// NotServed: the listener is one of a ListenerSet, and its Gateway does not admit that, or serves a listener ahead of it.
	NotServed Attachment = "not served"
)

// RouteParent is what one parentRef of a route leads to.
type RouteParent struct {
	Reference gatewayapi.ParentReference
	// Index is the reference's place in spec.parentRefs.
	Index int
	// Namespace and Name are those of the Gateway, or ListenerSet, that it names.
	Namespace, Name string
	// Set is the ListenerSet that it names, nil where it names a Gateway, or one that does not exist.
	Set *ListenerSet
	// Gateway is the one that it names, or that of the ListenerSet; nil where it does not exist.
	Gateway *gatewayapi.Gateway
	// Listeners are those that the reference names (by sectionName and port, else all), in their order.
	Listeners []ListenerMatch
}

// ListenerMatch is a listener and what it makes of the route.
type ListenerMatch struct {
	Listener *gatewayapi.Listener
	Attachment
}

// Attached reports whether a listener takes the route.
func (p *RouteParent) Attached() bool {
	for _, match := range p.Listeners {
		if match.Attachment == Attached {
			return true
		}
	}
	return false
}

// GatewayParents are what the route's parentRefs to Gateways lead to. References to ListenerSets (see ListenerSetParents), to Services
// (for callers in the mesh) and to kinds that are not read are left out.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (extractParentReferenceInfo, referenceAllowed).
func GatewayParents(s *mesh.Snapshot, route *APIRoute) []RouteParent {
	var parents []RouteParent
	for i, reference := range route.Parents {
		if !isGatewayParent(reference) {
			continue
		}
		parent := RouteParent{
			Reference: reference, Index: i, Namespace: parentNamespace(reference, route.Key.Namespace), Name: string(reference.Name),
		}
		if gateway, ok := s.KubernetesGateways().Get(parent.Namespace, parent.Name); ok {
			parent.Gateway = gateway
			parent.Listeners = listenersNamed(s, route, reference, listenersOf(gateway))
		}
		parents = append(parents, parent)
	}
	return parents
}

// ListenerSetParents are what the route's parentRefs to ListenerSets lead to. A reference to the Gateway is none to its ListenerSets,
// nor the other way round.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (toInternalParentReference, extractParentReferenceInfo).
func ListenerSetParents(s *mesh.Snapshot, route *APIRoute) []RouteParent {
	var parents []RouteParent
	for i, reference := range route.Parents {
		if !IsListenerSetParent(reference) {
			continue
		}
		parent := RouteParent{
			Reference: reference, Index: i, Namespace: parentNamespace(reference, route.Key.Namespace), Name: string(reference.Name),
		}
		if set := listenerSetNamed(s, parent.Namespace, parent.Name); set != nil {
			parent.Set, parent.Gateway = set, set.Gateway
			parent.Listeners = listenersNamed(s, route, reference, set.owned())
		}
		parents = append(parents, parent)
	}
	return parents
}

// ServesRoute reports whether an entry of the route's status is of the controller that serves the parent, and that the parent is still
// one of the route's: nobody takes away the entries of controllers that are gone.
// Source: Istio's pilot/pkg/config/kube/gateway/conditions.go (createRouteStatus), which leaves those of others as they are, and
// signs with one name for Gateways of all its classes.
func ServesRoute(s *mesh.Snapshot, route *APIRoute, status gatewayapi.RouteParentStatus) bool {
	if !slices.ContainsFunc(route.Parents, func(parent gatewayapi.ParentReference) bool {
		return SameParent(parent, status.ParentRef, route.Key.Namespace)
	}) {
		return false
	}
	reference := status.ParentRef
	gateway, found := s.KubernetesGateways().Get(parentNamespace(reference, route.Key.Namespace), string(reference.Name))
	if !isGatewayParent(reference) || !found {
		return true
	}
	controller, known := GatewayClassController(s, string(gateway.Spec.GatewayClassName))
	if slices.Contains([]string{istioWaypointController, istioRemoteController, istioEastWestController}, controller) {
		controller = istioGatewayController
	}
	return !known || controller == string(status.ControllerName)
}

// SameParent reports whether two references in a route of that namespace are one. The API server writes out what is left out in one of them.
func SameParent(a, b gatewayapi.ParentReference, namespace string) bool {
	group := func(r gatewayapi.ParentReference) gatewayapi.Group {
		return workload.ValueOr(r.Group, gatewayapi.GroupName)
	}
	kind := func(r gatewayapi.ParentReference) gatewayapi.Kind { return workload.ValueOr(r.Kind, "Gateway") }
	return group(a) == group(b) && kind(a) == kind(b) && a.Name == b.Name &&
		parentNamespace(a, namespace) == parentNamespace(b, namespace) &&
		workload.ValueOr(a.SectionName, "") == workload.ValueOr(b.SectionName, "") && workload.ValueOr(a.Port, 0) == workload.ValueOr(b.Port, 0)
}

func parentNamespace(reference gatewayapi.ParentReference, otherwise string) string {
	return string(workload.ValueOr(reference.Namespace, gatewayapi.Namespace(otherwise)))
}

func isGatewayParent(reference gatewayapi.ParentReference) bool {
	return refersTo(reference.Group, reference.Kind, gatewayapi.GroupName, "Gateway", "Gateway")
}

// IsListenerSetParent reports whether a parentRef is to a ListenerSet.
func IsListenerSetParent(reference gatewayapi.ParentReference) bool {
	return refersTo(reference.Group, reference.Kind, gatewayapi.GroupName, string(mesh.KindListenerSet), "Gateway")
}

// MeshParentKind is Service or ServiceEntry for a parentRef of a route for callers in the mesh; ok is false for others. istiod leaves
// a reference of another group alone.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (allowedParentReferences, toInternalParentReference).
func MeshParentKind(reference gatewayapi.ParentReference) (kind mesh.Kind, ok bool) {
	for _, kind := range []mesh.Kind{mesh.KindService, mesh.KindServiceEntry} {
		if reference.Group != nil && refersTo(reference.Group, reference.Kind, kind.Info().Group, kind.Info().Kind, "Gateway") {
			return kind, true
		}
	}
	return "", false
}

// IsIstioGatewayParent reports whether a parentRef is to a Gateway of Istio's own API. istiod leaves kinds that it does not serve to other
// controllers, and this one nobody else serves.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (allowedParentReferences, extractParentReferenceInfo).
func IsIstioGatewayParent(reference gatewayapi.ParentReference) bool {
	return refersTo(reference.Group, reference.Kind, mesh.KindGateway.Info().Group, "Gateway", "Gateway") && reference.Group != nil
}

// listenerOwner is what has listeners: a Gateway or a ListenerSet.
type listenerOwner struct {
	namespace string
	// served are its listeners that istiod serves, and others the rest.
	served, others []*gatewayapi.Listener
}

func listenersOf(gateway *gatewayapi.Gateway) listenerOwner {
	owner := listenerOwner{namespace: gateway.Namespace}
	for i := range gateway.Spec.Listeners {
		owner.served = append(owner.served, &gateway.Spec.Listeners[i])
	}
	return owner
}

func listenersNamed(s *mesh.Snapshot, route *APIRoute, reference gatewayapi.ParentReference, owner listenerOwner) []ListenerMatch {
	named := func(listener *gatewayapi.Listener) bool {
		otherPort := reference.Port != nil && *reference.Port != 0 && *reference.Port != listener.Port
		otherSection := reference.SectionName != nil && *reference.SectionName != "" && *reference.SectionName != listener.Name
		return !otherPort && !otherSection
	}
	var matches []ListenerMatch
	for _, listener := range owner.served {
		if named(listener) {
			matches = append(matches, ListenerMatch{Listener: listener, Attachment: attach(s, route, owner, listener)})
		}
	}
	for _, listener := range owner.others {
		if named(listener) {
			matches = append(matches, ListenerMatch{Listener: listener, Attachment: NotServed})
		}
	}
	return matches
}

func attach(s *mesh.Snapshot, route *APIRoute, owner listenerOwner, listener *gatewayapi.Listener) Attachment {
	switch {
	case !hostnamesMeet(route.Hostnames, hostnameOf(listener)):
		return HostnamesDoNotMeet
	case !takesNamespace(s, listener, owner.namespace, route.Key.Namespace):
		return NamespaceShutOut
	case !takesKind(listener, route.Key.Kind):
		return KindShutOut
	case !servesHostnames(route.Hostnames, owner.served, listener):
		return HostnamesElsewhere
	}
	return Attached
}

// servesHostnames reports whether calls for one of the route's hostnames come to the listener rather than to another of the same owner,
// port and protocol.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (routeParentReference.hostnameAllowedByIsolation).
func servesHostnames(hostnames []string, served []*gatewayapi.Listener, listener *gatewayapi.Listener) bool {
	if len(hostnames) == 0 {
		hostnames = []string{"*"}
	}
	return slices.ContainsFunc(hostnames, func(hostname string) bool { return servesHostname(hostname, served, listener) })
}

func servesHostname(hostname string, served []*gatewayapi.Listener, listener *gatewayapi.Listener) bool {
	own := hostnameOf(listener)
	if own != "" && !strings.HasPrefix(own, "*") {
		return true
	}
	if own != "" && !host.HostMatches(hostname, own) {
		return false
	}
	return !slices.ContainsFunc(served, func(other *gatewayapi.Listener) bool {
		theirs := hostnameOf(other)
		besides := other.Port == listener.Port && other.Protocol == listener.Protocol && theirs != own
		return besides && len(own) <= len(theirs) && host.HostSubsetOf(hostname, theirs)
	})
}

func hostnameOf(listener *gatewayapi.Listener) string {
	return string(workload.ValueOr(listener.Hostname, ""))
}

func hostnamesMeet(route []string, listener string) bool {
	if len(route) == 0 || listener == "" {
		return true
	}
	return slices.ContainsFunc(route, func(hostname string) bool { return host.HostMatches(hostname, listener) })
}

// takesNamespace evaluates allowedRoutes.namespaces; the default is the own namespace of the Gateway or ListenerSet.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (namespacesFromSelector, toNamespaceSet).
func takesNamespace(s *mesh.Snapshot, listener *gatewayapi.Listener, ownNamespace, routeNamespace string) bool {
	from := gatewayapi.NamespacesFromSame
	if listener.AllowedRoutes != nil && listener.AllowedRoutes.Namespaces != nil && listener.AllowedRoutes.Namespaces.From != nil {
		from = *listener.AllowedRoutes.Namespaces.From
	}
	switch from {
	case gatewayapi.NamespacesFromSame:
		return ownNamespace == routeNamespace
	case gatewayapi.NamespacesFromAll:
		return true
	case gatewayapi.NamespacesFromSelector:
		if listener.AllowedRoutes.Namespaces.Selector == nil {
			return true
		}
		return workload.SelectorOf(listener.AllowedRoutes.Namespaces.Selector).Matches(labels.Set(proxy.NamespaceLabels(s, routeNamespace)))
	}
	return false
}

// takesKind evaluates the listener's protocol and allowedRoutes.kinds.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/conversion.go (GenerateGatewaySupportedKinds).
func takesKind(listener *gatewayapi.Listener, kind mesh.Kind) bool {
	if !slices.Contains(kindsOfProtocol(listener), kind) {
		return false
	}
	if listener.AllowedRoutes == nil || len(listener.AllowedRoutes.Kinds) == 0 {
		return true
	}
	for _, allowed := range listener.AllowedRoutes.Kinds {
		if string(allowed.Kind) == kind.Info().Kind && (allowed.Group == nil || *allowed.Group == gatewayapi.GroupName) {
			return true
		}
	}
	return false
}

// kindsOfProtocol are the kinds of routes that a listener of that protocol takes.
func kindsOfProtocol(listener *gatewayapi.Listener) []mesh.Kind {
	switch listener.Protocol {
	case gatewayapi.HTTPProtocolType, gatewayapi.HTTPSProtocolType:
		return []mesh.Kind{mesh.KindGRPCRoute, mesh.KindHTTPRoute}
	case gatewayapi.TCPProtocolType:
		return []mesh.Kind{mesh.KindTCPRoute}
	case gatewayapi.TLSProtocolType:
		if listener.TLS != nil && workload.ValueOr(listener.TLS.Mode, "") == gatewayapi.TLSModeTerminate {
			return []mesh.Kind{mesh.KindTLSRoute, mesh.KindTCPRoute}
		}
		return []mesh.Kind{mesh.KindTLSRoute}
	}
	return nil
}
