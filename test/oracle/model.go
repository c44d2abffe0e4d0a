package oracle

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// AskModel asks pkg/mesh what istiod does with the mesh.
func AskModel(m *Mesh) Facts {
	facts := Facts{}
	snapshot := m.Snapshot()
	for _, workload := range gatewayWorkloads(snapshot, m.gatewayPods()) {
		for _, pod := range workload.Pods {
			answer := &modelAnswer{snapshot: snapshot, workload: workload, proxy: pod.Name + "." + pod.Namespace, facts: facts}
			answer.tell()
		}
	}
	return facts
}

// gatewayWorkloads are the workloads of the gateway pods, as far as some Gateway selects them.
func gatewayWorkloads(snapshot *mesh.Snapshot, pods []*core.Pod) []*mesh.GatewayWorkload {
	var workloads []*mesh.GatewayWorkload
	for _, gateway := range snapshot.Gateways().All() {
		for _, workload := range snapshot.GatewayWorkloadsSelected(gateway) {
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
	workload *mesh.GatewayWorkload
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
	a.tellClusters()
}

// tellServers gives the servers, each with its listener.
func (a *modelAnswer) tellServers() {
	for _, server := range a.snapshot.Servers(a.workload) {
		subject := serverSubject(server.Gateway.Namespace+"/"+server.Gateway.Name, server.Spec)
		if isKept(server) {
			a.set(topicServer, subject, "kept on "+address(server.Bind, int(server.ListenerPort)))
		} else {
			a.set(topicServer, subject, "dropped")
		}
	}
}

// isKept says that istiod keeps the server; what is wrong with it shows in the listener, or in Envoy.
func isKept(server *mesh.Server) bool {
	return server.Drop == "" || server.Drop == mesh.DropSNI || server.Drop == mesh.DropMatchAll
}

// tellListeners gives the listeners that read HTTP, with the chains that do, and those that Envoy would refuse.
func (a *modelAnswer) tellListeners() {
	chains := map[string][]string{}
	for _, server := range a.snapshot.Servers(a.workload) {
		if !isKept(server) || server.LeftOut != "" {
			continue
		}
		subject := address(server.Bind, int(server.ListenerPort))
		if server.Drop != "" {
			a.set(topicListener, subject+" in Envoy", "refused")
		}
		if !server.IsHTTP() {
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

// serverNames are the host names of a server for TLS: without namespaces, and none for "*".
func serverNames(server *mesh.Server) []string {
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
	for _, host := range a.snapshot.VirtualHosts(a.workload) {
		subject := tableName(host) + " " + host.Host
		a.set(topicHost, subject, hostText(host.RedirectsToHTTPS))
		var names []string
		for _, route := range host.Routes {
			if !isSent(route) {
				continue
			}
			names = append(names, routeName(route))
			a.set(topicRoute, subject+" "+routeName(route), a.leadsTo(route))
		}
		a.set(topicRoute, subject+" order", strings.Join(names, " "))
	}
}

// isSent says whether istiod sends the route to Envoy at all: not after the first catch-all of its VirtualService.
func isSent(route *mesh.GatewayRoute) bool {
	by := route.Shadowed
	return by == nil || !by.CatchesAll() || mesh.KeyOf(by.VirtualService) != mesh.KeyOf(route.VirtualService)
}

// tableName is what istiod calls the route table.
// Source: Istio pilot/pkg/model/gateway.go (gatewayRDSRouteName).
func tableName(host *mesh.VirtualHost) string {
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
func routeName(route *mesh.GatewayRoute) string {
	if name := route.MatchSpec().GetName(); name != "" {
		return route.Spec.Name + "." + name
	}
	return route.Spec.Name
}

// leadsTo says where a route leads, as clusters.
func (a *modelAnswer) leadsTo(route *mesh.GatewayRoute) string {
	switch {
	case route.Spec.Redirect != nil:
		return "redirect"
	case route.Spec.DirectResponse != nil:
		return "direct response"
	}
	destinations := a.snapshot.Destinations(route.Spec, route.Holder.Namespace)
	var shares []string
	for _, destination := range destinations {
		shares = append(shares, a.clusterName(route, destination))
		if len(route.Spec.Route) > 1 {
			weight := route.Spec.Route[destination.Index].Weight
			shares[len(shares)-1] += fmt.Sprintf(" weight %d", weight)
		}
	}
	return strings.Join(shares, ", ")
}

func (a *modelAnswer) clusterName(route *mesh.GatewayRoute, destination mesh.Destination) string {
	host := destination.Host
	if named := a.snapshot.ServiceByHost(host); named != nil && named.Spec.Type == core.ServiceTypeExternalName {
		host = named.Spec.ExternalName
	}
	return fmt.Sprintf("outbound|%d|%s|%s", route.PortOf(destination), destination.Spec.GetSubset(), host)
}
