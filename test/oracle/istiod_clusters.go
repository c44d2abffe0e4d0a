package oracle

import (
	"fmt"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	upstreams "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"istio.io/istio/pkg/wellknown"
)

const httpProtocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

func (a *istiodAnswer) indexClusters() {
	a.clusters = map[string]*cluster.Cluster{}
	for _, made := range a.server.Clusters(a.proxy) {
		a.clusters[made.Name] = made
	}
}

// tellCluster gives how the gateway speaks to a cluster; its name, or nowhere where there is none, is returned.
func (a *istiodAnswer) tellCluster(name string) string {
	made := a.clusters[name]
	if made == nil {
		return nowhere
	}
	if isService(name) {
		a.set(topicCluster, name+" http", httpOf(made))
		a.set(topicCluster, name+" tls", tlsOf(made))
		a.set(topicCluster, name+" balancer", made.LbPolicy.String())
		a.tellEndpoints(name, tlsOf(made) == automaticTLS)
	}
	return name
}

// isService says that a cluster is that of a Kubernetes Service; the model says nothing of how others are called.
func isService(cluster string) bool { return strings.HasSuffix(cluster, ".svc.cluster.local") }

// httpOf is the version of HTTP that the cluster is spoken to in.
func httpOf(made *cluster.Cluster) string {
	packed := made.TypedExtensionProtocolOptions[httpProtocolOptions]
	if packed == nil {
		return "HTTP/1.1"
	}
	options := &upstreams.HttpProtocolOptions{}
	if err := packed.UnmarshalTo(options); err != nil {
		return err.Error()
	}
	switch upstream := options.UpstreamProtocolOptions.(type) {
	case *upstreams.HttpProtocolOptions_ExplicitHttpConfig_:
		if upstream.ExplicitHttpConfig.GetHttp2ProtocolOptions() != nil {
			return "HTTP/2"
		}
		return "HTTP/1.1"
	case *upstreams.HttpProtocolOptions_UseDownstreamProtocolConfig:
		return "as the client"
	default:
		return fmt.Sprintf("%T", upstream)
	}
}

// automaticTLS is the mode of a cluster that uses Istio's mutual TLS with the endpoints that take it.
const automaticTLS = "automatic"

// tlsOf is the mode of TLS in the terms of a DestinationRule, or automaticTLS.
func tlsOf(made *cluster.Cluster) string {
	if len(made.TransportSocketMatches) > 0 {
		return automaticTLS
	}
	return tlsOfSocket(made.TransportSocket)
}

func tlsOfSocket(socket *core.TransportSocket) string {
	if socket == nil || socket.Name == wellknown.TransportSocketRawBuffer {
		return "DISABLE"
	}
	context := &tls.UpstreamTlsContext{}
	if err := socket.GetTypedConfig().UnmarshalTo(context); err != nil {
		return err.Error()
	}
	certificates := context.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()
	switch {
	case len(certificates) == 0:
		return "SIMPLE"
	case certificates[0].Name == "default":
		return "ISTIO_MUTUAL"
	case strings.HasPrefix(certificates[0].Name, "kubernetes://"):
		return "MUTUAL"
	default:
		return certificates[0].Name
	}
}
