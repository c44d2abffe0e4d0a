package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// AskModel asks pkg/mesh what istiod does with the mesh.
func AskModel(m *Mesh) Facts {
	facts := Facts{}
	snapshot := m.Snapshot()
	for _, workload := range gatewayWorkloads(snapshot) {
		for _, pod := range workload.Pods {
			answer := &modelAnswer{snapshot: snapshot, workload: workload, proxy: pod.Name + "." + pod.Namespace, facts: facts}
			answer.tell()
		}
	}
	return facts
}

// gatewayWorkloads are the workloads that some Gateway selects.
func gatewayWorkloads(snapshot *mesh.Snapshot) []*proxy.GatewayWorkload {
	var workloads []*proxy.GatewayWorkload
	for _, gateway := range snapshot.Gateways().All() {
		for _, workload := range proxy.GatewayWorkloadsSelected(snapshot, gateway) {
			if !slices.Contains(workloads, workload) {
				workloads = append(workloads, workload)
			}
		}
	}
	return workloads
}

// modelAnswer is what the model has for one gateway.
type modelAnswer struct {
	snapshot *mesh.Snapshot
	workload *proxy.GatewayWorkload
	proxy    string
	facts    Facts
}

func (a *modelAnswer) set(topic, subject, value string) {
	a.facts.set(topic, a.proxy+" "+subject, value)
}

func (a *modelAnswer) tell() {
	a.tellServers()
	a.tellListeners()
	a.tellRoutes()
}

// tellServers gives the servers, each with its listener.
func (a *modelAnswer) tellServers() {
	for _, server := range gateway.Servers(a.snapshot, a.workload) {
		subject := serverSubject(server.Gateway.Namespace+"/"+server.Gateway.Name, server.Spec)
		if isKept(server) {
			a.set(topicServer, subject, "kept on "+address(server.Bind, int(server.ListenerPort)))
		} else {
			a.set(topicServer, subject, "dropped")
		}
	}
}

// isKept says that istiod keeps the server; what is wrong with it shows in the listener, or in Envoy.
func isKept(server *gateway.Server) bool {
	return server.Drop == "" || server.Drop == gateway.DropSNI || server.Drop == gateway.DropMatchAll
}

// tellListeners gives the listeners that read HTTP, with the chains that do, and those that Envoy would refuse.
func (a *modelAnswer) tellListeners() {
	refused := a.refusedListeners()
	for subject := range refused {
		a.set(topicListener, subject, refusedByEnvoy)
	}
	chains := map[string][]string{}
	for _, server := range gateway.Servers(a.snapshot, a.workload) {
		subject := address(server.Bind, int(server.ListenerPort))
		if !isKept(server) || server.LeftOut != "" || refused[subject] || !server.IsHTTP() {
			continue
		}
		if chain := chainText(server.IsTLS(), serverNames(server)); chain != "http" || !slices.Contains(chains[subject], chain) {
			chains[subject] = append(chains[subject], chain)
		}
	}
	for subject, of := range chains {
		slices.Sort(of)
		a.set(topicListener, subject, strings.Join(of, ", "))
	}
}

// refusedListeners are the addresses of those with filter chains that Envoy does not take side by side.
func (a *modelAnswer) refusedListeners() map[string]bool {
	refused := map[string]bool{}
	for _, server := range gateway.Servers(a.snapshot, a.workload) {
		if server.LeftOut == "" && (server.Drop == gateway.DropSNI || server.Drop == gateway.DropMatchAll) {
			refused[address(server.Bind, int(server.ListenerPort))] = true
		}
	}
	return refused
}

// serverNames are the host names of a server for TLS: without namespaces, and none for "*".
func serverNames(server *gateway.Server) []string {
	var names []string
	for _, host := range server.Hosts {
		name := host[strings.IndexByte(host, '/')+1:]
		if name == "*" {
			return nil
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// tellRoutes gives the virtual hosts with their routes, in the order in which Envoy tries them.
func (a *modelAnswer) tellRoutes() {
	refused := a.refusedListeners()
	for _, host := range gateway.VirtualHosts(a.snapshot, a.workload) {
		if refused[address(host.Servers[0].Bind, int(host.Servers[0].ListenerPort))] {
			continue
		}
		subject := tableName(host) + " " + host.Host
		a.set(topicHost, subject, hostText(host.RedirectsToHTTPS))
		var names []string
		order := true
		for _, route := range host.Routes {
			sent, known := isSent(route)
			if !known {
				order = false
				a.mayLeadTo(route)
				a.set(topicRoute, subject+" "+routeName(route), unknown)
				a.set(topicReached, subject+" "+routeName(route), unknown)
			}
			if !sent || !known {
				continue
			}
			names = append(names, routeName(route))
			a.set(topicRoute, subject+" "+routeName(route), a.leadsTo(route))
			a.set(topicReached, subject+" "+routeName(route), reachedBy(route))
		}
		if order {
			a.set(topicRoute, subject+" order", strings.Join(names, " "))
		} else {
			a.set(topicRoute, subject+" order", unknown)
		}
	}
}

// mayLeadTo tells of the clusters of a route that may not be sent: istiod speaks of them only if it is, and what it then says of
// them is not known, unless another route leads to them as well.
func (a *modelAnswer) mayLeadTo(route *gateway.GatewayRoute) {
	sent := *a
	sent.facts = Facts{}
	sent.leadsTo(route)
	for of := range sent.facts {
		if _, told := a.facts[of]; !told {
			a.facts[of] = unknown
		}
	}
}

// reachedBy: what a single route ahead takes from a route is known, what several take from it together is not.
func reachedBy(route *gateway.GatewayRoute) string {
	if route.Shadowed != nil {
		return reachedText(false)
	}
	return unknown
}

// isSent says whether istiod sends the route to Envoy at all: not after the first catch-all of its VirtualService. That is not
// known where the VirtualService is bound to several Gateways: for another one the catch-all may not be there, and the route is sent
// behind it all the same, where no call comes to it.
func isSent(route *gateway.GatewayRoute) (sent, known bool) {
	by := route.Shadowed
	if by == nil || !by.CatchesAll() || mesh.KeyOf(by.VirtualService) != mesh.KeyOf(route.VirtualService) {
		return true, true
	}
	return false, len(route.VirtualService.Spec.GetGateways()) < 2
}

// tableName is what istiod calls the route table.
// Source: Istio pilot/pkg/model/gateway.go (gatewayRDSRouteName).
func tableName(host *gateway.VirtualHost) string {
	server := host.Servers[0]
	name := fmt.Sprintf("http.%d", server.ListenerPort)
	if server.IsTLS() {
		port := server.Spec.GetPort()
		name = fmt.Sprintf("https.%d.%s.%s.%s", port.GetNumber(), port.GetName(), server.Gateway.Name, server.Gateway.Namespace)
	}
	if server.Bind != "" {
		name += "." + server.Bind
	}
	return name
}

// routeName is what istiod calls the route: by its rule and its match.
// Source: Istio pilot/pkg/networking/core/route/route.go (TranslateRoute).
func routeName(route *gateway.GatewayRoute) string {
	if name := route.MatchSpec().GetName(); name != "" {
		return route.Spec.Name + "." + name
	}
	return route.Spec.Name
}

// leadsTo says where a route leads, as clusters.
func (a *modelAnswer) leadsTo(route *gateway.GatewayRoute) string {
	switch {
	case route.Spec.Redirect != nil:
		return "redirect"
	case route.Spec.DirectResponse != nil:
		return "direct response"
	}
	var shares []string
	all := true
	for _, destination := range host.Destinations(a.snapshot, route.Spec, route.Holder.Namespace) {
		share := a.tellCluster(route, destination)
		all = all && share != unknown
		if len(route.Spec.Route) > 1 {
			share += fmt.Sprintf(" weight %d", route.Spec.Route[destination.Index].Weight)
		}
		shares = append(shares, share)
	}
	if !all {
		return unknown
	}
	return strings.Join(shares, ", ")
}
