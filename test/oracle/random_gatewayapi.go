package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	pki "istio.io/istio/security/pkg/pki/util"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	gatewayapibeta "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// teamLabel is what listeners select namespaces by.
const teamLabel = "team"

// NewGatewayAPIMesh makes the mesh of a seed: Gateways of the Gateway API, with GRPCRoutes and HTTPRoutes.
func NewGatewayAPIMesh(seed uint64) *Mesh {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x67617465776179)), mesh: &Mesh{Seed: seed}}
	m.makeNamespaces()
	m.makeApplications()
	m.makeCertificates()
	m.makeGatewayClasses()
	for range m.between(1, 3) {
		m.makeAPIGateway()
	}
	for range m.between(1, 5) {
		m.makeAPIRoute()
	}
	for range m.between(0, 2) {
		m.makeReferenceGrant()
	}
	return m.mesh
}

func (m *maker) makeNamespaces() {
	for _, namespace := range allNamespaces {
		m.add(&core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{teamLabel: pick(m, "front", "back")}}})
	}
}

// keyPair is a certificate with its key. Which it is does not matter, only that it is one.
var keyPair = sync.OnceValue(func() map[string][]byte {
	certificate, key, err := pki.GenCertKeyFromOptions(pki.CertOptions{Host: "example.com", ECSigAlg: pki.EcdsaSigAlg, IsSelfSigned: true, TTL: time.Hour})
	if err != nil {
		panic(err)
	}
	return map[string][]byte{core.TLSCertKey: certificate, core.TLSPrivateKeyKey: key}
})

// makeCertificates makes what listeners with HTTPS name: without it there is no listener.
func (m *maker) makeCertificates() {
	for _, namespace := range []string{edgeNamespace, shopNamespace, backNamespace} {
		m.add(&core.Secret{ObjectMeta: m.meta(namespace, "certificate"), Type: core.SecretTypeTLS, Data: keyPair()})
	}
}

func (m *maker) makeGatewayClasses() {
	for name, controller := range map[string]string{"mine": "istio.io/gateway-controller", "other": "example.com/gateway-controller"} {
		m.add(&gatewayapi.GatewayClass{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: gatewayapi.GatewayClassSpec{ControllerName: gatewayapi.GatewayController(controller)},
		})
	}
}

var (
	apiGatewayNames  = []string{"public", "private"}
	apiListenerNames = []gatewayapi.SectionName{"a", "b", "c"}
	apiHostnames     = []gatewayapi.Hostname{"a.example.com", "b.example.com", "*.example.com", "*.b.example.com", "c.example.org"}
)

func (m *maker) makeAPIGateway() {
	gateway := &gatewayapi.Gateway{ObjectMeta: m.meta(pick(m, edgeNamespace, shopNamespace), pick(m, apiGatewayNames...))}
	gateway.Spec.GatewayClassName = pick[gatewayapi.ObjectName](m, "istio", "istio", "istio", "mine", "other", "istio-remote", "none")
	for _, name := range apiListenerNames[:m.between(1, 3)] {
		listener := m.apiListener(name)
		// The API server refuses two listeners with the same port, protocol and hostname.
		if !slices.ContainsFunc(gateway.Spec.Listeners, func(other gatewayapi.Listener) bool {
			return other.Port == listener.Port && hostnameOf(other) == hostnameOf(listener)
		}) {
			gateway.Spec.Listeners = append(gateway.Spec.Listeners, listener)
		}
	}
	if m.mesh.Snapshot().Find(mesh.KeyOf(gateway)) == nil {
		m.add(gateway)
	}
}

func hostnameOf(listener gatewayapi.Listener) gatewayapi.Hostname {
	if listener.Hostname == nil {
		return ""
	}
	return *listener.Hostname
}

func (m *maker) apiListener(name gatewayapi.SectionName) gatewayapi.Listener {
	listener := gatewayapi.Listener{Name: name, Port: pick[gatewayapi.PortNumber](m, 80, 8080), Protocol: gatewayapi.HTTPProtocolType}
	if m.chance(20) {
		listener.Port, listener.Protocol = 443, gatewayapi.HTTPSProtocolType
		listener.TLS = &gatewayapi.ListenerTLSConfig{CertificateRefs: []gatewayapi.SecretObjectReference{{Name: "certificate"}}}
	}
	if m.chance(8) {
		listener.Port, listener.Protocol = 9000, gatewayapi.TCPProtocolType
	}
	if m.chance(60) && listener.Protocol != gatewayapi.TCPProtocolType {
		listener.Hostname = new(pick(m, apiHostnames...))
	}
	if m.chance(70) {
		listener.AllowedRoutes = m.allowedRoutes()
	}
	return listener
}

func (m *maker) allowedRoutes() *gatewayapi.AllowedRoutes {
	allowed := &gatewayapi.AllowedRoutes{}
	if m.chance(85) {
		from := pick(m, gatewayapi.NamespacesFromAll, gatewayapi.NamespacesFromAll, gatewayapi.NamespacesFromSame, gatewayapi.NamespacesFromSelector)
		allowed.Namespaces = &gatewayapi.RouteNamespaces{From: &from}
		if from == gatewayapi.NamespacesFromSelector {
			allowed.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: pick(m,
				map[string]string{teamLabel: "front"}, map[string]string{core.LabelMetadataName: shopNamespace}, map[string]string{})}
		}
	}
	if m.chance(25) {
		group := gatewayapi.Group(gatewayapi.GroupName)
		for _, kind := range some[gatewayapi.Kind](m, 2, "GRPCRoute", "HTTPRoute", "TCPRoute") {
			allowed.Kinds = append(allowed.Kinds, gatewayapi.RouteGroupKind{Group: pick(m, nil, &group), Kind: kind})
		}
	}
	return allowed
}

func (m *maker) makeAPIRoute() {
	m.makeAPIRouteTo(m.parentRefs())
}

func (m *maker) makeAPIRouteTo(references []gatewayapi.ParentReference) {
	namespace := pick(m, shopNamespace, backNamespace, edgeNamespace)
	parents := gatewayapi.CommonRouteSpec{ParentRefs: references}
	var hosts []gatewayapi.Hostname
	if m.chance(60) {
		hosts = some(m, 2, apiHostnames...)
	}
	rules := m.between(1, 2)
	if m.chance(60) {
		route := &gatewayapi.GRPCRoute{ObjectMeta: m.meta(namespace, m.unique("grpc"))}
		route.Spec.CommonRouteSpec, route.Spec.Hostnames = parents, hosts
		for range rules {
			rule := gatewayapi.GRPCRouteRule{Matches: m.grpcMatches()}
			for _, backend := range m.backendRefs() {
				rule.BackendRefs = append(rule.BackendRefs, gatewayapi.GRPCBackendRef{BackendRef: backend})
			}
			route.Spec.Rules = append(route.Spec.Rules, rule)
		}
		m.add(route)
		return
	}
	route := &gatewayapi.HTTPRoute{ObjectMeta: m.meta(namespace, m.unique("http"))}
	route.Spec.CommonRouteSpec, route.Spec.Hostnames = parents, hosts
	for range rules {
		rule := gatewayapi.HTTPRouteRule{}
		for _, backend := range m.backendRefs() {
			rule.BackendRefs = append(rule.BackendRefs, gatewayapi.HTTPBackendRef{BackendRef: backend})
		}
		route.Spec.Rules = append(route.Spec.Rules, rule)
	}
	m.add(route)
}

// parentRefs are one or two, to different Gateways.
func (m *maker) parentRefs() []gatewayapi.ParentReference {
	var references []gatewayapi.ParentReference
	for _, name := range some(m, 2, append(apiGatewayNames, "missing")...) {
		reference := gatewayapi.ParentReference{Name: gatewayapi.ObjectName(name)}
		if m.chance(80) {
			reference.Namespace = new(pick[gatewayapi.Namespace](m, edgeNamespace, edgeNamespace, shopNamespace))
		}
		if m.chance(30) {
			reference.SectionName = new(pick(m, append(apiListenerNames, "none")...))
		}
		if m.chance(20) {
			reference.Port = new(pick[gatewayapi.PortNumber](m, 80, 8080, 443))
		}
		if m.chance(20) {
			reference.Kind = new(pick[gatewayapi.Kind](m, "Gateway", "Gateway", "Service"))
			if *reference.Kind == "Service" {
				reference.Group = new(gatewayapi.Group(""))
			}
		}
		references = append(references, reference)
	}
	return references
}

func (m *maker) grpcMatches() []gatewayapi.GRPCRouteMatch {
	if m.chance(50) {
		return nil
	}
	service := fmt.Sprintf("shop.v%d.Orders", m.between(1, 2))
	return []gatewayapi.GRPCRouteMatch{{Method: &gatewayapi.GRPCMethodMatch{Service: &service}}}
}

func (m *maker) backendRefs() []gatewayapi.BackendRef {
	var references []gatewayapi.BackendRef
	for range m.between(0, 2) {
		reference := gatewayapi.BackendRef{}
		reference.Name = gatewayapi.ObjectName(pick(m, append(serviceNames, "missing", "outside")...))
		reference.Port = new(pick[gatewayapi.PortNumber](m, 8000, 50051, 80, 9090))
		if m.chance(50) {
			reference.Namespace = new(pick[gatewayapi.Namespace](m, shopNamespace, backNamespace))
		}
		if m.chance(30) {
			reference.Weight = new(pick[int32](m, 0, 1, 9))
		}
		references = append(references, reference)
	}
	return references
}

func (m *maker) makeReferenceGrant() {
	grant := &gatewayapibeta.ReferenceGrant{ObjectMeta: m.meta(pick(m, shopNamespace, backNamespace), m.unique("grant"))}
	grant.Spec.From = []gatewayapibeta.ReferenceGrantFrom{{
		Group: gatewayapi.GroupName, Kind: pick[gatewayapi.Kind](m, "GRPCRoute", "GRPCRoute", "HTTPRoute", "Gateway"),
		Namespace: pick[gatewayapi.Namespace](m, shopNamespace, backNamespace, edgeNamespace),
	}}
	grant.Spec.To = []gatewayapibeta.ReferenceGrantTo{{Kind: pick[gatewayapi.Kind](m, "Service", "Service", "Secret")}}
	if m.chance(40) {
		grant.Spec.To[0].Name = new(gatewayapi.ObjectName(pick(m, serviceNames...)))
	}
	m.add(grant)
}
