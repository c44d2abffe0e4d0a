package gateway

import (
	"cmp"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

type virtualHostsMemory struct{ workload *proxy.GatewayWorkload }

// VirtualHosts are those of a gateway workload, after merging: by listener, then the more specific host first.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig).
func VirtualHosts(s *mesh.Snapshot, w *proxy.GatewayWorkload) []*VirtualHost {
	s.Read(mesh.KindVirtualService)
	s.Read(mesh.KindGateway)
	return mesh.Remember(s, virtualHostsMemory{w}, func() []*VirtualHost {
		var hosts []*VirtualHost
		for _, servers := range routeTables(Servers(s, w)) {
			hosts = append(hosts, virtualHostsOfTable(s, w.Client(), servers)...)
		}
		return hosts
	})
}

// routeTables groups the servers that share a route table: plaintext HTTP ones by listener; an HTTPS server is alone.
// Source: Istio's pilot/pkg/model/gateway.go (gatewayRDSRouteName).
func routeTables(servers []*Server) [][]*Server {
	type listener struct {
		port int32
		bind string
	}
	var tables [][]*Server
	plaintext := map[listener]int{}
	for _, server := range servers {
		if !server.Lives() || !server.IsHTTP() {
			continue
		}
		on := listener{server.ListenerPort, server.Bind}
		table, shared := plaintext[on]
		switch {
		case server.IsTLS():
			tables = append(tables, []*Server{server})
		case shared:
			tables[table] = append(tables[table], server)
		default:
			plaintext[on] = len(tables)
			tables = append(tables, []*Server{server})
		}
	}
	slices.SortStableFunc(tables, func(a, b []*Server) int { return cmp.Compare(a[0].ListenerPort, b[0].ListenerPort) })
	return tables
}

// tableBuilder collects the virtual hosts of one route table.
type tableBuilder struct {
	snapshot *mesh.Snapshot
	// gateway is the proxies that serve the table.
	gateway proxy.Client
	servers []*Server
	hosts   map[string]*VirtualHost
	// seen are the routes that a host has: a VirtualService comes once for each server that takes the host.
	seen map[seenRoute]bool
	// numbers are those of the servers for which VirtualServices were translated.
	numbers map[translation]uint32
	// unsent are those that istiod does not send for one of its Gateways; it may for another.
	unsent []unsentRoute
}

// translation is what istiod makes once in a route table, of the first server that gives it any route, and then uses for all
// servers of the Gateway.
type translation struct {
	gateway *networking.Gateway
	vs      *networking.VirtualService
}

type unsentRoute struct {
	seenRoute
	route *GatewayRoute
}

type seenRoute struct {
	host  *VirtualHost
	spec  *networkingapi.HTTPRoute
	match int
}

func virtualHostsOfTable(s *mesh.Snapshot, gateway proxy.Client, servers []*Server) []*VirtualHost {
	table := &tableBuilder{snapshot: s, gateway: gateway, servers: servers, hosts: map[string]*VirtualHost{}}
	table.seen, table.numbers = map[seenRoute]bool{}, map[translation]uint32{}
	for _, server := range servers {
		table.addServer(server)
	}
	table.addUnsent()
	hosts := make([]*VirtualHost, 0, len(table.hosts))
	for _, host := range table.hosts {
		sortRoutes(host)
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, func(a, b *VirtualHost) int { return host.CompareHosts(a.Host, b.Host) })
	return hosts
}

func (t *tableBuilder) addServer(server *Server) {
	offered := map[string]*host.HostIndex{}
	for _, vs := range host.VirtualServicesForGateway(t.snapshot, server.Gateway, t.gateway.Namespace) {
		index := offered[vs.Namespace]
		if index == nil {
			index = host.NewHostIndex(host.ServerHosts(server.Gateway, server.Spec, vs.Namespace))
			offered[vs.Namespace] = index
		}
		translated := translation{server.Gateway, vs}
		number, known := t.numbers[translated]
		if !known {
			number = server.Spec.GetPort().GetNumber()
		}
		for _, own := range vs.Spec.Hosts {
			for _, common := range index.Common(host.ResolveHost(own, vs.Namespace)) {
				if t.addRoutes(strings.ToLower(common), server, vs, number) {
					t.numbers[translated] = number
				}
			}
		}
	}
	if !server.Spec.GetTls().GetHttpsRedirect() {
		return
	}
	for _, name := range server.Hosts {
		// istiod makes a virtual host for these names as they stand, which for "namespace/name" is one that no call is for.
		if !strings.Contains(name, "/") {
			t.host(strings.ToLower(name)).RedirectsToHTTPS = true
		}
	}
}

func (t *tableBuilder) host(name string) *VirtualHost {
	host := t.hosts[name]
	if host == nil {
		host = &VirtualHost{Workload: t.servers[0].Workload, Servers: t.servers, Host: name}
		t.hosts[name] = host
	}
	return host
}

// addRoutes appends a VirtualService's routes to a host, as they are for a server with that number, and says whether there are
// any. A VirtualService ends with its first catch-all: istiod sends no route after that one.
// Source: Istio's pilot/pkg/networking/core/route/route.go (BuildHTTPRoutesForVirtualService).
func (t *tableBuilder) addRoutes(name string, server *Server, vs *networking.VirtualService, number uint32) (found bool) {
	var end *GatewayRoute
	for _, rule := range host.HTTPRules(t.snapshot, vs) {
		for _, match := range matchPlaces(rule.Spec) {
			route := &GatewayRoute{
				Server: server, Host: name, VirtualService: vs, Holder: rule.Holder, Rule: rule.Index, Match: match,
				Spec: rule.Spec, Shadowed: end, rule: rule, number: number,
			}
			if !t.serves(route, number) {
				continue
			}
			route.match = host.RouteMatchOf(route.MatchSpec())
			host := t.host(name)
			host.RedirectsToHTTPS = host.RedirectsToHTTPS || server.Spec.GetTls().GetHttpsRedirect()
			t.add(seenRoute{host, rule.Spec, match}, route)
			if end == nil && route.match.IsCatchAll() {
				end = route
			}
			found = true
		}
	}
	return found
}

func (t *tableBuilder) add(key seenRoute, route *GatewayRoute) {
	switch {
	case t.seen[key]:
	case route.Shadowed != nil:
		t.unsent = append(t.unsent, unsentRoute{key, route})
	default:
		t.seen[key] = true
		key.host.Routes = append(key.host.Routes, route)
	}
}

// addUnsent appends the routes that istiod sends for none of its Gateways.
func (t *tableBuilder) addUnsent() {
	for _, unsent := range t.unsent {
		if !t.seen[unsent.seenRoute] {
			t.seen[unsent.seenRoute] = true
			unsent.host.Routes = append(unsent.host.Routes, unsent.route)
		}
	}
}

// matchPlaces are the places of a rule's matches, or -1 for the one match of a rule without.
func matchPlaces(rule *networkingapi.HTTPRoute) []int {
	if len(rule.Match) == 0 {
		return []int{-1}
	}
	places := make([]int, len(rule.Match))
	for i := range places {
		places[i] = i
	}
	return places
}

// serves reports whether a match is for this gateway at all: by port, gateway names, and the proxies' labels and namespace.
// Source: Istio's pilot/pkg/networking/core/route/route.go (TranslateRoute).
func (t *tableBuilder) serves(route *GatewayRoute, number uint32) bool {
	match := route.MatchSpec()
	if match == nil {
		return true
	}
	if match.Port != 0 && match.Port != number {
		return false
	}
	return servesClient(match, route.Holder.Namespace, route.Server.Gateway.Namespace+"/"+route.Server.Gateway.Name, t.gateway)
}

// MatchIsFor reports whether a match in an object of that namespace names a gateway ("namespace/name", or MeshGateway), or none at all.
// Source: Istio's pilot/pkg/networking/core/route/route.go (sourceMatchHTTP).
func MatchIsFor(match *networkingapi.HTTPMatchRequest, namespace, gateway string) bool {
	return len(match.GetGateways()) == 0 || slices.ContainsFunc(match.GetGateways(), func(name string) bool {
		return host.ResolveGatewayName(name, namespace) == gateway
	})
}

// servesClient reports whether proxies get a match in an object of that namespace: by the gateway that they serve (a resolved name),
// or where the match names none, by their namespace and labels.
// Source: Istio's pilot/pkg/networking/core/route/route.go (sourceMatchHTTP).
func servesClient(match *networkingapi.HTTPMatchRequest, namespace, gateway string, client proxy.Client) bool {
	if len(match.GetGateways()) > 0 {
		return MatchIsFor(match, namespace, gateway)
	}
	if from := match.GetSourceNamespace(); from != "" && from != client.Namespace {
		return false
	}
	return mesh.HasLabels(client.Labels, match.GetSourceLabels())
}

// ServedBy reports whether a gateway gets one of the rule's matches, whatever their ports: it is for one of the Gateways that the gateway
// serves, and for callers like its pods.
func ServedBy(s *mesh.Snapshot, rule *host.HTTPRule, workload *proxy.GatewayWorkload) bool {
	gateways, _ := host.GatewaysOf(s, rule.Root)
	for _, gateway := range gateways {
		if !slices.Contains(proxy.GatewayWorkloadsSelected(s, gateway), workload) {
			continue
		}
		for _, place := range matchPlaces(rule.Spec) {
			if place < 0 || servesClient(rule.Spec.Match[place], rule.Holder.Namespace, gateway.Namespace+"/"+gateway.Name, workload.Client()) {
				return true
			}
		}
	}
	return false
}

// sortRoutes puts a host's catch-alls last, and after them what istiod does not send, and says which routes are not reached.
// Source: Istio's pilot/pkg/networking/core/route/route.go (SortVHostRoutes).
func sortRoutes(host *VirtualHost) {
	rank := func(route *GatewayRoute) int {
		switch {
		case route.Shadowed != nil:
			return 2
		case route.match.IsCatchAll():
			return 1
		default:
			return 0
		}
	}
	slices.SortStableFunc(host.Routes, func(a, b *GatewayRoute) int { return cmp.Compare(rank(a), rank(b)) })
	ahead := newCoverage()
	for i, route := range host.Routes {
		route.position = i
		if route.Shadowed == nil {
			route.Shadowed = ahead.covering(route.match)
		}
		if route.Shadowed == nil {
			ahead.add(route)
		}
	}
}
