package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

// gatewayOn8000 is a Gateway with one plaintext server, on the workload of gatewayDeployment.
func gatewayOn8000(name, hosts string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %s, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: %s}]
`, name, hosts)
}

// virtualService is one of namespace shop; fields are its spec, in YAML's flow style.
func virtualService(name, created, fields string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s, namespace: shop, creationTimestamp: %q}
spec: {%s}
`, name, created, fields)
}

const (
	older   = "2026-01-05T10:00:00Z"
	younger = "2026-02-05T10:00:00Z"
)

// routesText is every route of every virtual host: host, VirtualService, rule.match, and who shadows it.
func routesText(s *mesh.Snapshot) []string {
	var lines []string
	for _, host := range AllVirtualHosts(s) {
		for _, route := range host.Routes {
			line := fmt.Sprintf("%s %s %s:%d.%d", host.Host, route.VirtualService.Name, route.Holder.Name, route.Rule, route.Match)
			if by := route.Shadowed; by != nil {
				line += fmt.Sprintf(" shadowed by %s:%d.%d", by.Holder.Name, by.Rule, by.Match)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func TestVirtualHosts(t *testing.T) {
	to := func(host string) string { return "route: [{destination: {host: " + host + "}}]" }
	for _, c := range []struct {
		name    string
		objects []string
		routes  []string
	}{
		{
			"the older comes first, catch-alls last",
			[]string{
				gatewayOn8000("public", `["*"]`),
				virtualService("b", younger, "hosts: [a.com], gateways: [public], http: [{match: [{uri: {prefix: /b}}], "+to("b")+"}, {"+to("b")+"}]"),
				virtualService("a", older, "hosts: [a.com], gateways: [public], http: [{match: [{uri: {prefix: /a}}], "+to("a")+"}, {"+to("a")+"}]"),
			},
			[]string{"a.com a a:0.0", "a.com b b:0.0", "a.com a a:1.-1", "a.com b b:1.-1 shadowed by a:1.-1"},
		},
		{
			"those exported by name come before the public ones",
			[]string{
				gatewayOn8000("public", `["*"]`),
				virtualService("a", older, "hosts: [a.com], gateways: [public], http: [{"+to("a")+"}]"),
				virtualService("b", younger, "hosts: [a.com], gateways: [public], exportTo: [istio-system], http: [{"+to("b")+"}]"),
				virtualService("hidden", older, `hosts: [a.com], gateways: [public], exportTo: ["."], http: [{`+to("b")+"}]"),
			},
			[]string{"a.com b b:0.-1", "a.com a a:0.-1 shadowed by b:0.-1"},
		},
		{
			"without an age the names decide",
			[]string{
				gatewayOn8000("public", `["*"]`),
				virtualService("b", older, "hosts: [a.com], gateways: [public], http: [{"+to("b")+"}]"),
				virtualService("a", older, "hosts: [a.com], gateways: [shop/public, public], http: [{"+to("a")+"}]"),
			},
			[]string{"a.com a a:0.-1", "a.com b b:0.-1 shadowed by a:0.-1"},
		},
		{
			"a host is the more specific of both, in lower case; each Gateway of a listener adds to it once",
			[]string{
				gatewayOn8000("one", `["*.Example.com"]`), gatewayOn8000("two", `[A.Example.com]`),
				virtualService("a", older, "hosts: ['*'], gateways: [one, two], http: [{"+to("a")+"}]"),
			},
			[]string{"a.example.com a a:0.-1", "*.example.com a a:0.-1"},
		},
		{
			"after a catch-all istiod sends nothing of the VirtualService",
			[]string{
				gatewayOn8000("public", `["*"]`),
				virtualService("a", older, "hosts: [a.com], gateways: [public], http: [{match: [{uri: {prefix: /}}, {uri: {prefix: /a}}], "+to("a")+"}]"),
			},
			[]string{"a.com a a:0.0", "a.com a a:0.1 shadowed by a:0.0"},
		},
		{
			"matches for other gateways, ports and callers are left out",
			[]string{
				gatewayOn8000("public", `["*"]`),
				virtualService("a", older, "hosts: [a.com], gateways: [public], http: [{match: ["+strings.Join([]string{
					"{gateways: [other]}", "{gateways: [mesh, shop/public], uri: {prefix: /1}}", "{port: 80}", "{port: 8000, uri: {prefix: /3}}",
					"{sourceNamespace: shop}", "{sourceNamespace: istio-system, uri: {prefix: /5}}",
					"{sourceLabels: {app: x}}", "{sourceLabels: {istio: ingressgateway}, uri: {prefix: /7}}",
				}, ", ")+"], "+to("a")+"}]"),
			},
			[]string{"a.com a a:0.1", "a.com a a:0.3", "a.com a a:0.5", "a.com a a:0.7"},
		},
		{
			"delegates stand in for the rule that names them, with both matches",
			[]string{
				gatewayOn8000("public", `["*"]`),
				virtualService("root", older, "hosts: [a.com], gateways: [public], http: [{match: [{uri: {prefix: /shop.}}], delegate: {name: leaf}}, "+
					"{delegate: {name: missing}}, {delegate: {name: hidden, namespace: shop}}, {"+to("a")+"}]"),
				virtualService("leaf", older, "http: [{match: [{uri: {prefix: /shop.v1.A/}}], "+to("a")+"}, {match: [{uri: {prefix: /other.}}], "+to("b")+"}, {"+to("c")+"}]"),
				virtualService("hidden", older, "exportTo: [sales], http: [{"+to("a")+"}]"),
			},
			[]string{"a.com root leaf:0.0", "a.com root leaf:2.0", "a.com root root:3.-1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.routes, routesText(meshtest.Snapshot(t, gatewayDeployment+strings.Join(c.objects, ""))))
		})
	}
}

func TestShadows(t *testing.T) {
	for _, c := range []struct {
		ahead, behind string
		shadowed      bool
	}{
		{"{uri: {prefix: /a.}}", "{uri: {prefix: /a.B/}}", true},
		{"{uri: {prefix: /a.B/}}", "{uri: {prefix: /a.}}", false},
		{"{uri: {prefix: /a.B}}", "{uri: {exact: /a.B/C}}", true},
		{"{uri: {exact: /a.B/C}}", "{uri: {exact: /a.B/C}}", true},
		{"{uri: {exact: /a.B/C}}", "{uri: {prefix: /a.B/C}}", false},
		{"{uri: {prefix: ''}}", "{uri: {prefix: /a}}", true},
		{"{uri: {prefix: /}, headers: {x: {exact: '1'}}}", "{uri: {prefix: /a}, headers: {x: {exact: '1'}, y: {exact: '2'}}}", true},
		{"{uri: {prefix: /}, headers: {x: {exact: '1'}}}", "{uri: {prefix: /a}}", false},
		{"{uri: {prefix: /}, headers: {x: {exact: '1'}}}", "{uri: {prefix: /a}, headers: {x: {exact: '2'}}}", false},
		{"{uri: {prefix: /}, headers: {X: {exact: '1'}}}", "{uri: {prefix: /a}, headers: {x: {exact: '1'}}}", true},
		{"{method: {exact: POST}}", "{uri: {prefix: /a}}", true},
		{"{method: {exact: GET}}", "{uri: {prefix: /a}}", false},
		{"{withoutHeaders: {x: {}}}", "{uri: {prefix: /a}}", false},
		{"{queryParams: {x: {exact: '1'}}}", "{uri: {prefix: /a}}", false},
		{`{uri: {regex: '/a\..*'}}`, "{uri: {prefix: /a.B/}}", true},
		{"{uri: {regex: '/a.*|/b'}}", "{uri: {prefix: /a}}", false},
		{"{uri: {regex: '/(a|b).*'}}", "{uri: {regex: '/(a|b).*'}}", true},
		{"{uri: {prefix: /a}}", "{uri: {regex: '/ab.*'}}", true},
		{`{uri: {regex: '/a\.B/(C|D)'}}`, "{uri: {exact: /a.B/C}}", true},
		{`{uri: {regex: '/a\.B/(C|D)'}}`, "{uri: {exact: /a.B/E}}", false},
		{`{uri: {regex: '/a\.B/(C|D)'}}`, "{uri: {exact: /a.B/C}, ignoreUriCase: true}", false},
		{`{uri: {regex: '/a\.B/(C|D)'}, headers: {x: {}}}`, "{uri: {exact: /a.B/C}}", false},
		{`{uri: {regex: '^/(a|b)\..*$'}}`, "{uri: {prefix: /b.C/}}", true},
		{`{uri: {regex: '/(a|b)\..+'}}`, "{uri: {prefix: /b.}}", true},
		{`{uri: {regex: '/(a|b).+'}}`, "{uri: {prefix: /b}}", false},
		{`{uri: {regex: '/a\.B/C|/b\..*'}}`, "{uri: {prefix: /a.B/C}}", false},
		{`{uri: {regex: '/a\.B/C|/b\..*'}}`, "{uri: {exact: /a.B/C}}", true},
		{`{uri: {regex: '/(a|b'}}`, "{uri: {exact: /a}}", false},
		{"{uri: {prefix: /A}, ignoreUriCase: true}", "{uri: {prefix: /ab}}", true},
		{"{uri: {prefix: /a}}", "{uri: {prefix: /ab}, ignoreUriCase: true}", false},
		{"{uri: {prefix: /}}", "{uri: {prefix: /ab}, ignoreUriCase: true}", true},
	} {
		t.Run(c.ahead+" before "+c.behind, func(t *testing.T) {
			s := meshtest.Snapshot(t, gatewayDeployment+gatewayOn8000("public", `["*"]`)+
				virtualService("a", older, "hosts: [a.com], gateways: [public], http: [{match: ["+c.ahead+"], route: [{destination: {host: a}}]}, "+
					"{match: ["+c.behind+"], route: [{destination: {host: b}}]}]"))
			routes := AllVirtualHosts(s)[0].Routes
			// A catch-all moves behind, and keeps istiod from sending what stood behind it.
			behind := routes[1]
			assert.Equal(t, 1, behind.Rule)
			assert.Equal(t, c.shadowed, behind.Shadowed != nil)
			vs, _ := s.VirtualServices().Get("shop", "a")
			assert.Equal(t, c.shadowed, len(UnreachableRules(s, vs)) == 1)
		})
	}
}

func TestRoutesTo(t *testing.T) {
	s := meshtest.Snapshot(t, gatewayDeployment+gatewayOn8000("public", `["*"]`)+`---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {ports: [{name: grpc, port: 8000}, {name: admin, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: orders.shop.svc.cluster.local}
`+virtualService("numbered", older, "hosts: [a.com], gateways: [public], http: [{route: [{destination: {host: orders, port: {number: 9000}}}]}]")+
		virtualService("of-server", older, "hosts: [b.com], gateways: [public], http: [{route: [{destination: {host: orders}}]}]")+
		virtualService("by-alias", older, "hosts: [c.com], gateways: [public], http: [{route: [{destination: {host: alias, port: {number: 9000}}}]}]")+
		virtualService("weightless", older, "hosts: [d.com], gateways: [public], http: [{route: [{weight: 100, destination: {host: other}}, {destination: {host: orders}}]}]")+
		virtualService("redirected", older, "hosts: [e.com], gateways: [public], http: [{redirect: {uri: /}, route: [{destination: {host: orders}}]}]"))
	orders, _ := s.Services().Get("shop", "orders")
	names := func(port int32) []string {
		var names []string
		for _, route := range RoutesTo(s, orders, port) {
			names = append(names, route.VirtualService.Name)
		}
		return names
	}
	assert.Equal(t, []string{"of-server"}, names(8000))
	assert.Equal(t, []string{"numbered", "by-alias"}, names(9000))
}

// TestAssumedGateway judges the files of an application whose gateway is elsewhere.
func TestAssumedGateway(t *testing.T) {
	objects := meshtest.ObjectsIn(t, gatewayOn8000("public", `["*"]`)+gatewayOn8000("also", `["*"]`)+
		virtualService("a", older, `hosts: [a.com], gateways: [public], exportTo: [istio-system], http: [{route: [{destination: {host: a}}]}]`)+
		virtualService("b", older, "hosts: [a.com], gateways: [also], http: [{route: [{destination: {host: b}}]}]"))
	known := mesh.New(objects, mesh.Options{Now: meshtest.Now})
	assert.Empty(t, AllVirtualHosts(known), "no gateway pods, no listener")

	files := mesh.New(objects, mesh.Options{Now: meshtest.Now, Gaps: []mesh.Gap{{Reason: "it is not in the files"}}})
	assert.Equal(t, []string{"a.com b b:0.-1", "a.com a a:0.-1 shadowed by b:0.-1"}, routesText(files), "the Gateway also comes before public")
	for _, host := range AllVirtualHosts(files) {
		assert.Nil(t, host.Workload)
		assert.Nil(t, host.Routes[0].Server.Workload)
	}
}

// TestTranslationOfTheFirstServer holds that the number of the first server that takes a host of the VirtualService counts for
// match.port and for destinations without a port, also where calls come through another server of the Gateway.
func TestTranslationOfTheFirstServer(t *testing.T) {
	s := meshtest.Snapshot(t, gatewayDeployment+`---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: other, protocol: HTTP}, hosts: [b.com]}
  - {port: {number: 80, name: first, protocol: HTTP}, hosts: [a.com]}
  - {port: {number: 8080, name: second, protocol: HTTP}, hosts: [c.com]}
`+virtualService("a", older, "hosts: [a.com, c.com], gateways: [public], http: [{match: [{port: 80, uri: {prefix: /80}}, {port: 8080}], route: [{destination: {host: a}}]}]"))
	assert.Equal(t, []string{"a.com a a:0.0", "c.com a a:0.0"}, routesText(s))
}
