package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/test"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// The topics of sidecars.
const (
	topicInbound   = "inbound"
	topicForwarded = "forwarded"
	topicCalled    = "called"
)

// AskIstiodOfSidecars lets istiod configure the sidecar of every ready pod, and says what it does with the calls to the pod's ports, and
// with the pod's own calls to Services.
func AskIstiodOfSidecars(m *Mesh) (Facts, error) {
	facts := Facts{}
	err := test.Wrap(func(t test.Failer) {
		options, err := istiodOptions(m)
		if err != nil {
			t.Fatal(err)
		}
		server := newIstiod(t, options)
		for _, pod := range m.readyPods() {
			answer := &istiodAnswer{server: server, proxy: server.SetupProxy(sidecarOf(pod)), facts: facts}
			answer.tellInbound()
			answer.tellCalled(m)
		}
	})
	return facts, err
}

func (m *Mesh) readyPods() []*core.Pod {
	return slices.DeleteFunc(objectsOf[*core.Pod](m), func(pod *core.Pod) bool { return !isReady(pod) })
}

// The ports on which Envoy listens for the kubelet and for Prometheus, as the proxy's bootstrap tells istiod.
const (
	statusPort     = 15021
	prometheusPort = 15090
)

// sidecarOf is the pod's proxy as it presents itself to istiod.
func sidecarOf(pod *core.Pod) *model.Proxy {
	return &model.Proxy{
		Type: model.SidecarProxy, IPAddresses: []string{pod.Status.PodIP}, ID: pod.Name + "." + pod.Namespace,
		ConfigNamespace: pod.Namespace, Labels: pod.Labels,
		Metadata: &model.NodeMetadata{
			Namespace: pod.Namespace, Labels: pod.Labels, IstioVersion: "1.31.0",
			EnvoyStatusPort: statusPort, EnvoyPrometheusPort: prometheusPort,
		},
	}
}

// How the filter chains of a port take calls.
const (
	asHTTP  = "HTTP"
	asBytes = "bytes"
	sniffed = "sniffed"
)

// tellInbound gives the ports that have filter chains, what these take calls for, and what the calls leave for the container as.
func (a *istiodAnswer) tellInbound() {
	a.indexClusters()
	for port, reads := range inboundPorts(a.server.Listeners(a.proxy)) {
		subject := strconv.Itoa(int(port))
		a.set(topicInbound, subject, reads)
		if made := a.clusters[fmt.Sprintf("inbound|%d||", port)]; made != nil && reads != asBytes {
			a.set(topicForwarded, subject, keepsText(httpOf(made) != "HTTP/1.1")+" to "+addressOf(made))
		}
	}
}

func keepsText(http2 bool) string {
	if http2 {
		return "HTTP/2"
	}
	return "HTTP/1.1"
}

// addressOf is the address that calls go on to, the one that was called where the cluster has none.
func addressOf(made *cluster.Cluster) string {
	for _, locality := range made.GetLoadAssignment().GetEndpoints() {
		for _, found := range locality.GetLbEndpoints() {
			socket := found.GetEndpoint().GetAddress().GetSocketAddress()
			return address(socket.GetAddress(), int(socket.GetPortValue()))
		}
	}
	return sameAddress
}

const sameAddress = "the same address"

func inboundPorts(listeners []*listener.Listener) map[uint32]string {
	ports := map[uint32]string{}
	for _, built := range listeners {
		if built.GetTrafficDirection().String() != "INBOUND" {
			continue
		}
		for _, chain := range built.FilterChains {
			port := chain.GetFilterChainMatch().GetDestinationPort().GetValue()
			if built.Name != model.VirtualInboundListenerName {
				port = built.GetAddress().GetSocketAddress().GetPortValue()
			}
			if strings.HasPrefix(chain.Name, model.VirtualInboundListenerName) {
				continue // for ports that nothing leads to, some of them with a PeerAuthentication of their own
			}
			reads := asBytes
			if readsHTTP(chain) {
				reads = asHTTP
			}
			if before, ok := ports[port]; ok && before != reads {
				reads = sniffed
			}
			ports[port] = reads
		}
	}
	return ports
}

// tellCalled gives the routes that the sidecar has for the ports of Services, in their order.
func (a *istiodAnswer) tellCalled(m *Mesh) {
	request := &model.PushRequest{Push: a.server.PushContext()}
	for _, port := range m.servicePorts() {
		resources, _ := a.server.ConfigGen.BuildHTTPRoutes(a.proxy, request, []string{strconv.Itoa(port)})
		for _, resource := range resources {
			table := &route.RouteConfiguration{}
			if err := resource.GetResource().UnmarshalTo(table); err != nil {
				continue
			}
			for _, virtualHost := range table.VirtualHosts {
				for _, domain := range virtualHost.Domains {
					if m.hasRealService(domain) && a.knowsPort(domain, port) {
						a.set(topicCalled, calledSubject(domain, port), routesText(virtualHost.Routes))
					}
				}
			}
		}
	}
}

// knowsPort says whether the sidecar knows a Service of this name with the port. On port 80 istiod has virtual hosts for any name that
// a VirtualService has.
func (a *istiodAnswer) knowsPort(host string, port int) bool {
	listener := a.proxy.SidecarScope.GetEgressListenerForRDS(port, "")
	return listener != nil && slices.ContainsFunc(listener.Services(), func(service *model.Service) bool {
		_, has := service.Ports.GetByPort(port)
		return has && string(service.Hostname) == host
	})
}

func calledSubject(host string, port int) string { return fmt.Sprintf("%s:%d", host, port) }

// defaultRoute is what istiod calls the route of a Service that no VirtualService is for.
const defaultRoute = "default"

func routesText(routes []*route.Route) string {
	var names []string
	for _, entry := range routes {
		names = append(names, entry.Name)
	}
	return strings.Join(names, " ")
}

// servicePorts are the port numbers of the mesh's Services, each once.
func (m *Mesh) servicePorts() []int {
	var numbers []int
	for _, service := range objectsOf[*core.Service](m) {
		for _, port := range service.Spec.Ports {
			if !slices.Contains(numbers, int(port.Port)) {
				numbers = append(numbers, int(port.Port))
			}
		}
	}
	return numbers
}

// hasRealService says whether the name is that of a Service that stands for no other.
func (m *Mesh) hasRealService(name string) bool {
	return slices.ContainsFunc(objectsOf[*core.Service](m), func(service *core.Service) bool {
		return host.ServiceHost(service) == name && service.Spec.Type != core.ServiceTypeExternalName
	})
}
