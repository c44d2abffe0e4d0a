package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	networkingapi "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/wellknown"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func init() {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
}

// AskIstiod lets istiod configure every gateway of the mesh, and says what it does.
func AskIstiod(m *Mesh) (Facts, error) {
	facts := Facts{}
	err := test.Wrap(func(t test.Failer) {
		options, err := istiodOptions(m)
		if err != nil {
			t.Fatal(err)
		}
		server := newIstiod(t, options)
		for _, pod := range m.gatewayPods() {
			answer := &istiodAnswer{server: server, proxy: server.SetupProxy(proxyOf(pod)), facts: facts}
			answer.tell()
		}
	})
	return facts, err
}

// newIstiod is an istiod of the test's own. Its collections are told to a debug handler that all istiods of a process share and
// that keeps them for ever, megabytes for each: this one gets a handler of its own.
func newIstiod(t test.Failer, options xds.FakeOptions) *xds.FakeDiscoveryServer {
	krt.GlobalDebugHandler = new(krt.DebugHandler)
	return xds.NewFakeDiscoveryServer(t, options)
}

func istiodOptions(m *Mesh) (xds.FakeOptions, error) {
	var options xds.FakeOptions
	for _, object := range m.Objects {
		if istio, _, ok := configOf(object); ok {
			options.Configs = append(options.Configs, istio)
		} else {
			options.KubernetesObjects = append(options.KubernetesObjects, object.DeepCopyObject())
		}
	}
	slices, err := endpointSlices(m)
	for _, slice := range slices {
		options.KubernetesObjects = append(options.KubernetesObjects, runtime.Object(slice))
	}
	return options, err
}

// proxyOf is the gateway's proxy as it presents itself to istiod.
func proxyOf(pod *core.Pod) *model.Proxy {
	metadata := &model.NodeMetadata{Namespace: pod.Namespace, Labels: pod.Labels, IstioVersion: "1.31.0"}
	for _, variable := range pod.Spec.Containers[0].Env {
		if variable.Name == unprivilegedPod {
			metadata.UnprivilegedPod = variable.Value
		}
	}
	return &model.Proxy{
		Type: model.Router, IPAddresses: []string{pod.Status.PodIP}, ID: pod.Name + "." + pod.Namespace,
		ConfigNamespace: pod.Namespace, Labels: pod.Labels, Metadata: metadata,
	}
}

// istiodAnswer is what istiod has for one gateway.
type istiodAnswer struct {
	server *xds.FakeDiscoveryServer
	proxy  *model.Proxy
	facts  Facts
	// clusters are those of the proxy by name.
	clusters map[string]*cluster.Cluster
}

func (a *istiodAnswer) set(topic, subject, value string) {
	a.facts.set(topic, a.proxy.ID+" "+subject, value)
}

func (a *istiodAnswer) tell() {
	a.tellServers()
	listeners := a.server.Listeners(a.proxy)
	taken := a.tellListeners(listeners)
	a.indexClusters()
	a.tellRoutes(a.server.RoutesFromListeners(a.proxy, taken))
}

// tellServers gives the servers of Gateways that istiod keeps, each with its listener.
func (a *istiodAnswer) tellServers() {
	merged := a.proxy.MergedGateway
	if merged == nil {
		return
	}
	for _, server := range distinctServers(merged.GatewayNameForServer) {
		a.set(topicServer, serverSubject(merged.GatewayNameForServer[server], server), "dropped")
	}
	for port, servers := range merged.MergedServers {
		for _, server := range servers.Servers {
			a.set(topicServer, serverSubject(merged.GatewayNameForServer[server], server), "kept on "+address(port.Bind, int(port.Number)))
		}
	}
}

func distinctServers(names map[*networkingapi.Server]string) []*networkingapi.Server {
	servers := make([]*networkingapi.Server, 0, len(names))
	for server := range names {
		servers = append(servers, server)
	}
	return servers
}

func serverSubject(gateway string, server *networkingapi.Server) string {
	return gateway + " " + server.Name
}

func address(bind string, port int) string {
	if bind == "" {
		bind = "0.0.0.0"
	}
	return bind + ":" + strconv.Itoa(port)
}

// refusedByEnvoy is the value of a listener that istiod sends and Envoy does not take.
const refusedByEnvoy = "refused by Envoy"

// tellListeners gives the listeners that read HTTP, with the chains that do, and those that Envoy would refuse; the others are
// returned.
func (a *istiodAnswer) tellListeners(listeners []*listener.Listener) (taken []*listener.Listener) {
	for _, built := range listeners {
		socket := built.GetAddress().GetSocketAddress()
		subject := address(socket.GetAddress(), int(socket.GetPortValue()))
		if matchedTwice(built) {
			a.set(topicListener, subject, refusedByEnvoy)
			continue
		}
		taken = append(taken, built)
		var chains []string
		for _, chain := range built.FilterChains {
			if readsHTTP(chain) {
				chains = append(chains, chainText(chain.TransportSocket != nil, chain.GetFilterChainMatch().GetServerNames()))
			}
		}
		if len(chains) > 0 {
			slices.Sort(chains)
			a.set(topicListener, subject, strings.Join(chains, ", "))
		}
	}
	return taken
}

func readsHTTP(chain *listener.FilterChain) bool {
	return slices.ContainsFunc(chain.Filters, func(filter *listener.Filter) bool {
		return filter.Name == wellknown.HTTPConnectionManager
	})
}

func chainText(tls bool, names []string) string {
	if !tls {
		return "http"
	}
	sorted := slices.Sorted(slices.Values(names))
	return fmt.Sprintf("https for %v", sorted)
}

// matchedTwice says that two filter chains of a listener match the same connections, which Envoy does not take.
// Source: Envoy source/common/listener_manager/filter_chain_manager_impl.cc (setupFilterChainMatcher and what it calls).
func matchedTwice(built *listener.Listener) bool {
	matches := map[string]*listener.FilterChain{}
	for _, chain := range built.FilterChains {
		match := chain.GetFilterChainMatch()
		names := match.GetServerNames()
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			key := fmt.Sprint(strings.ToLower(strings.TrimPrefix(name, "*")), match.GetPrefixRanges(), match.GetApplicationProtocols(),
				match.GetTransportProtocol(), match.GetDestinationPort().GetValue())
			if other := matches[key]; other != nil && other != chain {
				return true
			}
			matches[key] = chain
		}
	}
	return false
}
