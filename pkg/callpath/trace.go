package callpath

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Hop is a place that calls go through on their way to a workload.
type Hop struct {
	// Object is what stands there.
	Object mesh.Object
	// Text says what it does with the calls, without the object's name.
	Text string
	// Broken says why no call gets further, empty where calls do.
	Broken string
	// Unknown says what could not be read, so that calls may get further here all the same; empty where all is known.
	Unknown string
	// Next are the places that calls go to from here.
	Next []*Hop
}

// Trace is the way of calls to a workload, from each gateway's address to the pods: one tree for each gateway port that
// leads there. Where no gateway leads there, the trees begin with the Services, or with the workload itself.
func Trace(snapshot *mesh.Snapshot, w *workload.Workload) []*Hop {
	t := &tracer{snapshot: snapshot, workload: w}
	var roots []*Hop
	for _, service := range workload.ServicesSelecting(snapshot, w) {
		for _, exposed := range exposure.ExposedPortsOf(snapshot, service) {
			roots = append(roots, t.toPort(exposed)...)
		}
	}
	if len(roots) == 0 {
		reached := t.pods()
		reached.Broken = "no Service port leads gRPC calls here"
		if reason, unknown := snapshot.Unknown(mesh.KindService, w.Namespace(), ""); unknown {
			reached.Broken, reached.Unknown = "", "which Services lead here is not known: "+reason
		}
		return []*Hop{reached}
	}
	return merge(roots)
}

type tracer struct {
	snapshot *mesh.Snapshot
	workload *workload.Workload
}

// toPort are the ways to one Service port: a chain for each route, or the port alone.
func (t *tracer) toPort(exposed *exposure.ExposedPort) []*Hop {
	var chains []*Hop
	for _, route := range gateway.RoutesTo(t.snapshot, exposed.Service, exposed.Port.Port) {
		chains = append(chains, t.chain(route, exposed))
	}
	for _, backend := range gatewayapi.RouteBackendsTo(t.snapshot, exposed.Service, exposed.Port.Port) {
		for _, attached := range backend.Listeners {
			chains = append(chains, t.apiChain(backend.Route, attached, exposed))
		}
	}
	if len(chains) == 0 {
		port := t.servicePort(exposed)
		if port.Unknown = t.unreadRoutes(); port.Unknown == "" {
			port.Text += "; no gateway leads here"
		}
		return []*Hop{port}
	}
	return chains
}

// unreadRoutes says what could not be read and may lead here from a gateway, empty for nothing.
func (t *tracer) unreadRoutes() string {
	for _, kind := range []mesh.Kind{mesh.KindVirtualService, mesh.KindGateway, mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindKubernetesGateway} {
		if reason, unknown := t.snapshot.Unknown(kind, "", ""); unknown {
			return "whether a gateway leads here is not known: " + reason
		}
	}
	return ""
}

// apiChain is the way of a route of the Gateway API: the Gateway's address and listener, the route, Service port, pods.
func (t *tracer) apiChain(route mesh.Object, attached gatewayapi.AttachedListener, exposed *exposure.ExposedPort) *Hop {
	listener := attached.Listener
	text := fmt.Sprintf("listener %s, port %d, %s", listener.Name, listener.Port, listener.Protocol)
	var addresses []string
	for _, address := range attached.Gateway.Status.Addresses {
		addresses = append(addresses, address.Value)
	}
	if len(addresses) > 0 {
		text = withPort(addresses, listener.Port) + ", " + text
	}
	return &Hop{Object: attached.Gateway, Text: text, Next: []*Hop{
		{Object: route, Text: "routes to the Service", Next: []*Hop{t.servicePort(exposed)}},
	}}
}

// chain is the way of one route: address, gateway Service port, Gateway server, rule, Service port, pods.
func (t *tracer) chain(route *gateway.GatewayRoute, exposed *exposure.ExposedPort) *Hop {
	server := route.Server
	rule := &Hop{Object: route.VirtualService, Text: ruleText(route), Next: []*Hop{t.servicePort(exposed)}}
	if route.Shadowed != nil {
		ahead := route.Shadowed.VirtualService
		rule.Broken = mesh.KeyOf(ahead).String() + " takes these calls first"
	}
	if taken := t.takenBeside(route); taken != "" && route.Shadowed == nil {
		rule.Text += "; " + taken
	}
	listener := &Hop{Object: server.Gateway, Text: serverText(server) + t.onWorkload(server), Next: []*Hop{rule}}
	switch {
	case server.LeftOut != "":
		listener.Broken = server.LeftOut
	case !server.Lives():
		listener.Broken = server.DropReason
	}
	return t.gatewayPort(server, listener)
}

// takenBeside names the calls of the route's host that other VirtualServices take.
func (t *tracer) takenBeside(route *gateway.GatewayRoute) string {
	if route.Server.Workload == nil {
		return ""
	}
	hosts, own := gateway.VirtualHosts(t.snapshot, route.Server.Workload), mesh.NamespacedName(route.VirtualService)
	for _, host := range hosts {
		if !slices.Contains(host.Routes, route) {
			continue
		}
		listener := slices.DeleteFunc(slices.Clone(hosts), func(other *gateway.VirtualHost) bool {
			return len(other.Servers) == 0 || other.Servers[0].ListenerPort != route.Server.ListenerPort || other.Servers[0].IsTLS() != route.Server.IsTLS()
		})
		taken := []string{TakenText(OthersOnHost(host, own)), TakenByName(listener, []string{host.Host}, own)}
		return strings.Join(slices.DeleteFunc(taken, func(text string) bool { return text == "" }), ", ")
	}
	return ""
}

func ruleText(route *gateway.GatewayRoute) string {
	calls := "all calls"
	if match := route.MatchSpec(); match != nil {
		calls = "calls"
		if prefix := match.GetUri().GetPrefix(); prefix != "" {
			calls = "calls of " + prefix
		}
	}
	return fmt.Sprintf("rule %d, %s for %s", route.Rule+1, calls, hostText(route.Host))
}

// onWorkload names the proxies of a server whose Gateway is on several.
func (t *tracer) onWorkload(server *gateway.Server) string {
	if server.Workload == nil || len(proxy.GatewayWorkloadsSelected(t.snapshot, server.Gateway)) < 2 {
		return ""
	}
	return ", on " + server.Workload.String()
}

func serverText(server *gateway.Server) string {
	port := server.Spec.GetPort()
	return fmt.Sprintf("server on port %d, %s, hosts %s", port.GetNumber(), port.GetProtocol(), strings.Join(server.Spec.GetHosts(), ", "))
}

// gatewayPort puts the gateway's Service, with its addresses, in front of a listener.
func (t *tracer) gatewayPort(server *gateway.Server, listener *Hop) *Hop {
	if server.Workload == nil {
		// Its proxies were not read: nothing can be said of what is in front of them.
		return listener
	}
	number := int32(server.Spec.GetPort().GetNumber())
	for _, open := range gateway.OpenPorts(t.snapshot, server.Workload) {
		if open.TargetPort != server.ListenerPort {
			continue
		}
		addresses := proxy.ServiceAddresses(open.Service)
		text := fmt.Sprintf("port %d → %d", open.Port.Port, open.TargetPort)
		if len(addresses) > 0 {
			text = fmt.Sprintf("%s, %s", withPort(addresses, open.Port.Port), text)
		} else {
			text += ", no address outside"
		}
		return &Hop{Object: open.Service, Text: text, Next: []*Hop{listener}}
	}
	closed := &Hop{Object: server.Gateway, Next: []*Hop{listener}, Text: fmt.Sprintf("port %d", number), Broken: "no Service of the gateway opens the port"}
	if len(server.Workload.Services) > 0 {
		closed.Object = proxy.MainService(server.Workload.Services)
	}
	return closed
}

func withPort(addresses []string, port int32) string {
	texts := make([]string, len(addresses))
	for i, address := range addresses {
		texts[i] = fmt.Sprintf("%s:%d", address, port)
	}
	return strings.Join(texts, ", ")
}

func (t *tracer) servicePort(exposed *exposure.ExposedPort) *Hop {
	target := exposed.Port.TargetPort.String()
	if number, _, ok := workload.TargetPort(exposed.Port, t.workload.Template); ok {
		target = fmt.Sprint(number)
	}
	protocol := workload.ServicePortProtocol(exposed.Port)
	text := fmt.Sprintf("port %s → %s, %s to Istio", workload.PortText(exposed.Port), target, protocol)
	return &Hop{Object: exposed.Service, Text: text, Next: []*Hop{t.pods()}}
}

// pods is the workload with its pods.
func (t *tracer) pods() *Hop {
	hop := &Hop{Object: t.workload.Object}
	ready, proxies := 0, 0
	for _, pod := range workload.PodsOf(t.snapshot, t.workload) {
		if pod.DeletionTimestamp != nil {
			continue
		}
		reached := &Hop{Object: pod, Text: podText(pod), Broken: t.notReady(pod)}
		if reached.Broken == "" {
			ready++
		}
		if _, has := proxy.ProxyOf(pod); has {
			proxies++
		}
		hop.Next = append(hop.Next, reached)
	}
	if reason, unknown := t.snapshot.Unknown(mesh.KindPod, t.workload.Namespace(), ""); unknown && len(hop.Next) == 0 {
		hop.Text, hop.Unknown = "pods not read", reason
		return hop
	}
	if _, unknown := t.snapshot.Unknown(mesh.KindEndpointSlice, t.workload.Namespace(), ""); unknown && len(hop.Next) > 0 {
		return t.withoutEndpoints(hop, proxies)
	}
	hop.Text = fmt.Sprintf("%d of %d pods ready, %d with a proxy", ready, len(hop.Next), proxies)
	switch {
	case len(hop.Next) == 0:
		hop.Text, hop.Broken = "no pods", "it has no pods: nothing takes calls"
	case ready == 0:
		hop.Broken = "no pod takes calls"
	}
	return hop
}

// withoutEndpoints counts ready pods by the workload's own status, where the EndpointSlices were not read.
func (t *tracer) withoutEndpoints(hop *Hop, proxies int) *Hop {
	if !t.workload.HasStatus {
		hop.Text = fmt.Sprintf("%d pods, %d with a proxy; which of them are ready was not read", len(hop.Next), proxies)
		return hop
	}
	hop.Text = fmt.Sprintf("%d of %d pods ready, %d with a proxy", t.workload.ReadyReplicas, len(hop.Next), proxies)
	if t.workload.ReadyReplicas == 0 {
		hop.Broken = "no pod takes calls"
	}
	return hop
}

// PodsText counts the pods of a workload, and those that are ready or have a proxy.
func PodsText(snapshot *mesh.Snapshot, workload *workload.Workload) string {
	return (&tracer{snapshot: snapshot, workload: workload}).pods().Text
}

// WhyUnknown is the first thing on the paths that could not be read, empty where all was.
func WhyUnknown(hops []*Hop) string {
	for _, hop := range hops {
		if why := cmp.Or(hop.Unknown, WhyUnknown(hop.Next)); why != "" {
			return why
		}
	}
	return ""
}

func podText(pod *core.Pod) string {
	proxy, has := proxy.ProxyOf(pod)
	switch {
	case !has:
		return "no proxy"
	case proxy.Revision != "":
		return "proxy of revision " + proxy.Revision
	default:
		return "proxy"
	}
}

// notReady says that a pod gets no calls, from the EndpointSlices: live pods are read without their status.
func (t *tracer) notReady(pod *core.Pod) string {
	if _, unknown := t.snapshot.Unknown(mesh.KindEndpointSlice, pod.Namespace, ""); unknown {
		return ""
	}
	found := false
	for _, slice := range t.snapshot.EndpointSlices().In(pod.Namespace) {
		for _, endpoint := range slice.Endpoints {
			if endpoint.TargetRef == nil || endpoint.TargetRef.Name != pod.Name {
				continue
			}
			found = true
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return ""
			}
		}
	}
	if !found {
		return ""
	}
	return "not ready"
}

// merge joins chains that begin alike into trees.
func merge(hops []*Hop) []*Hop {
	var merged []*Hop
	for _, hop := range hops {
		at := slices.IndexFunc(merged, func(other *Hop) bool {
			return mesh.KeyOf(other.Object) == mesh.KeyOf(hop.Object) && other.Text == hop.Text
		})
		if at < 0 {
			merged = append(merged, hop)
			continue
		}
		merged[at].Next = append(merged[at].Next, hop.Next...)
	}
	for _, hop := range merged {
		hop.Next = merge(hop.Next)
	}
	return merged
}

// IsUnknown reports whether something on the path from the hop could not be read, so that nobody can tell how far calls get.
func (h *Hop) IsUnknown() bool {
	return h.Unknown != "" || slices.ContainsFunc(h.Next, (*Hop).IsUnknown)
}

// Reaches says that calls get from the hop to a pod without meeting anything broken.
func (h *Hop) Reaches() bool {
	if h.Broken != "" {
		return false
	}
	if _, isPod := h.Object.(*core.Pod); isPod {
		return true
	}
	return slices.ContainsFunc(h.Next, (*Hop).Reaches)
}
