package oracle

import (
	"fmt"
	"math/rand/v2"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
)

// NewListenerSetMesh makes the mesh of a seed: one or two Gateways, ListenerSets for them, and routes for those.
func NewListenerSetMesh(seed uint64) *Mesh {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x6c697374656e)), mesh: &Mesh{Seed: seed}}
	m.makeNamespaces()
	m.makeApplications()
	m.makeCertificates()
	m.makeGatewayClasses()
	for _, name := range apiGatewayNames[:m.between(1, 2)] {
		m.makeOpenGateway(name)
	}
	sets := m.between(1, 4)
	for i := range sets {
		m.makeListenerSet(i)
	}
	for range m.between(1, 5) {
		m.makeAPIRouteTo(m.setReferences(sets))
	}
	for range m.between(0, 2) {
		m.makeReferenceGrant()
	}
	return m.mesh
}

// makeOpenGateway makes a Gateway that most often admits ListenerSets.
func (m *maker) makeOpenGateway(name string) {
	gateway := &gatewayapi.Gateway{ObjectMeta: m.meta(edgeNamespace, name)}
	gateway.Spec.GatewayClassName = pick[gatewayapi.ObjectName](m, "istio", "istio", "istio", "istio", "mine", "other", "istio-remote", "istio-waypoint")
	gateway.Spec.Listeners = []gatewayapi.Listener{m.apiListener("own")}
	if m.chance(90) {
		from := pick(m, gatewayapi.NamespacesFromAll, gatewayapi.NamespacesFromAll, gatewayapi.NamespacesFromAll,
			gatewayapi.NamespacesFromSame, gatewayapi.NamespacesFromNone, gatewayapi.NamespacesFromSelector)
		allowed := &gatewayapi.ListenerNamespaces{From: &from}
		if from == gatewayapi.NamespacesFromSelector {
			allowed.Selector = &metav1.LabelSelector{MatchLabels: pick(m, map[string]string{teamLabel: "front"}, map[string]string{})}
		}
		gateway.Spec.AllowedListeners = &gatewayapi.AllowedListeners{Namespaces: allowed}
	}
	m.add(gateway)
}

// setNamespaces are where ListenerSets are, each in the one of its number.
var setNamespaces = []string{edgeNamespace, shopNamespace, backNamespace, shopNamespace}

func setName(number int) string { return fmt.Sprintf("set-%d", number) }

// makeListenerSet makes a ListenerSet, some of whose listeners cannot be served beside those of its Gateway or of another.
func (m *maker) makeListenerSet(number int) {
	set := &gatewayapi.ListenerSet{ObjectMeta: m.meta(setNamespaces[number], setName(number))}
	set.Spec.ParentRef = gatewayapi.ParentGatewayReference{
		Name: gatewayapi.ObjectName(pick(m, apiGatewayNames[0], apiGatewayNames[0], apiGatewayNames[1])), Namespace: new(gatewayapi.Namespace(edgeNamespace)),
	}
	for _, name := range apiListenerNames[:m.between(1, 3)] {
		listener := m.apiListener(name)
		if listener.AllowedRoutes == nil || m.chance(50) {
			from := gatewayapi.NamespacesFromAll
			listener.AllowedRoutes = &gatewayapi.AllowedRoutes{Namespaces: &gatewayapi.RouteNamespaces{From: &from}}
		}
		set.Spec.Listeners = append(set.Spec.Listeners, gatewayapi.ListenerEntry{
			Name: name, Hostname: listener.Hostname, Port: listener.Port, Protocol: listener.Protocol, TLS: listener.TLS,
			AllowedRoutes: listener.AllowedRoutes,
		})
	}
	m.add(set)
}

// setReferences are to ListenerSets, and sometimes to a Gateway beside them.
func (m *maker) setReferences(sets int) []gatewayapi.ParentReference {
	var references []gatewayapi.ParentReference
	for _, number := range m.Perm(sets)[:m.between(1, min(2, sets))] {
		reference := gatewayapi.ParentReference{
			Group: new(gatewayapi.Group(gatewayapi.GroupName)), Kind: new(gatewayapi.Kind("ListenerSet")),
			Name: gatewayapi.ObjectName(setName(number)), Namespace: new(gatewayapi.Namespace(setNamespaces[number])),
		}
		if m.chance(30) {
			reference.SectionName = new(pick(m, append(apiListenerNames, "none")...))
		}
		if m.chance(20) {
			reference.Port = new(pick[gatewayapi.PortNumber](m, 80, 8080, 443))
		}
		references = append(references, reference)
	}
	if m.chance(20) {
		references = append(references, gatewayapi.ParentReference{
			Name: gatewayapi.ObjectName(apiGatewayNames[0]), Namespace: new(gatewayapi.Namespace(edgeNamespace)),
		})
	}
	return references
}
