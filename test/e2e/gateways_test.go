package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// orders is a second workload of the namespace.
var orders = strings.ReplaceAll(server, "server", "orders")

func TestOpenGatewayPort(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.thereAndBackWith(0, []string{"create", "deployment/server", "--port", "9443", "--target-port", "50051", "--open-gateway-port"}, func() {
		s.show("services", "istio-system/istio-ingressgateway")
	})
}

// A port that another workload rests on stays until that one's delete.
func TestOpenGatewayPortForTwo(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + orders)
	before := s.picture()
	flags := []string{"--port", "9443", "--target-port", "50051", "--open-gateway-port"}
	s.run(append([]string{"create", "deployment/server", "--host", "server.example.com"}, flags...)...).exits(0)
	s.run(append([]string{"create", "deployment/orders", "--host", "orders.example.com"}, flags...)...).exits(0)
	s.run("delete", "deployment/server").exits(0)
	assert.Contains(t, s.picture(), "port: 9443")
	s.run("delete", "deployment/orders", "--restart=namespace").exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.golden()
}

func TestHost(t *testing.T) {
	s := on(t, onDefault)
	s.given(server)
	s.thereAndBack(func() {
		s.show("gateways.networking.istio.io", "server")
		s.show("virtualservices.networking.istio.io", "server")
	}, "--host", "grpc.example.com", "--host", "*.api.example.com")
}

// Two workloads on one host, told apart by their gRPC services; the first one's delete leaves the second one alone.
func TestGRPCServicesOnOneHost(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + orders)
	before := s.picture()
	s.create("--grpc-service", "shop.v1.Catalog", "--grpc-service", "shop.v1.Search").exits(0)
	s.run("create", "deployment/orders", "--port", "8000", "--target-port", "50051", "--grpc-service", "shop.v1.Orders").exits(0)
	s.show("virtualservices.networking.istio.io", "server", "orders")
	s.hasProxies(4, nativeSidecar)
	s.settled()
	s.writesNothing(func() {
		s.create("--grpc-service", "shop.v1.Catalog", "--grpc-service", "shop.v1.Search").exits(0)
	})

	s.delete().exits(0)
	s.settled()
	s.writesNothing(func() {
		s.run("create", "deployment/orders", "--port", "8000", "--target-port", "50051", "--grpc-service", "shop.v1.Orders").exits(0)
	})
	s.run("delete", "deployment/orders", "--restart=namespace").exits(0)
	s.settled()
	assert.Equal(t, before, s.picture())
	s.golden()
}

// A Gateway that somebody else made takes the calls, and is left as it is.
func TestExistingGateway(t *testing.T) {
	const shared = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shared, namespace: test}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*.example.com"]}]}
`
	t.Run("named", func(t *testing.T) {
		s := on(t, onDefault)
		s.given(server + "---" + shared)
		s.thereAndBack(func() {
			assert.Len(t, s.list("gateways.networking.istio.io"), 1)
			s.show("virtualservices.networking.istio.io", "server")
		}, "--gateway", "test/shared")
	})
	t.Run("found", func(t *testing.T) {
		s := on(t, onDefault)
		s.given(server + "---" + shared)
		s.thereAndBack(func() {
			assert.Len(t, s.list("gateways.networking.istio.io"), 1)
		}, "--host", "grpc.example.com")
	})
}

func TestTLS(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + s.secret("grpc-cert", newCertificate(t, "grpc.example.com")))
	s.thereAndBackWith(0, []string{"create", "deployment/server", "--port", "443", "--target-port", "50051", "--host", "grpc.example.com", "--tls-secret", "grpc-cert"}, func() {
		s.show("gateways.networking.istio.io", "server")
	})
}

func TestMutualTLS(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + s.secret("grpc-cert", newCertificate(t, "grpc.example.com")) + "---" + s.authority("grpc-cert-cacert", newCertificate(t, "clients")))
	s.thereAndBackWith(0, []string{"create", "deployment/server", "--port", "443", "--target-port", "50051", "--host", "grpc.example.com", "--tls-secret", "grpc-cert", "--tls-mutual"}, func() {
		s.show("gateways.networking.istio.io", "server")
	})
}

// On Tencent Cloud Mesh a controller opens the ports of Gateways; create waits for it. Here the test plays the controller.
func TestPortSync(t *testing.T) {
	s := on(t, onRevisions)
	s.belongsToTencentMesh()
	s.given(server)
	create := []string{"create", "deployment/server", "--port", "9000", "--target-port", "50051", "--revision=stable"}

	s.run(append(create, "--timeout=3s")...).exits(2)

	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(time.Second)
		s.addGatewayPort(9000)
	}()
	s.run(create...).exits(0)
	<-done
	s.golden()
}

// belongsToTencentMesh marks the gateway's Service as Tencent Cloud Mesh does, for the length of the test.
func (s *scene) belongsToTencentMesh() {
	s.Helper()
	before := s.get("services", "istio-system/istio-ingressgateway")
	patch := func(change string) {
		_, err := s.Kubectl(s.Context(), "patch", "service", "istio-ingressgateway", "-n", "istio-system", "--type=merge", "-p", change)
		require.NoError(s, err)
	}
	patch(`{"metadata":{"ownerReferences":[{"apiVersion":"mesh.cloud.tencent.com/v1","kind":"IngressGateway","name":"istio-ingressgateway","uid":"6b4bd6bb-16cf-4c52-a0d6-6ba8b6de6c6f"}]}}`)
	s.Cleanup(func() { s.restore("services", "istio-system", before) })
}

func (s *scene) addGatewayPort(number int) {
	_, err := s.Kubectl(s.Context(), "patch", "service", "istio-ingressgateway", "-n", "istio-system", "--type=json",
		"-p", strings.ReplaceAll(`[{"op":"add","path":"/spec/ports/-","value":{"name":"grpc-N","port":N,"targetPort":N}}]`, "N", strconv.Itoa(number)))
	assert.NoError(s, err)
}

// foreignVirtualService has the name that create would take, and routes something else.
const foreignVirtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: test}
spec: {hosts: [elsewhere.example.com], http: [{route: [{destination: {host: elsewhere.example.com}}]}]}
`

// Names that others have are left to them.
func TestNamesTaken(t *testing.T) {
	s := on(t, onDefault)
	s.given(server + "---" + foreignVirtualService)
	s.thereAndBack(func() { assert.Len(t, s.list("virtualservices.networking.istio.io"), 2) })
}
