package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		want                   []Attachment
	}{
		"own namespace by default":        {"{name: a, port: 80, protocol: HTTP}", "GRPCRoute", parent, []Attachment{NamespaceShutOut}},
		"same":                            {listener("namespaces: {from: Same}"), "GRPCRoute", parent, []Attachment{NamespaceShutOut}},
		"all":                             {listener("namespaces: {from: All}"), "GRPCRoute", parent, []Attachment{Attached}},
		"none":                            {listener("namespaces: {from: None}"), "GRPCRoute", parent, []Attachment{NamespaceShutOut}},
		"selector":                        {listener("namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}"), "GRPCRoute", parent, []Attachment{Attached}},
		"selector of others":              {listener("namespaces: {from: Selector, selector: {matchLabels: {team: web}}}"), "GRPCRoute", parent, []Attachment{NamespaceShutOut}},
		"kind":                            {listener("namespaces: {from: All}, kinds: [{kind: GRPCRoute}]"), "GRPCRoute", parent, []Attachment{Attached}},
		"other kind":                      {listener("namespaces: {from: All}, kinds: [{kind: HTTPRoute}]"), "GRPCRoute", parent, []Attachment{KindShutOut}},
		"HTTPRoute":                       {listener("namespaces: {from: All}, kinds: [{kind: HTTPRoute}]"), "HTTPRoute", parent, []Attachment{Attached}},
		"kind of another group":           {listener("namespaces: {from: All}, kinds: [{group: example.com, kind: GRPCRoute}]"), "GRPCRoute", parent, []Attachment{KindShutOut}},
		"TLS listener":                    {"{name: a, port: 443, protocol: TLS, allowedRoutes: {namespaces: {from: All}}}", "GRPCRoute", parent, []Attachment{KindShutOut}},
		"hostname":                        {`{name: a, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}}`, "GRPCRoute", parent + "hostnames: [a.example.com], ", []Attachment{Attached}},
		"other hostname":                  {`{name: a, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All}}}`, "GRPCRoute", parent + "hostnames: [a.example.org], ", []Attachment{HostnamesDoNotMeet}},
		"closer hostname beside it":       {`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, {name: b, port: 80, protocol: HTTP, hostname: "*.example.com"}`, "GRPCRoute", parent + "hostnames: [a.example.com], ", []Attachment{HostnamesElsewhere, NamespaceShutOut}},
		"one of two hostnames left":       {`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, {name: b, port: 80, protocol: HTTP, hostname: "*.example.com"}`, "GRPCRoute", parent + "hostnames: [a.example.com, a.example.org], ", []Attachment{Attached, NamespaceShutOut}},
		"closer hostname on another port": {`{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}, {name: b, port: 81, protocol: HTTP, hostname: "*.example.com"}`, "GRPCRoute", parent + "hostnames: [a.example.com], ", []Attachment{Attached, NamespaceShutOut}},
		"section":                         {listener("namespaces: {from: All}") + ", {name: b, port: 81, protocol: HTTP}", "GRPCRoute", "parentRefs: [{name: edge, namespace: infra, sectionName: a}], ", []Attachment{Attached}},
		"port":                            {listener("namespaces: {from: All}") + ", {name: b, port: 81, protocol: HTTP}", "GRPCRoute", "parentRefs: [{name: edge, namespace: infra, port: 81}], ", []Attachment{NamespaceShutOut}},
		"no such section":                 {listener("namespaces: {from: All}"), "GRPCRoute", "parentRefs: [{name: edge, namespace: infra, sectionName: x}], ", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, apiServer+apiGateway(test.listeners)+apiRoute(test.kind, test.route))
			parents := s.GatewayParents(s.APIRoutes()[0])
			require.Len(t, parents, 1)
			require.NotNil(t, parents[0].Gateway)
			var got []Attachment
			for _, match := range parents[0].Listeners {
				got = append(got, match.Attachment)
			}
			assert.Equal(t, test.want, got)
			service, _ := s.Services().Get("shop", "orders")
			assert.Equal(t, parents[0].Attached(), len(s.RouteBackendsTo(service, 8000)) == 1)
			assert.Empty(t, s.RouteBackendsTo(service, 9999))
		})
	}
}

func TestGatewayParentsThatAreNoGateways(t *testing.T) {
	s := snapshot(t, apiServer+apiRoute("GRPCRoute", `parentRefs: [{name: orders, kind: Service, group: ""}, {name: nosuch}], `))
	parents := s.GatewayParents(s.APIRoutes()[0])
	require.Len(t, parents, 1)
	assert.Nil(t, parents[0].Gateway)
	assert.Equal(t, "shop", parents[0].Namespace)
	assert.Empty(t, s.RouteBackends())
}

func TestGranted(t *testing.T) {
	reference := Reference{FromKind: KindGRPCRoute, FromNamespace: "infra", ToKind: KindService, ToNamespace: "shop", ToName: "orders"}
	for spec, want := range map[string]bool{
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Service}]":               true,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Service, name: orders}]": true,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Service, name: carts}]":  false,
		"from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: '', kind: Service}]":               false,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: web}], to: [{group: '', kind: Service}]":                 false,
		"from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: '', kind: Secret}]":                false,
	} {
		for _, version := range []string{"v1", "v1beta1"} {
			s := snapshot(t, "apiVersion: gateway.networking.k8s.io/"+version+"\nkind: ReferenceGrant\nmetadata: {name: a, namespace: shop}\nspec: {"+spec+"}\n")
			assert.Equal(t, want, s.Granted(reference), spec)
		}
	}
	reference.ToNamespace = "infra"
	assert.True(t, snapshot(t, "").Granted(reference))
}

func TestKubernetesGatewayWorkloads(t *testing.T) {
	text := apiServer + apiGateway("{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}") +
		apiRoute("GRPCRoute", "parentRefs: [{name: edge, namespace: infra}], ")
	s := snapshot(t, text)
	service, _ := s.Services().Get("shop", "orders")
	exposed := s.ExposedPortsOf(service)
	require.Len(t, exposed, 1)
	gateways := s.GatewaysTo(exposed[0])
	require.Len(t, gateways, 1, "the proxies that istiod will make")
	assert.Equal(t, "infra", gateways[0].Namespace)
	account, known := gateways[0].ServiceAccount()
	assert.Equal(t, "edge-istio", account)
	assert.True(t, known)

	made := snapshot(t, text+`apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-istio, namespace: infra}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: edge}}
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: edge}}
    spec: {serviceAccountName: own, containers: [{name: istio-proxy, image: p, args: [proxy, router]}]}
`)
	service, _ = made.Services().Get("shop", "orders")
	gateways = made.GatewaysTo(made.ExposedPortsOf(service)[0])
	require.Len(t, gateways, 1)
	assert.Equal(t, "Deployment infra/edge-istio", gateways[0].String())
	account, _ = gateways[0].ServiceAccount()
	assert.Equal(t, "own", account)
}

func TestGatewayClassController(t *testing.T) {
	s := snapshot(t, "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: other}\nspec: {controllerName: example.com/controller}\n")
	for class, want := range map[string]string{
		"istio": "istio.io/gateway-controller", "istio-waypoint": "istio.io/mesh-controller", "other": "example.com/controller", "nosuch": "",
	} {
		controller, ok := s.GatewayClassController(class)
		assert.Equal(t, want, controller)
		assert.Equal(t, want != "", ok)
	}
}
