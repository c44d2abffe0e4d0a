package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	clusters "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listeners "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routes "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	manager "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreams "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// After create istiod gives the gateway a listener on the port, with a route for every call to a cluster that speaks HTTP/2
// to the pods. That is what the recipe is for.
func TestIstiodConfiguresTheGateway(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	assert.NotContains(t, s.gatewayConfiguration(), ":8000")
	s.create().exits(0)
	expected := s.own(strings.Join([]string{
		"listener 0.0.0.0:8000",
		"route * / → outbound|8000||server.test.svc.cluster.local",
		"cluster outbound|8000||server.test.svc.cluster.local HTTP/2",
	}, "\n"))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, expected, s.gatewayConfiguration())
	}, rolloutPatience, pause)
	s.delete().exits(0)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.NotContains(c, s.gatewayConfiguration(), ":8000")
	}, rolloutPatience, pause)
}

// gatewayConfiguration is what istiod tells a proxy of the ingress gateway about port 8000: listeners, routes and the clusters
// to which they lead.
func (s *scene) gatewayConfiguration() string {
	s.Helper()
	stream := s.newConfigurationStream()
	defer stream.close()
	var lines, routeNames, targets []string
	for _, listener := range fetch(stream, "listener.v3.Listener", nil, func() *listeners.Listener { return &listeners.Listener{} }) {
		if address := listener.GetAddress().GetSocketAddress(); address.GetPortValue() == 8000 {
			lines = append(lines, fmt.Sprintf("listener %s:%d", address.GetAddress(), address.GetPortValue()))
			routeNames = append(routeNames, routesOf(listener)...)
		}
	}
	if len(routeNames) == 0 {
		return strings.Join(lines, "\n")
	}
	for _, configuration := range fetch(stream, "route.v3.RouteConfiguration", routeNames, func() *routes.RouteConfiguration { return &routes.RouteConfiguration{} }) {
		for _, host := range configuration.GetVirtualHosts() {
			for _, route := range host.GetRoutes() {
				lines = append(lines, fmt.Sprintf("route %s %s → %s", strings.Join(host.GetDomains(), " "), route.GetMatch().GetPrefix(), route.GetRoute().GetCluster()))
				targets = append(targets, route.GetRoute().GetCluster())
			}
		}
	}
	for _, cluster := range fetch(stream, "cluster.v3.Cluster", nil, func() *clusters.Cluster { return &clusters.Cluster{} }) {
		if slices.Contains(targets, cluster.GetName()) {
			lines = append(lines, fmt.Sprintf("cluster %s %s", cluster.GetName(), httpVersion(cluster)))
		}
	}
	return strings.Join(lines, "\n")
}

func routesOf(listener *listeners.Listener) []string {
	var names []string
	for _, chain := range listener.GetFilterChains() {
		for _, filter := range chain.GetFilters() {
			var http manager.HttpConnectionManager
			if filter.GetTypedConfig().UnmarshalTo(&http) == nil {
				names = append(names, http.GetRds().GetRouteConfigName())
			}
		}
	}
	return names
}

// httpVersion is what the gateway speaks to the pods of a cluster.
func httpVersion(cluster *clusters.Cluster) string {
	var options upstreams.HttpProtocolOptions
	typed := cluster.GetTypedExtensionProtocolOptions()["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
	if typed.UnmarshalTo(&options) == nil && options.GetExplicitHttpConfig().GetHttp2ProtocolOptions() != nil {
		return "HTTP/2"
	}
	return "HTTP/1.1"
}

// configurationStream is a conversation with istiod as a proxy has it.
type configurationStream struct {
	scene  *scene
	node   *core.Node
	stream discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	close  func()
}

func (s *scene) newConfigurationStream() *configurationStream {
	s.Helper()
	connection, err := grpc.NewClient(s.XDSAddress("default"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	require.NoError(s, err)
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	require.NoError(s, err)
	metadata, err := structpb.NewStruct(map[string]any{
		"NAMESPACE": "istio-system", "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.31.0",
		"LABELS": map[string]any{"istio": "ingressgateway", "app": "istio-ingressgateway"},
	})
	require.NoError(s, err)
	return &configurationStream{
		scene: s, stream: stream,
		node: &core.Node{Id: "router~127.0.0.1~gateway.istio-system~istio-system.svc.cluster.local", Metadata: metadata},
		close: func() {
			cancel()
			_ = connection.Close()
		},
	}
}

// fetch asks for all resources of a kind, or for the named ones.
func fetch[T proto.Message](c *configurationStream, kind string, names []string, empty func() T) []T {
	c.scene.Helper()
	url := "type.googleapis.com/envoy.config." + kind
	require.NoError(c.scene, c.stream.Send(&discovery.DiscoveryRequest{Node: c.node, TypeUrl: url, ResourceNames: names}))
	for {
		answer, err := c.stream.Recv()
		require.NoError(c.scene, err)
		if answer.GetTypeUrl() != url {
			continue
		}
		var found []T
		for _, resource := range answer.GetResources() {
			message := empty()
			require.NoError(c.scene, resource.UnmarshalTo(message))
			found = append(found, message)
		}
		return found
	}
}
