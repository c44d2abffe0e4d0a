package exposure

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

const apiServer = `apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
`

func apiGateway(listeners string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: infra}\n" +
		"spec: {gatewayClassName: istio, listeners: [" + listeners + "]}\n---\n"
}

func apiRoute(kind, spec string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: orders, namespace: shop}\nspec: {" + spec +
		"rules: [{backendRefs: [{name: orders, port: 8000}]}]}\n---\n"
}

func TestGatewayParents(t *testing.T) {
	const parent = "parentRefs: [{name: edge, namespace: infra}], "
	listener := func(allowed string) string {
		return "{name: a, port: 80, protocol: HTTP, allowedRoutes: {" + allowed + "}}"
	}
	tests := map[string]struct {
		listeners, kind, route string
		want                   []gatewayapi.Attachment
	}{
		"own namespace by default":        {"{name: a, port: 80, protocol: HTTP}", "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.NamespaceShutOut}},
		"same":                            {listener("namespaces: {from: Same}"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.NamespaceShutOut}},
		"all":                             {listener("namespaces: {from: All}"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.Attached}},
		"none":                            {listener("namespaces: {from: None}"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.NamespaceShutOut}},
		"selector":                        {listener("namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.Attached}},
		"selector of others":              {listener("namespaces: {from: Selector, selector: {matchLabels: {team: web}}}"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.NamespaceShutOut}},
		"kind":                            {listener("namespaces: {from: All}, kinds: [{kind: GRPCRoute}]"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.Attached}},
		"other kind":                      {listener("namespaces: {from: All}, kinds: [{kind: HTTPRoute}]"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.KindShutOut}},
		"HTTPRoute":                       {listener("namespaces: {from: All}, kinds: [{kind: HTTPRoute}]"), "HTTPRoute", parent, []gatewayapi.Attachment{gatewayapi.Attached}},
		"kind of another group":           {listener("namespaces: {from: All}, kinds: [{group: example.com, kind: GRPCRoute}]"), "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.KindShutOut}},
		"TLS listener":                    {"{name: a, port: 443, protocol: TLS, allowedRoutes: {namespaces: {from: All}}}", "GRPCRoute", parent, []gatewayapi.Attachment{gatewayapi.KindShutOut}},
		"hostname":                        {`{name: a, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}}`, "GRPCRoute", parent + "hostnames: [a.example.com], ", []gatewayapi.Attachment{gatewayapi.Attached}},
		"other hostname":                  {`{name: a, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}}`, "GRPCRoute", parent + "hostnames: [a.example.org], ", []gatewayapi.Attachment{gatewayapi.HostnamesDoNotMeet}},
		"closer hostname beside it":       {`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, {name: b, port: 80, protocol: HTTP, hostname: "*.example.com"}`, "GRPCRoute", parent + "hostnames: [a.example.com], ", []gatewayapi.Attachment{gatewayapi.HostnamesElsewhere, gatewayapi.NamespaceShutOut}},
		"one of two hostnames left":       {`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, {name: b, port: 80, protocol: HTTP, hostname: "*.example.com"}`, "GRPCRoute", parent + "hostnames: [a.example.com, a.example.org], ", []gatewayapi.Attachment{gatewayapi.Attached, gatewayapi.NamespaceShutOut}},
		"closer hostname on another port": {`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, {name: b, port: 81, protocol: HTTP, hostname: "*.example.com"}`, "GRPCRoute", parent + "hostnames: [a.example.com], ", []gatewayapi.Attachment{gatewayapi.Attached, gatewayapi.NamespaceShutOut}},
		"section":                         {listener("namespaces: {from: All}") + ", {name: b, port: 81, protocol: HTTP}", "GRPCRoute", "parentRefs: [{name: edge, namespace: infra, sectionName: a}], ", []gatewayapi.Attachment{gatewayapi.Attached}},
		"port":                            {listener("namespaces: {from: All}") + ", {name: b, port: 81, protocol: HTTP}", "GRPCRoute", "parentRefs: [{name: edge, namespace: infra, port: 81}], ", []gatewayapi.Attachment{gatewayapi.NamespaceShutOut}},
		"no such section":                 {listener("namespaces: {from: All}"), "GRPCRoute", "parentRefs: [{name: edge, namespace: infra, sectionName: x}], ", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, apiServer+apiGateway(test.listeners)+apiRoute(test.kind, test.route))
			parents := gatewayapi.GatewayParents(s, gatewayapi.APIRoutes(s)[0])
			require.Len(t, parents, 1)
			require.NotNil(t, parents[0].Gateway)
			var got []gatewayapi.Attachment
			for _, match := range parents[0].Listeners {
				got = append(got, match.Attachment)
			}
			assert.Equal(t, test.want, got)
			service, _ := s.Services().Get("shop", "orders")
			assert.Equal(t, parents[0].Attached(), len(gatewayapi.RouteBackendsTo(s, service, 8000)) == 1)
			assert.Empty(t, gatewayapi.RouteBackendsTo(s, service, 9999))
		})
	}
}

func TestGatewayParentsThatAreNoGateways(t *testing.T) {
	s := meshtest.Snapshot(t, apiServer+apiRoute("GRPCRoute", `parentRefs: [{name: orders, kind: Service, group: ""}, {name: nosuch}], `))
	parents := gatewayapi.GatewayParents(s, gatewayapi.APIRoutes(s)[0])
	require.Len(t, parents, 1)
	assert.Nil(t, parents[0].Gateway)
	assert.Equal(t, "shop", parents[0].Namespace)
	assert.Empty(t, gatewayapi.RouteBackends(s))
}

func TestGranted(t *testing.T) {
	reference := gatewayapi.Reference{FromKind: mesh.KindGRPCRoute, FromNamespace: "infra", ToKind: mesh.KindService, ToNamespace: "shop", ToName: "orders"}
	for spec, want := range map[string]bool{
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Service}]":               true,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Service, name: orders}]": true,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Service, name: carts}]":  false,
		"from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: '', kind: Service}]":               false,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: web}], to: [{group: '', kind: Service}]":                 false,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Secret}]":                false,
	} {
		for _, version := range []string{"v1", "v1beta1"} {
			s := meshtest.Snapshot(t, "apiVersion: gateway.networking.k8s.io/"+version+"\nkind: ReferenceGrant\nmetadata: {name: a, namespace: shop}\nspec: {"+spec+"}\n")
			assert.Equal(t, want, gatewayapi.Granted(s, reference), spec)
		}
	}
	reference.ToNamespace = "infra"
	assert.True(t, gatewayapi.Granted(meshtest.Snapshot(t, ""), reference))
}

func TestKubernetesGatewayWorkloads(t *testing.T) {
	text := apiServer + apiGateway("{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}") +
		apiRoute("GRPCRoute", "parentRefs: [{name: edge, namespace: infra}], ")
	s := meshtest.Snapshot(t, text)
	service, _ := s.Services().Get("shop", "orders")
	exposed := ExposedPortsOf(s, service)
	require.Len(t, exposed, 1)
	gateways := GatewaysTo(s, exposed[0])
	require.Len(t, gateways, 1, "the proxies that istiod will make")
	assert.Equal(t, "infra", gateways[0].Namespace)
	account, known := gatewayapi.ServiceAccount(gateways[0])
	assert.Equal(t, "edge-istio", account)
	assert.True(t, known)

	made := meshtest.Snapshot(t, text+`apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-istio, namespace: infra}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: edge}}
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: edge}}
    spec: {serviceAccountName: own, containers: [{name: istio-proxy, image: p, args: [proxy, router]}]}
`)
	service, _ = made.Services().Get("shop", "orders")
	gateways = GatewaysTo(made, ExposedPortsOf(made, service)[0])
	require.Len(t, gateways, 1)
	assert.Equal(t, "Deployment infra/edge-istio", gateways[0].String())
	account, _ = gatewayapi.ServiceAccount(gateways[0])
	assert.Equal(t, "own", account)
}

func TestGatewayClassController(t *testing.T) {
	s := meshtest.Snapshot(t, "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: other}\nspec: {controllerName: example.com/controller}\n")
	for class, want := range map[string]string{
		"istio": "istio.io/gateway-controller", "istio-waypoint": "istio.io/mesh-controller", "other": "example.com/controller", "nosuch": "",
	} {
		controller, ok := gatewayapi.GatewayClassController(s, class)
		assert.Equal(t, want, controller)
		assert.Equal(t, want != "", ok)
	}
}
