package cluster

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

func TestDiscoverAsksOnce(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", reply(serving("networking.istio.io/v1/gateways", "networking.istio.io/v1beta1/gateways", "networking.istio.io/v1beta1/virtualservices")))
	for range 2 {
		served, err := f.client.Discover(t.Context())
		require.NoError(t, err)

		gateways, ok := served.Resource(mesh.KindGateway)
		assert.True(t, ok)
		assert.Equal(t, "networking.istio.io/v1, Resource=gateways", gateways.String(), "the version that the program knows best")
		routes, ok := served.Resource(mesh.KindVirtualService)
		assert.True(t, ok)
		assert.Equal(t, "networking.istio.io/v1beta1, Resource=virtualservices", routes.String(), "the only version there is")
		services, ok := served.Resource(mesh.KindService)
		assert.True(t, ok, "every server has Services")
		assert.Equal(t, "/v1, Resource=services", services.String())
		assert.Equal(t, []string{"sidecars.networking.istio.io"}, served.missing(mesh.KindGateway, mesh.KindSidecar, mesh.KindPod))
	}
	assert.Equal(t, []string{"GET /apis"}, f.asked())
}

func TestDiscoverFromServersWithoutAggregation(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", reply(`
kind: APIGroupList
groups:
- {name: apps, versions: [{groupVersion: apps/v1, version: v1}]}
- {name: networking.istio.io, versions: [{groupVersion: networking.istio.io/v1beta1, version: v1beta1}, {groupVersion: networking.istio.io/v1alpha3, version: v1alpha3}]}`))
	f.on("GET /apis/networking.istio.io/v1beta1", reply(`{kind: APIResourceList, resources: [{name: gateways}, {name: gateways/status}]}`))
	f.on("GET /apis/networking.istio.io/v1alpha3", reply(`{kind: APIResourceList, resources: [{name: gateways}, {name: envoyfilters}]}`))

	served, err := f.client.Discover(t.Context())
	require.NoError(t, err)
	gateways, _ := served.Resource(mesh.KindGateway)
	assert.Equal(t, "v1beta1", gateways.Version, "the server's preferred version")
	filters, _ := served.Resource(mesh.KindEnvoyFilter)
	assert.Equal(t, "v1alpha3", filters.Version)
	assert.Equal(t, []string{"GET /apis", "GET /apis/networking.istio.io/v1alpha3", "GET /apis/networking.istio.io/v1beta1"}, f.asked(),
		"groups that every server has are not asked for")
}

func TestDiscoverTellsWhatIsNoAPIServer(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /apis", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) })
	_, err := f.client.Discover(t.Context())
	assert.EqualError(t, err, "the API server at "+f.client.server+" cannot be reached: what answers there is not the Kubernetes API "+
		"(invalid character '<' looking for beginning of value); check the server's URL in the kubeconfig's cluster entry")
}

func TestServerVersion(t *testing.T) {
	f := newFakeServer(t)
	f.on("GET /version", reply(`{gitVersion: v1.37.2}`))
	version, err := f.client.ServerVersion(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "v1.37.2", version)
}
