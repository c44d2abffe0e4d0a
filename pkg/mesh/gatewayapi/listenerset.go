package gatewayapi

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Admission says whether a Gateway takes the listeners of a ListenerSet.
type Admission string

// The answers.
const (
	Admitted Admission = "admitted"
	// NoSuchGateway: its Gateway does not exist, or the reference is to another kind.
	NoSuchGateway Admission = "no Gateway"
	// ClassWithoutSets: istiod serves the Gateway's class, but no ListenerSets of it.
	ClassWithoutSets Admission = "class"
	// ForeignClass: the Gateway's class is not Istio's, so it is not known who admits what.
	ForeignClass Admission = "foreign class"
	// NamespaceNotAdmitted: the Gateway's allowedListeners do not take ListenerSets of the namespace. The default takes none.
	NamespaceNotAdmitted Admission = "namespace"
)

// ListenerSet is what becomes of a ListenerSet.
type ListenerSet struct {
	Object *gatewayapi.ListenerSet
	// GatewayNamespace and GatewayName are what its parentRef names, and Gateway is that Gateway, nil if there is none.
	GatewayNamespace, GatewayName string
	Gateway                       *gatewayapi.Gateway
	Admission
	// Listeners are its listeners in their order, in the shape of a Gateway's.
	Listeners []SetListener
}

// SetListener is a listener of a ListenerSet.
type SetListener struct {
	*gatewayapi.Listener
	// Conflict is the listener ahead of it with which it cannot be served, so that it is not; nil if there is none.
	Conflict *MergedListener
}

// MergedListener is a listener of a Gateway, its own or one of a ListenerSet.
type MergedListener struct {
	*gatewayapi.Listener
	// Set is the ListenerSet that has it, nil for the Gateway's own.
	Set *gatewayapi.ListenerSet
}

type listenerSetsMemory struct{}

// ListenerSets are all of them, by namespace and name.
// Source: Istio's pilot/pkg/config/kube/gateway/gateway_collection.go (ListenerSetCollection).
func ListenerSets(s *mesh.Snapshot) []*ListenerSet {
	s.Read(mesh.KindListenerSet)
	return mesh.Remember(s, listenerSetsMemory{}, func() []*ListenerSet {
		var sets []*ListenerSet
		byGateway := map[*gatewayapi.Gateway][]*ListenerSet{}
		for _, object := range s.ListenerSets().All() {
			set := listenerSetOf(s, object)
			sets = append(sets, set)
			if set.Admission == Admitted {
				byGateway[set.Gateway] = append(byGateway[set.Gateway], set)
			}
		}
		for gateway, admitted := range byGateway {
			findConflicts(gateway, admitted)
		}
		return sets
	})
}

// listenerSetNamed is the one of that name, nil if there is none.
func listenerSetNamed(s *mesh.Snapshot, namespace, name string) *ListenerSet {
	sets := ListenerSets(s)
	i, found := slices.BinarySearchFunc(sets, [2]string{namespace, name}, func(set *ListenerSet, key [2]string) int {
		return cmp.Or(cmp.Compare(set.Object.Namespace, key[0]), cmp.Compare(set.Object.Name, key[1]))
	})
	if !found {
		return nil
	}
	return sets[i]
}

type listenerSetsByGatewayMemory struct{}

// ListenerSetsOf are those that the Gateway admits, by namespace and name.
func ListenerSetsOf(s *mesh.Snapshot, gateway *gatewayapi.Gateway) []*ListenerSet {
	sets := ListenerSets(s)
	return mesh.Remember(s, listenerSetsByGatewayMemory{}, func() map[*gatewayapi.Gateway][]*ListenerSet {
		byGateway := map[*gatewayapi.Gateway][]*ListenerSet{}
		for _, set := range sets {
			if set.Admission == Admitted {
				byGateway[set.Gateway] = append(byGateway[set.Gateway], set)
			}
		}
		return byGateway
	})[gateway]
}

func (l *ListenerSet) owned() listenerOwner {
	owner := listenerOwner{namespace: l.Object.Namespace}
	for _, listener := range l.Listeners {
		if l.Admission == Admitted && listener.Conflict == nil {
			owner.served = append(owner.served, listener.Listener)
		} else {
			owner.others = append(owner.others, listener.Listener)
		}
	}
	return owner
}

func listenerSetOf(s *mesh.Snapshot, object *gatewayapi.ListenerSet) *ListenerSet {
	parent := object.Spec.ParentRef
	set := &ListenerSet{
		Object: object, GatewayName: string(parent.Name),
		GatewayNamespace: string(workload.ValueOr(parent.Namespace, gatewayapi.Namespace(object.Namespace))),
	}
	for i := range object.Spec.Listeners {
		set.Listeners = append(set.Listeners, SetListener{Listener: listenerOfEntry(&object.Spec.Listeners[i])})
	}
	if refersTo(parent.Group, parent.Kind, gatewayapi.GroupName, "Gateway", "Gateway") {
		set.Gateway, _ = s.KubernetesGateways().Get(set.GatewayNamespace, set.GatewayName)
	}
	set.Admission = admissionOf(s, set)
	return set
}

// admissionOf: istiod admits sets to the Gateways that it makes routes for.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/classinfo.go (SupportsListenerSet) and gateway_utils.go
// (NamespaceAcceptedByAllowListeners).
func admissionOf(s *mesh.Snapshot, set *ListenerSet) Admission {
	if set.Gateway == nil {
		return NoSuchGateway
	}
	controller, _ := GatewayClassController(s, string(set.Gateway.Spec.GatewayClassName))
	switch controller {
	case istioGatewayController, istioEastWestController:
	case istioWaypointController, istioRemoteController:
		return ClassWithoutSets
	default:
		return ForeignClass
	}
	if !admitsNamespace(s, set.Gateway, set.Object.Namespace) {
		return NamespaceNotAdmitted
	}
	return Admitted
}

func admitsNamespace(s *mesh.Snapshot, gateway *gatewayapi.Gateway, namespace string) bool {
	if gateway.Spec.AllowedListeners == nil || gateway.Spec.AllowedListeners.Namespaces == nil {
		return false
	}
	allowed := gateway.Spec.AllowedListeners.Namespaces
	switch workload.ValueOr(allowed.From, gatewayapi.NamespacesFromSelector) {
	case gatewayapi.NamespacesFromAll:
		return true
	case gatewayapi.NamespacesFromSame:
		return namespace == gateway.Namespace
	case gatewayapi.NamespacesFromSelector:
		return allowed.Selector != nil && workload.SelectorOf(allowed.Selector).Matches(labels.Set(proxy.NamespaceLabels(s, namespace)))
	}
	return false
}

// listenerOfEntry is an entry in the shape of a Gateway's listener, with the port that its protocol means if it names none.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon (ConvertListenerSetToListener, ListenerEntryPortNumber).
func listenerOfEntry(entry *gatewayapi.ListenerEntry) *gatewayapi.Listener {
	port := entry.Port
	switch {
	case port != 0:
	case entry.Protocol == gatewayapi.HTTPProtocolType:
		port = 80
	case entry.Protocol == gatewayapi.HTTPSProtocolType:
		port = 443
	}
	return &gatewayapi.Listener{
		Name: entry.Name, Hostname: entry.Hostname, Port: port, Protocol: entry.Protocol, TLS: entry.TLS, AllowedRoutes: entry.AllowedRoutes,
	}
}

// findConflicts goes through the listeners of a Gateway in the order in which they are served: its own, then those of the ListenerSets
// by age and name. One that cannot be served with one that is, is not.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/listener_conflict.go (ComputeGatewayListenerConflicts).
func findConflicts(gateway *gatewayapi.Gateway, sets []*ListenerSet) {
	var served []*MergedListener
	conflictOf := func(listener *MergedListener) *MergedListener {
		for _, other := range served {
			if !canBeServedTogether(listener.Listener, other.Listener) {
				return other
			}
		}
		served = append(served, listener)
		return nil
	}
	for i := range gateway.Spec.Listeners {
		conflictOf(&MergedListener{Listener: &gateway.Spec.Listeners[i]})
	}
	byAge := slices.SortedStableFunc(slices.Values(sets), func(a, b *ListenerSet) int {
		age := a.Object.CreationTimestamp.Compare(b.Object.CreationTimestamp.Time)
		return cmp.Or(age, cmp.Compare(a.Object.Namespace+"/"+a.Object.Name, b.Object.Namespace+"/"+b.Object.Name))
	})
	for _, set := range byAge {
		for i := range set.Listeners {
			listener := &set.Listeners[i]
			listener.Conflict = conflictOf(&MergedListener{Listener: listener.Listener, Set: set.Object})
		}
	}
}

// canBeServedTogether reports whether two listeners have different ports, or, with protocols that name a host, different hostnames.
// Source: Istio's pilot/pkg/config/kube/gatewaycommon/listener_conflict.go (listenersDistinct).
func canBeServedTogether(a, b *gatewayapi.Listener) bool {
	namesHost := func(listener *gatewayapi.Listener) bool {
		protocols := []gatewayapi.ProtocolType{gatewayapi.HTTPProtocolType, gatewayapi.HTTPSProtocolType, gatewayapi.TLSProtocolType}
		return slices.Contains(protocols, listener.Protocol)
	}
	isStream := func(listener *gatewayapi.Listener) bool {
		return listener.Protocol == gatewayapi.TCPProtocolType || listener.Protocol == gatewayapi.UDPProtocolType
	}
	switch {
	case a.Port != b.Port:
		return true
	case namesHost(a) && namesHost(b):
		return cmp.Or(hostnameOf(a), "*") != cmp.Or(hostnameOf(b), "*")
	case (isStream(a) || namesHost(a)) && (isStream(b) || namesHost(b)):
		return false
	}
	return a.Protocol != b.Protocol
}
