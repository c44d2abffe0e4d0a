package expose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// defaultGatewaySelector is what Istio's own ingress gateway is labelled with in every profile that has one, and
// defaultGatewayNamespace where it is.
var (
	defaultGatewaySelector  = map[string]string{"istio": "ingressgateway"}
	defaultGatewayNamespace = "istio-system"
)

// findGateway finds the proxies that take the calls from outside. Of several it chooses none: whoever may create pods can give them
// a gateway's labels. Only the proxies on which the workload is exposed already, by the word of its own namespace, need not be named.
func (b *builder) findGateway() error {
	candidates, err := b.gatewayCandidates()
	if err != nil {
		return err
	}
	if len(b.intent.GatewaySelector) > 0 {
		match := labels.SelectorFromSet(b.intent.GatewaySelector)
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(w *proxy.GatewayWorkload) bool {
			return !match.Matches(labels.Set(w.Labels))
		})
	}
	named := gatewaysNamed(candidates, b.intent.GatewayWorkload)
	switch {
	case len(named) == 1:
		return b.takeGateway(named[0])
	case len(named) > 1:
		if inUse := b.gatewayInUse(named); inUse != nil {
			return b.takeGateway(inUse)
		}
		return refuse("Say which one: --gateway-workload NAMESPACE/NAME", "the mesh has several gateways:").choices(gatewayChoices(named))
	case len(candidates) > 0:
		return refuse("Name one of those, or leave --gateway-workload out", "%s is not among the gateways that can be used; there are:", b.intent.GatewayWorkload).
			choices(gatewayChoices(candidates))
	case b.intent.Offline:
		return b.assumeGateway()
	case len(b.intent.GatewaySelector) > 0:
		return refuse("Leave --gateway-selector out to see which there are",
			"no gateway's pods carry the labels %s", labels.Set(b.intent.GatewaySelector))
	}
	if reason, unknown := b.snapshot.Unknown(mesh.KindDeployment, "", ""); unknown {
		return refuse("Ask for the permission to read the gateway's namespace", "no gateway is in sight: %s", reason)
	}
	return refuse("Install one (for example the chart istio/gateway; on Tencent Cloud Mesh add an ingress gateway to the mesh), or name its pods with --gateway-selector",
		"the mesh has no ingress gateway: no pods in this cluster run one")
}

// takeGateway takes the proxies, and names those elsewhere that get the same configuration because their labels are the same.
func (b *builder) takeGateway(gateway *proxy.GatewayWorkload) error {
	b.result.Gateway = gateway
	selector := labels.SelectorFromSet(b.gatewaySelector())
	for _, other := range proxy.GatewayWorkloads(b.snapshot) {
		if other != gateway && selector.Matches(labels.Set(other.Labels)) {
			b.note("%s has the labels of %s too (%s): istiod sends it the same Gateways and routes. This exposure does not use it; check who runs it", other, gateway, selector)
		}
	}
	return nil
}

// gatewayInUse are those of several proxies on which a route and a Gateway of the workload's own namespace have it exposed already;
// nil where none is, or there is a doubt.
func (b *builder) gatewayInUse(candidates []*proxy.GatewayWorkload) *proxy.GatewayWorkload {
	var inUse []*proxy.GatewayWorkload
	for _, entrance := range Entrances(b.snapshot, b.workload) {
		gateway := entrance.Route.Server.Gateway
		if gateway.Namespace != b.workload.Namespace() || entrance.Route.VirtualService.Namespace != b.workload.Namespace() {
			continue
		}
		serving, trusted := servingGateway(b.snapshot, gateway, proxy.GatewayWorkloadsSelected(b.snapshot, gateway))
		switch {
		case !trusted || !slices.Contains(candidates, serving):
			return nil
		case !slices.Contains(inUse, serving):
			inUse = append(inUse, serving)
		}
	}
	if len(inUse) != 1 {
		return nil
	}
	return inUse[0]
}

// assumeGateway puts a gateway into the snapshot, where files hold none: everything else can then be judged as in a cluster.
// Which ports it opens is not known, so openPort leaves it alone.
func (b *builder) assumeGateway() error {
	selector := b.intent.GatewaySelector
	if gateway := b.gatewayInFiles(); len(selector) == 0 && gateway != nil {
		selector = gateway.Spec.GetSelector()
		b.note("The files hold no gateway workload: took the one that Gateway %s/%s selects, --gateway-selector %s",
			gateway.Namespace, gateway.Name, labels.Set(selector))
	} else if len(selector) == 0 {
		selector = defaultGatewaySelector
		b.note("The files hold no gateway workload: took Istio's default, --gateway-selector %s", labels.Set(selector))
	}
	b.gatewayAssumed, b.intent.GatewaySelector = true, selector
	namespace, name := defaultGatewayNamespace, "assumed-gateway"
	if words := strings.Split(b.intent.GatewayWorkload, "/"); len(words) > 1 {
		namespace, name = words[len(words)-2], words[len(words)-1]
	}
	proxies := &apps.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: apps.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: core.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: selector},
				Spec:       core.PodSpec{Containers: []core.Container{{Name: "istio-proxy", Args: []string{"proxy", "router"}}}},
			},
		},
	}
	b.snapshot = b.snapshot.With(mesh.Change{Put: []mesh.Object{proxies}})
	for _, gateway := range proxy.GatewayWorkloads(b.snapshot) {
		if gateway.Workload != nil && gateway.Workload.Key == mesh.KeyOf(proxies) {
			b.result.Gateway = gateway
		}
	}
	return nil
}

// gatewayInFiles is the Gateway of --gateway, else one of those in the files if all select the same; nil if there is none.
func (b *builder) gatewayInFiles() *networking.Gateway {
	if b.intent.Gateway != "" {
		gateway, _ := b.namedGateway()
		return gateway
	}
	gateways := b.snapshot.Gateways().All()
	if len(gateways) == 0 || len(gateways[0].Spec.GetSelector()) == 0 || slices.ContainsFunc(gateways, func(other *networking.Gateway) bool {
		return !maps.Equal(other.Spec.GetSelector(), gateways[0].Spec.GetSelector())
	}) {
		return nil
	}
	return gateways[0]
}

// gatewayCandidates are the proxies that the Gateway of --gateway selects, else all ingress gateways.
func (b *builder) gatewayCandidates() ([]*proxy.GatewayWorkload, error) {
	if b.intent.Gateway == "" {
		return proxy.GatewayWorkloads(b.snapshot), nil
	}
	gateway, err := b.namedGateway()
	if err != nil {
		return nil, err
	}
	selected := proxy.GatewayWorkloadsSelected(b.snapshot, gateway)
	if len(selected) == 0 && !b.intent.Offline {
		return nil, refuse("Correct its selector (kubectl grpcexpose lint explains), or choose another Gateway",
			"Gateway %s selects no pods: %s", b.intent.Gateway, labels.Set(gateway.Spec.GetSelector()))
	}
	return selected, nil
}

func (b *builder) namedGateway() (*networking.Gateway, error) {
	namespace, name, qualified := strings.Cut(b.intent.Gateway, "/")
	if !qualified {
		namespace, name = b.workload.Namespace(), b.intent.Gateway
	}
	if gateway, ok := b.snapshot.Gateways().Get(namespace, name); ok {
		return gateway, nil
	}
	var choices []string
	for _, gateway := range b.snapshot.Gateways().All() {
		choices = append(choices, "--gateway "+gateway.Namespace+"/"+gateway.Name)
	}
	return nil, refuse("Name one that is there, or leave --gateway out to get a new one",
		"there is no Gateway %s/%s", namespace, name).choices(choices[:min(len(choices), 10)])
}

// GatewaySelector is what chooses one of several gateways.
type GatewaySelector struct {
	Labels   labels.Set
	Workload *proxy.GatewayWorkload
}

// GatewaySelectors are labels that tell the ingress gateways of the mesh apart, by namespace and name of the gateway.
func GatewaySelectors(snapshot *mesh.Snapshot) []GatewaySelector {
	gateways := proxy.GatewayWorkloads(snapshot)
	var selectors []GatewaySelector
	for _, gateway := range gateways {
		selectors = append(selectors, GatewaySelector{Labels: selectorFor(gateway, gateways), Workload: gateway})
	}
	return selectors
}

// selectorFor are labels that select these proxies and no other gateway's: the label "istio" alone where that does it,
// which is what people know it by, else "app", else all labels that its own workload selects by.
func selectorFor(gateway *proxy.GatewayWorkload, all []*proxy.GatewayWorkload) map[string]string {
	for _, key := range []string{"istio", "app"} {
		value, ok := gateway.Labels[key]
		if !ok {
			continue
		}
		others := slices.ContainsFunc(all, func(w *proxy.GatewayWorkload) bool { return w != gateway && w.Labels[key] == value })
		if !others {
			return map[string]string{key: value}
		}
	}
	if gateway.Workload != nil {
		if selector := workload.MatchLabels(gateway.Workload.Object); len(selector) > 0 {
			return selector
		}
	}
	return gateway.Labels
}

// openPort sees to it that the gateway's Service leads the port to the proxies.
func (b *builder) openPort() error {
	gateway := b.result.Gateway
	if slices.Contains(gatewaysOwnPorts, b.result.Port) {
		return refuse("Choose another one with --port", "port %d is the gateway's own: its proxies answer health checks and the like there", b.result.Port)
	}
	if b.gatewayAssumed {
		b.note("The files do not say which ports the gateway's Service opens: port %d must be among them", b.result.Port)
		return nil
	}
	if b.isOpen(gateway) {
		return nil
	}
	if len(gateway.Services) == 0 {
		return refuse("Make a Service for it, with a port "+fmt.Sprint(b.result.Port), "no Service selects the pods of the gateway %s", gateway)
	}
	service := mainService(gateway.Services)
	if why, synced := proxy.PortsAreSynced(gateway); synced {
		key := mesh.KeyOf(service)
		b.result.AwaitPort = &key
		b.note("Port %d is not open on %s yet, and will be waited for: %s", b.result.Port, key, why)
		return nil
	}
	if b.intent.OpenGatewayPort {
		return b.addGatewayPort(service)
	}
	return b.portClosed(service)
}

// isOpen says that calls from outside reach the listener under the port's own number. A Gateway server may also name what a
// Service port leads to: its listener is then reached, but under the number of that Service port.
func (b *builder) isOpen(gw *proxy.GatewayWorkload) bool {
	listeners, reached := gateway.ListenerPorts(b.snapshot, gw, uint32(b.result.Port))
	ways := b.waysTo(gw, listeners)
	return reached && (len(ways) == 0 || gw.Template.Spec.HostNetwork || slices.ContainsFunc(ways, func(way gateway.OpenPort) bool {
		return way.Port.Port == b.result.Port
	}))
}

// waysTo are the Service ports that lead to one of the listeners.
func (b *builder) waysTo(gw *proxy.GatewayWorkload, listeners []int32) []gateway.OpenPort {
	return slices.DeleteFunc(slices.Clone(gateway.OpenPorts(b.snapshot, gw)), func(way gateway.OpenPort) bool {
		return !slices.Contains(listeners, way.TargetPort)
	})
}

// mainService is the Service through which calls from outside come: a load balancer's before the others.
func mainService(services []*core.Service) *core.Service {
	for _, service := range services {
		if service.Spec.Type == core.ServiceTypeLoadBalancer {
			return service
		}
	}
	return services[0]
}

func gatewayPortName(port int32) string { return fmt.Sprintf("grpc-%d", port) }

func gatewayPortPath(port int32) plan.Path {
	return plan.Path{"spec", "ports", fmt.Sprintf("port=%d,protocol=TCP", port)}
}

func (b *builder) addGatewayPort(service *core.Service) error {
	object, err := mesh.ToUnstructured(service)
	if err != nil {
		return err
	}
	target := b.result.Port
	if target < firstUnprivilegedPort {
		// The proxies run without the right to bind such a port; Istio's own gateways map 80 to 8080 and 443 to 8443.
		target += 8000
	}
	port := map[string]any{
		"name": freePortName(service, gatewayPortName(b.result.Port)), "port": int64(b.result.Port), "protocol": "TCP", "targetPort": int64(target),
	}
	return b.update(plan.Update, service, fmt.Sprintf("the gateway's Service does not open port %d", b.result.Port),
		plan.Set(object, port, gatewayPortPath(b.result.Port)...))
}

const firstUnprivilegedPort = 1024

func (b *builder) portClosed(service *core.Service) error {
	if ways := b.waysTo(b.result.Gateway, []int32{b.result.Port}); len(ways) > 0 {
		return refuse(fmt.Sprintf("Use --port %d", ways[0].Port.Port), "%d is what port %d of %s leads to in the gateway's pods; calls from outside come in through port %d",
			b.result.Port, ways[0].Port.Port, mesh.KeyOf(ways[0].Service), ways[0].Port.Port)
	}
	var open []string
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		switch {
		case port.NodePort == b.result.Port:
			return refuse(fmt.Sprintf("Use --port %d; from outside it is reached through node port %d", port.Port, port.NodePort),
				"%d is the node port of port %d of %s: a Gateway names the Service's port", b.result.Port, port.Port, mesh.KeyOf(service))
		case port.Protocol == core.ProtocolTCP && port.Port != gateway.StatusPort:
			open = append(open, fmt.Sprintf("--port %d%s", port.Port, nameInBrackets(port.Name)))
		}
	}
	return refuse("Choose one of them, or have the port added with --open-gateway-port",
		"the gateway's %s does not open port %d; open are:", mesh.KeyOf(service), b.result.Port).choices(open)
}

// gatewaysOwnPorts are those on which every proxy listens itself: administration, debugging, merged metrics, status, Envoy's
// metrics. Source: Istio's documentation, "Ports used by Istio sidecar".
var gatewaysOwnPorts = []int32{15000, 15004, 15020, gateway.StatusPort, 15090}
