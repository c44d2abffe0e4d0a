package oracle

import (
	"slices"
	"strings"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"istio.io/istio/pilot/pkg/xds/endpoints"
)

// tellEndpoints gives the addresses behind a cluster that calls go to, and, where the cluster decides it for each of them, which
// are called by Istio's mutual TLS.
func (a *istiodAnswer) tellEndpoints(cluster string, automatic bool) {
	builder := endpoints.NewEndpointBuilder(cluster, a.proxy, a.server.PushContext())
	assignment := builder.BuildClusterLoadAssignment(a.server.Env().EndpointIndex)
	var addresses []string
	for _, locality := range assignment.GetEndpoints() {
		for _, found := range locality.GetLbEndpoints() {
			if found.HealthStatus == core.HealthStatus_UNKNOWN || found.HealthStatus == core.HealthStatus_HEALTHY {
				addresses = append(addresses, endpointText(found, automatic))
			}
		}
	}
	slices.Sort(addresses)
	a.set(topicEndpoint, cluster, strings.Join(addresses, ", "))
}

func endpointText(found *endpoint.LbEndpoint, automatic bool) string {
	socket := found.GetEndpoint().GetAddress().GetSocketAddress()
	text := address(socket.GetAddress(), int(socket.GetPortValue()))
	mode := found.GetMetadata().GetFilterMetadata()["envoy.transport_socket_match"].GetFields()["tlsMode"].GetStringValue()
	if automatic && mode == "istio" {
		text += " " + byMutualTLS
	}
	return text
}

const byMutualTLS = "by mutual TLS"
