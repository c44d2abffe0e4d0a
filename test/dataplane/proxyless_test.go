package dataplane

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/xds"
)

// TestProxyless holds that gRPC clients inside the mesh that take their configuration from istiod themselves, without any
// proxy, are balanced per request too: the Service port is gRPC to Istio.
func TestProxyless(t *testing.T) {
	s := on(t)
	s.create("--verify")
	type object = map[string]any
	bootstrap, err := json.Marshal(object{
		"xds_servers": []any{object{
			"server_uri": s.XDSAddress("default"), "channel_creds": []any{object{"type": "insecure"}}, "server_features": []any{"xds_v3"},
		}},
		"node": object{
			"id": "sidecar~127.0.0.1~client." + s.namespace + "~" + s.namespace + ".svc.cluster.local",
			"metadata": object{
				"GENERATOR": "grpc", "NAMESPACE": s.namespace, "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.31.0", "INSTANCE_IPS": "127.0.0.1",
			},
		},
	})
	require.NoError(t, err)
	resolver, err := xds.NewXDSResolverWithConfigForTesting(bootstrap)
	require.NoError(t, err)
	connection, err := grpc.NewClient("xds:///server."+s.namespace+".svc.cluster.local:8000", grpc.WithResolvers(resolver),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer connection.Close()
	s.greets(codes.OK, connection)
	pods := s.podsServing(connection, 300)
	assert.Len(t, pods, 3)
	for pod, calls := range pods {
		assert.Greater(t, calls, 60, pod)
	}
}
