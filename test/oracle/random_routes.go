package oracle

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
)

// makeVirtualServices makes VirtualServices, and delegates for some of them.
func (m *maker) makeVirtualServices() {
	m.makeDelegates()
	for range m.between(1, 5) {
		m.makeVirtualService()
	}
}

func (m *maker) makeDelegates() {
	for range m.between(0, 2) {
		delegate := &networking.VirtualService{ObjectMeta: m.meta(pick(m, appNamespaces...), m.unique("delegate"))}
		delegate.Spec.ExportTo = m.exportTo()
		for i := range m.between(1, 2) {
			delegate.Spec.Http = append(delegate.Spec.Http, m.httpRule(delegate, i))
		}
		m.add(delegate)
	}
}

func (m *maker) makeVirtualService() {
	service := &networking.VirtualService{ObjectMeta: m.meta(pick(m, allNamespaces...), m.unique("route"))}
	service.Spec.Hosts = some(m, 2, "*", "*", "a.example.com", "a.example.com", "b.example.com", "*.example.com", "A.example.com",
		"orders", "orders.shop.svc.cluster.local", "c.other.org")
	service.Spec.Gateways = some(m, 3, m.gatewayNames(service.Namespace)...)
	service.Spec.ExportTo = m.exportTo()
	for i := range m.between(1, 4) {
		service.Spec.Http = append(service.Spec.Http, m.httpRule(service, i))
	}
	if m.chance(15) {
		service.Spec.Tcp = []*networkingapi.TCPRoute{m.tcpRule(service.Namespace)}
	}
	if m.chance(15) {
		service.Spec.Tls = []*networkingapi.TLSRoute{m.tlsRule(service)}
	}
	m.add(service)
}

// httpRule is a rule whose name, and whose matches' names, say in istiod's routes which one they come from.
func (m *maker) httpRule(holder *networking.VirtualService, place int) *networkingapi.HTTPRoute {
	rule := &networkingapi.HTTPRoute{Name: fmt.Sprintf("%s.%s.r%d", holder.Namespace, holder.Name, place)}
	if m.chance(70) {
		for i := range m.between(1, 2) {
			rule.Match = append(rule.Match, m.httpMatch(holder.Namespace, i))
		}
	}
	delegates := m.delegates()
	switch {
	case len(holder.Spec.Hosts) > 0 && len(delegates) > 0 && m.chance(25):
		delegate := pick(m, delegates...)
		rule.Delegate = &networkingapi.Delegate{Name: delegate.Name, Namespace: delegate.Namespace}
	case m.chance(5):
		rule.Redirect = &networkingapi.HTTPRedirect{Uri: "/elsewhere"}
	case m.chance(5):
		rule.DirectResponse = &networkingapi.HTTPDirectResponse{Status: 503}
	default:
		m.addDestinations(rule, holder.Namespace)
	}
	return rule
}

func (m *maker) delegates() []*networking.VirtualService {
	var delegates []*networking.VirtualService
	for _, service := range m.mesh.virtualServices() {
		if len(service.Spec.Hosts) == 0 {
			delegates = append(delegates, service)
		}
	}
	return delegates
}

func (m *maker) addDestinations(rule *networkingapi.HTTPRoute, namespace string) {
	count := pick(m, 1, 1, 1, 2)
	for range count {
		route := &networkingapi.HTTPRouteDestination{Destination: m.destination(namespace)}
		if count > 1 {
			route.Weight = pick(m, int32(0), 50, 100)
		}
		rule.Route = append(rule.Route, route)
	}
}

func (m *maker) destination(namespace string) *networkingapi.Destination {
	name := pick(m, serviceNames...)
	of := pick(m, appNamespaces...)
	destination := &networkingapi.Destination{Host: pick(m, name, name+"."+of+".svc.cluster.local", name+"."+of+".svc.cluster.local",
		name+"."+of, "outside", "ext.example.net", "absent")}
	if m.chance(70) {
		destination.Port = &networkingapi.PortSelector{Number: pick(m, uint32(8000), 8000, 50051, 80, 9090)}
	}
	if m.chance(20) {
		destination.Subset = pick(m, "v1", "v2")
	}
	return destination
}

func (m *maker) httpMatch(namespace string, place int) *networkingapi.HTTPMatchRequest {
	match := &networkingapi.HTTPMatchRequest{Name: fmt.Sprintf("m%d", place)}
	if m.chance(75) {
		match.Uri = m.uri()
		match.IgnoreUriCase = m.chance(10)
	}
	if m.chance(20) {
		match.Headers = map[string]*networkingapi.StringMatch{pick(m, "x-user", "content-type", "te"): m.headerValue()}
	}
	if m.chance(7) {
		match.WithoutHeaders = map[string]*networkingapi.StringMatch{"x-debug": m.headerValue()}
	}
	if m.chance(10) {
		match.Method = exactly(pick(m, "POST", "GET"))
	}
	if m.chance(5) {
		match.QueryParams = map[string]*networkingapi.StringMatch{"q": exactly("1")}
	}
	if m.chance(5) {
		match.Authority = pick(m, exactly("a.example.com"), &networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Prefix{Prefix: "a"}})
	}
	if m.chance(10) {
		match.Port = pick(m, uint32(80), 443, 8000)
	}
	if m.chance(12) {
		match.Gateways = some(m, 2, m.gatewayNames(namespace)...)
	}
	if m.chance(8) {
		match.SourceNamespace = pick(m, rootNamespace, edgeNamespace, shopNamespace)
	}
	if m.chance(8) {
		match.SourceLabels = map[string]string{"istio": pick(m, "ingressgateway", "private")}
	}
	return match
}

func exactly(value string) *networkingapi.StringMatch {
	return &networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Exact{Exact: value}}
}

func (m *maker) uri() *networkingapi.StringMatch {
	switch m.IntN(5) {
	case 0:
		return exactly(pick(m, "/shop.Orders/Get", "/shop.Orders/List", "/"))
	case 1:
		return &networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Regex{
			Regex: pick(m, ".*", "/shop\\.Orders/.*", "/shop.*", "/.*", "/shop\\.(Orders|Cart)/Get")}}
	default:
		return &networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Prefix{
			Prefix: pick(m, "/", "/shop", "/shop.", "/shop.Orders", "/shop.Orders/", "/shop.Cart/", "/SHOP.orders/")}}
	}
}

func (m *maker) headerValue() *networkingapi.StringMatch {
	return pick(m, exactly("application/grpc"), exactly("trailers"), exactly("a"),
		&networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Prefix{Prefix: "application/grpc"}},
		&networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Regex{Regex: pick(m, "*", ".*", "a|b")}})
}

func (m *maker) tcpRule(namespace string) *networkingapi.TCPRoute {
	rule := &networkingapi.TCPRoute{Route: []*networkingapi.RouteDestination{{Destination: m.destination(namespace)}}}
	if m.chance(50) {
		rule.Match = []*networkingapi.L4MatchAttributes{{Port: pick(m, uint32(443), 9000)}}
	}
	return rule
}

func (m *maker) tlsRule(service *networking.VirtualService) *networkingapi.TLSRoute {
	return &networkingapi.TLSRoute{
		Match: []*networkingapi.TLSMatchAttributes{{SniHosts: []string{pick(m, service.Spec.Hosts...)}}},
		Route: []*networkingapi.RouteDestination{{Destination: m.destination(service.Namespace)}},
	}
}
