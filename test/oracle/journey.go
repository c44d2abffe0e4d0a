package oracle

import (
	"fmt"
	"slices"
	"strings"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"istio.io/istio/pkg/test"
	core "k8s.io/api/core/v1"
)

// Journey is the way of one gRPC call through a gateway as istiod has configured it.
type Journey struct {
	// End says where the call gets no further, empty where it comes to a cluster.
	End string
	// Route is the name of the route that takes it, HTTP and Balancer how its cluster is called.
	Route, HTTP, Balancer string
	// Endpoints are the addresses among which calls are balanced.
	Endpoints []string
}

// Travel sends a plaintext call for a host to a port of a gateway pod.
func Travel(m *Mesh, gateway *core.Pod, port int32, host, path string) (Journey, error) {
	var journey Journey
	err := test.Wrap(func(t test.Failer) {
		options, err := istiodOptions(m)
		if err != nil {
			t.Fatal(err)
		}
		server := newIstiod(t, options)
		answer := &istiodAnswer{server: server, proxy: server.SetupProxy(proxyOf(gateway)), facts: Facts{}}
		journey = answer.travel(port, grpcCall(host, path, "", ""))
	})
	return journey, err
}

func (a *istiodAnswer) travel(port int32, c call) Journey {
	built := plaintextListener(a.server.Listeners(a.proxy), uint32(port))
	if built == nil {
		return Journey{End: fmt.Sprintf("no listener on port %d that Envoy takes", port)}
	}
	a.indexClusters()
	for _, table := range a.server.RoutesFromListeners(a.proxy, []*listener.Listener{built}) {
		if !strings.HasPrefix(table.Name, "http.") {
			continue
		}
		host := hostFor(table.VirtualHosts, c.headers[":authority"])
		if host == nil || host.RequireTls == route.VirtualHost_ALL {
			return Journey{End: "no virtual host takes calls for " + c.headers[":authority"]}
		}
		for _, entry := range host.Routes {
			if takes(entry.GetMatch(), c) {
				return a.arrive(entry)
			}
		}
		return Journey{End: "no route of the virtual host takes the call"}
	}
	return Journey{End: "the listener has no routes"}
}

// arrive follows a route to its cluster.
func (a *istiodAnswer) arrive(entry *route.Route) Journey {
	name := entry.GetRoute().GetCluster()
	made := a.clusters[name]
	if made == nil {
		return Journey{Route: entry.Name, End: fmt.Sprintf("cluster %q does not exist", name)}
	}
	a.tellEndpoints(name, false)
	for of, value := range a.facts {
		if of.topic == topicEndpoint && value != "" {
			return Journey{Route: entry.Name, HTTP: httpOf(made), Balancer: made.LbPolicy.String(), Endpoints: strings.Split(value, ", ")}
		}
	}
	return Journey{Route: entry.Name, HTTP: httpOf(made), Balancer: made.LbPolicy.String()}
}

func plaintextListener(listeners []*listener.Listener, port uint32) *listener.Listener {
	for _, built := range listeners {
		socket := built.GetAddress().GetSocketAddress()
		plaintext := slices.ContainsFunc(built.FilterChains, func(chain *listener.FilterChain) bool {
			return readsHTTP(chain) && chain.TransportSocket == nil
		})
		if socket.GetPortValue() == port && socket.GetAddress() == "0.0.0.0" && plaintext && !matchedTwice(built) {
			return built
		}
	}
	return nil
}

// hostFor is the virtual host that Envoy picks: the name itself, else the longest wildcard, else "*".
// Source: Envoy source/common/router/config_impl.cc (RouteMatcher::findVirtualHost).
func hostFor(hosts []*route.VirtualHost, authority string) *route.VirtualHost {
	var best *route.VirtualHost
	length := -1
	for _, host := range hosts {
		for _, domain := range host.Domains {
			ending, wildcard := strings.CutPrefix(domain, "*")
			switch {
			case domain == authority:
				return host
			case wildcard && strings.HasSuffix(authority, ending) && len(authority) > len(ending) && len(ending) > length:
				best, length = host, len(ending)
			}
		}
	}
	return best
}
