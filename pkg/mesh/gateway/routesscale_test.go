package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

const gatewayDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}
`

// TestManyVirtualServicesOnOneHost would run for minutes if routes were compared pair by pair.
func TestManyVirtualServicesOnOneHost(t *testing.T) {
	const count = 10_000
	objects := meshtest.ObjectsIn(t, gatewayDeployment+"---"+`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*"]}]
`)
	for i := range count {
		objects = append(objects, mesh.Sourced{Object: prefixRoute(i)})
	}
	s := mesh.New(objects, mesh.Options{Now: meshtest.Now})
	started := time.Now()
	hosts := AllVirtualHosts(s)
	assert.Less(t, time.Since(started), 10*time.Second)
	require.Len(t, hosts, 1)
	require.Len(t, hosts[0].Routes, count)
	shadowed := 0
	for _, route := range hosts[0].Routes {
		if route.Shadowed != nil {
			shadowed++
		}
	}
	assert.Equal(t, count/2, shadowed, "each second one asks for a method of the service that the one before takes")
}

func prefixRoute(i int) *networking.VirtualService {
	prefix := fmt.Sprintf("/shop.v1.Service%05d/", i/2)
	if i%2 == 1 {
		prefix += "Get"
	}
	uri := &networkingapi.StringMatch{MatchType: &networkingapi.StringMatch_Prefix{Prefix: prefix}}
	vs := &networking.VirtualService{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("service-%05d", i), Namespace: "shop"}}
	vs.Spec.Hosts, vs.Spec.Gateways = []string{"rpc.example.com"}, []string{"public"}
	vs.Spec.Http = []*networkingapi.HTTPRoute{{
		Match: []*networkingapi.HTTPMatchRequest{{Uri: uri, Headers: map[string]*networkingapi.StringMatch{"x-tenant": nil}}},
		Route: []*networkingapi.HTTPRouteDestination{{Destination: &networkingapi.Destination{Host: "orders"}}},
	}}
	return vs
}
