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

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// defaultGatewaySelector is what Istio's own ingress gateway is labelled with in every profile that has one, and
// defaultGatewayNamespace where it is.
var (
	defaultGatewaySelector  = map[string]string{"istio": "ingressgateway"}
	defaultGatewayNamespace = "istio-system"
)

// gatewayChoice is what findGateway decides.
type gatewayChoice struct {
	pods *proxy.GatewayWorkload
	// selector is what a new Gateway for them selects.
	selector map[string]string
	// assumed: the snapshot has them and the files do not.
	assumed bool
}

// findGateway finds the proxies that take the calls from outside. Of several it chooses none: whoever may create pods can give them
// a gateway's labels. Only the proxies on which the workload is exposed already, by the word of its own namespace, need not be named.
func (d *draft) findGateway() (gatewayChoice, error) {
	candidates, err := d.gatewayCandidates()
	if err != nil {
		return gatewayChoice{}, err
	}
	if len(d.intent.GatewaySelector) > 0 {
		match := labels.SelectorFromSet(d.intent.GatewaySelector)
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(w *proxy.GatewayWorkload) bool {
			return !match.Matches(labels.Set(w.Labels))
		})
	}
	named := gatewaysNamed(candidates, d.intent.GatewayWorkload)
	switch {
	case len(named) == 1:
		return d.takeGateway(named[0]), nil
	case len(named) > 1:
		if inUse := d.gatewayInUse(named); inUse != nil {
			return d.takeGateway(inUse), nil
		}
		return gatewayChoice{}, refuse("Say which one: --gateway-workload NAMESPACE/NAME", "the mesh has several gateways:").choices(gatewayChoices(named))
	case len(candidates) > 0:
		return gatewayChoice{}, refuse("Name one of those, or leave --gateway-workload out", "%s is not among the gateways that can be used; there are:", d.intent.GatewayWorkload).
			choices(gatewayChoices(candidates))
	case d.intent.Offline:
		return d.assumeGateway()
	case len(d.intent.GatewaySelector) > 0:
		return gatewayChoice{}, refuse("Leave --gateway-selector out to see which there are",
			"no gateway's pods carry the labels %s", labels.Set(d.intent.GatewaySelector))
	}
	if reason, unknown := d.snapshot.Unknown(mesh.KindDeployment, "", ""); unknown {
		return gatewayChoice{}, refuse("Ask for the permission to read the gateway's namespace", "no gateway is in sight: %s", reason)
	}
	return gatewayChoice{}, refuse("Install one (for example the chart istio/gateway; on Tencent Cloud Mesh add an ingress gateway to the mesh), or name its pods with --gateway-selector",
		"the mesh has no ingress gateway: no pods in this cluster run one")
}

// takeGateway takes the proxies, and names those elsewhere that get the same configuration because their labels are the same.
func (d *draft) takeGateway(gateway *proxy.GatewayWorkload) gatewayChoice {
	choice := gatewayChoice{pods: gateway, selector: d.intent.GatewaySelector}
	if len(choice.selector) == 0 {
		choice.selector = selectorFor(gateway, proxy.GatewayWorkloads(d.snapshot))
	}
	selector := labels.SelectorFromSet(choice.selector)
	for _, other := range proxy.GatewayWorkloads(d.snapshot) {
		if other != gateway && selector.Matches(labels.Set(other.Labels)) {
			d.note("%s has the labels of %s too (%s): istiod sends it the same Gateways and routes. This exposure does not use it; check who runs it", other, gateway, selector)
		}
	}
	return choice
}

// gatewayInUse are those of several proxies on which a route and a Gateway of the workload's own namespace have it exposed already;
// nil where none is, or there is a doubt.
func (d *draft) gatewayInUse(candidates []*proxy.GatewayWorkload) *proxy.GatewayWorkload {
	var inUse []*proxy.GatewayWorkload
	for _, entrance := range callpath.Entrances(d.snapshot, d.workload) {
		gateway := entrance.Route.Server.Gateway
		if gateway.Namespace != d.workload.Namespace() || entrance.Route.VirtualService.Namespace != d.workload.Namespace() {
			continue
		}
		serving, trusted := proxy.TrustOf(d.snapshot, gateway, proxy.GatewayWorkloadsSelected(d.snapshot, gateway)).Serving()
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
func (d *draft) assumeGateway() (gatewayChoice, error) {
	selector := d.intent.GatewaySelector
	if gateway := d.gatewayInFiles(); len(selector) == 0 && gateway != nil {
		selector = gateway.Spec.GetSelector()
		d.note("The files hold no gateway workload: took the one that %s selects, --gateway-selector %s",
			mesh.KeyOf(gateway), labels.Set(selector))
	} else if len(selector) == 0 {
		selector = defaultGatewaySelector
		d.note("The files hold no gateway workload: took Istio's default, --gateway-selector %s", labels.Set(selector))
	}
	choice := gatewayChoice{selector: selector, assumed: true}
	namespace, name := defaultGatewayNamespace, "assumed-gateway"
	if words := strings.Split(d.intent.GatewayWorkload, "/"); len(words) > 1 {
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
	d.snapshot = d.snapshot.With(mesh.Change{Put: []mesh.Object{proxies}})
	for _, gateway := range proxy.GatewayWorkloads(d.snapshot) {
		if gateway.Workload != nil && gateway.Workload.Key == mesh.KeyOf(proxies) {
			choice.pods = gateway
		}
	}
	if choice.pods == nil { // pods with these labels are no ingress gateway
		return gatewayChoice{}, refuse("Give the labels of an ingress gateway's pods with --gateway-selector",
			"pods with the labels %s are not an ingress gateway that an Istio Gateway is for: such labels are for egress and east-west gateways and for those that istiod creates for a Gateway of the Gateway API",
			labels.Set(selector))
	}
	return choice, nil
}

// gatewayInFiles is the Gateway of --gateway, else one of those in the files if all select the same; nil if there is none.
func (d *draft) gatewayInFiles() *networking.Gateway {
	if d.intent.Gateway != "" {
		gateway, _ := d.namedGateway() // its absence is refused when it is to be used
		return gateway
	}
	gateways := d.snapshot.Gateways().All()
	if len(gateways) == 0 || len(gateways[0].Spec.GetSelector()) == 0 || slices.ContainsFunc(gateways, func(other *networking.Gateway) bool {
		return !maps.Equal(other.Spec.GetSelector(), gateways[0].Spec.GetSelector())
	}) {
		return nil
	}
	return gateways[0]
}

// gatewayCandidates are the proxies that the Gateway of --gateway selects, else all ingress gateways.
func (d *draft) gatewayCandidates() ([]*proxy.GatewayWorkload, error) {
	if d.intent.Gateway == "" {
		return proxy.GatewayWorkloads(d.snapshot), nil
	}
	gateway, err := d.namedGateway()
	if err != nil {
		return nil, err
	}
	selected := proxy.GatewayWorkloadsSelected(d.snapshot, gateway)
	if len(selected) == 0 && !d.intent.Offline {
		return nil, refuse("Correct its selector (kubectl grpcexpose lint explains), or choose another Gateway",
			"Gateway %s selects no pods: %s", d.intent.Gateway, labels.Set(gateway.Spec.GetSelector()))
	}
	return selected, nil
}

func (d *draft) namedGateway() (*networking.Gateway, error) {
	name := d.intent.gatewayName()
	if gateway, ok := d.snapshot.Gateways().Get(name.Namespace, name.Name); ok {
		return gateway, nil
	}
	var choices []string
	for _, gateway := range d.snapshot.Gateways().All() {
		choices = append(choices, "--gateway "+mesh.NamespacedName(gateway).String())
	}
	return nil, refuse("Name one that is there, or leave --gateway out to get a new one",
		"there is no Gateway %s", name).choices(choices[:min(len(choices), 10)])
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

// openPort sees to it that the gateway's Service leads the port to the proxies; awaited is the Service on which somebody else's
// controller will do so.
func (d *draft) openPort(choice gatewayChoice, port int32) (awaited *mesh.Key, err error) {
	if slices.Contains(gatewaysOwnPorts, port) {
		return nil, refuse("Choose another one with --port", "port %d is the gateway's own: its proxies answer health checks and the like there", port)
	}
	if choice.assumed {
		d.note("The files do not say which ports the gateway's Service opens: port %d must be among them", port)
		return nil, nil
	}
	if d.isOpen(port) {
		return nil, nil
	}
	if len(d.gateway.Services) == 0 {
		return nil, refuse("Make a Service for it, with a port "+fmt.Sprint(port), "no Service selects the pods of the gateway %s", d.gateway)
	}
	if why, synced := proxy.PortsAreSynced(d.gateway); synced {
		key := mesh.KeyOf(proxy.MainService(d.gateway.Services))
		d.note("Port %d is not open on %s yet, and will be waited for: %s", port, key, why)
		return &key, nil
	}
	if !d.intent.OpenGatewayPort {
		return nil, d.portClosed(port)
	}
	opened := remedy.GatewayPort{Number: port, Protocol: d.protocol()}
	return nil, d.add(remedy.OpenGatewayPort(d.snapshot, d.gateway, opened, fmt.Sprintf("the gateway's Service does not open port %d", port)))
}

// isOpen says that calls from outside reach the listener under the port's own number. A Gateway server may also name what a
// Service port leads to: its listener is then reached, but under the number of that Service port.
func (d *draft) isOpen(port int32) bool {
	listeners, reached := gateway.ListenerPorts(d.snapshot, d.gateway, uint32(port))
	ways := d.waysTo(listeners)
	return reached && (len(ways) == 0 || d.gateway.Template.Spec.HostNetwork || slices.ContainsFunc(ways, func(way gateway.OpenPort) bool {
		return way.Port.Port == port
	}))
}

// waysTo are the Service ports that lead to one of the listeners.
func (d *draft) waysTo(listeners []int32) []gateway.OpenPort {
	return slices.DeleteFunc(slices.Clone(gateway.OpenPorts(d.snapshot, d.gateway)), func(way gateway.OpenPort) bool {
		return !slices.Contains(listeners, way.TargetPort)
	})
}

func (d *draft) portClosed(asked int32) error {
	service := proxy.MainService(d.gateway.Services)
	if ways := d.waysTo([]int32{asked}); len(ways) > 0 {
		return refuse(fmt.Sprintf("Use --port %d", ways[0].Port.Port), "%d is what port %d of %s leads to in the gateway's pods; calls from outside come in through port %d",
			asked, ways[0].Port.Port, mesh.KeyOf(ways[0].Service), ways[0].Port.Port)
	}
	var open []string
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		switch {
		case port.NodePort == asked:
			return refuse(fmt.Sprintf("Use --port %d; from outside it is reached through node port %d", port.Port, port.NodePort),
				"%d is the node port of port %d of %s: a Gateway names the Service's port", asked, port.Port, mesh.KeyOf(service))
		case port.Protocol == core.ProtocolTCP && port.Port != gateway.StatusPort:
			open = append(open, "--port "+workload.PortText(port))
		}
	}
	return refuse("Choose one of them, or have the port added with --open-gateway-port",
		"the gateway's %s does not open port %d; open are:", mesh.KeyOf(service), asked).choices(open)
}

// gatewaysOwnPorts are those on which every proxy listens itself: administration, debugging, merged metrics, status, Envoy's
// metrics. Source: Istio's documentation, "Ports used by Istio sidecar".
var gatewaysOwnPorts = []int32{15000, 15004, 15020, gateway.StatusPort, 15090}
