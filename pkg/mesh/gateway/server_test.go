package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest/onlygateway"
)

const (
	ends        = "tls: {mode: SIMPLE, credentialName: c}"
	passes      = "tls: {mode: PASSTHROUGH}"
	handsOn     = "tls: {mode: AUTO_PASSTHROUGH}"
	redirecting = "tls: {httpsRedirect: true}"
)

// gatewayAt is a Gateway of that age in years since 2000 with one server; more is other fields of the server.
func gatewayAt(age int, name, port, hosts, more string) string {
	number, protocol, _ := strings.Cut(port, "/")
	if more != "" {
		more = ", " + more
	}
	return fmt.Sprintf(`{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: %s, namespace: %s-ns, creationTimestamp: "%d-01-01T00:00:00Z"},
  spec: {selector: {istio: ingress}, servers: [{port: {number: %s, name: p, protocol: %s}, hosts: [%s]%s}]}}`,
		name, name, 2000+age, number, protocol, hosts, more)
}

func TestServersThatDoNotLive(t *testing.T) {
	const tcpRoute = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: v},
  spec: {hosts: ["*"], gateways: [b-ns/b], tcp: [{route: [{destination: {host: x.y}}]}]}}`
	const tlsRoute = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: v},
  spec: {hosts: ["*"], gateways: [b-ns/b], tls: [{match: [{sniHosts: [x.com]}], route: [{destination: {host: x.y}}]}]}}`
	for name, test := range map[string]struct {
		objects []string
		// want are the servers that do not live: gateway, rule, older gateway.
		want []string
	}{
		"plaintext HTTP merges": {
			[]string{gatewayAt(1, "a", "80/HTTP", "x.com", ""), gatewayAt(2, "b", "80/GRPC", "x.com", ""), gatewayAt(3, "c", "80/GRPC-WEB", "y.com", ""), gatewayAt(4, "d", "80/http2", `"*"`, "")}, nil,
		},
		"GRPC after TCP":                {[]string{gatewayAt(1, "a", "80/TCP", `"*"`, ""), gatewayAt(2, "b", "80/GRPC", "x.com", "")}, []string{"b protocol a"}},
		"TCP after GRPC":                {[]string{gatewayAt(1, "a", "80/GRPC", "x.com", ""), gatewayAt(2, "b", "80/TCP", `"*"`, "")}, []string{"b protocol a"}},
		"TCP after TCP":                 {[]string{gatewayAt(1, "a", "80/TCP", "x.com", ""), gatewayAt(2, "b", "80/TCP", "y.com", "")}, []string{"b protocol a"}},
		"GRPC after Mongo":              {[]string{gatewayAt(1, "a", "80/MONGO", "x.com", ""), gatewayAt(2, "b", "80/GRPC", "y.com", "")}, []string{"b protocol a"}},
		"TLS after plaintext":           {[]string{gatewayAt(1, "a", "443/HTTP", "x.com", ""), gatewayAt(2, "b", "443/HTTPS", "y.com", ends)}, []string{"b protocol a"}},
		"TLS after a redirect":          {[]string{gatewayAt(1, "a", "443/HTTP", "x.com", redirecting), gatewayAt(2, "b", "443/HTTPS", "y.com", ends)}, []string{"b protocol a"}},
		"plaintext after TLS":           {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/GRPC", "y.com", "")}, nil},
		"TLS after plaintext after TLS": {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/GRPC", "y.com", ""), gatewayAt(3, "c", "443/HTTPS", "z.com", ends)}, []string{"c protocol b"}},
		"plaintext after TLS for *":     {[]string{gatewayAt(1, "a", "443/HTTPS", `"*"`, ends), gatewayAt(2, "b", "443/GRPC", "y.com", "")}, []string{"b match all a"}},
		"plaintext after TLS for */*":   {[]string{gatewayAt(1, "a", "443/HTTPS", `"*/*"`, ends), gatewayAt(2, "b", "443/GRPC", "y.com", "")}, []string{"b match all a"}},
		"age decides, not the name":     {[]string{gatewayAt(2, "a", "80/TCP", `"*"`, ""), gatewayAt(1, "b", "80/GRPC", "x.com", "")}, []string{"a protocol b"}},
		"the name decides among equals": {[]string{gatewayAt(1, "b", "80/TCP", `"*"`, ""), gatewayAt(1, "a", "80/GRPC", "x.com", "")}, []string{"b protocol a"}},
		"one listener by targetPort":    {[]string{gatewayAt(1, "a", "8080/TCP", `"*"`, ""), gatewayAt(2, "b", "80/GRPC", "x.com", "")}, []string{"b protocol a"}},
		"other ports":                   {[]string{gatewayAt(1, "a", "8000/TCP", `"*"`, ""), gatewayAt(2, "b", "80/GRPC", "x.com", "")}, nil},
		"other binds":                   {[]string{gatewayAt(1, "a", "80/TCP", `"*"`, "bind: 10.0.0.1"), gatewayAt(2, "b", "80/GRPC", "x.com", "bind: 10.0.0.2")}, nil},
		"plaintext merges until another bind comes between": {
			[]string{gatewayAt(1, "a", "80/HTTP", "x.com", ""), gatewayAt(2, "b", "80/HTTP", "x.com", "bind: 10.0.0.1"), gatewayAt(3, "c", "80/GRPC", "y.com", "")},
			[]string{"c match all a"},
		},
		"plaintext of one protocol merges all the same": {
			[]string{gatewayAt(1, "a", "80/HTTP", "x.com", ""), gatewayAt(2, "b", "80/HTTP", "x.com", "bind: 10.0.0.1"), gatewayAt(3, "c", "80/HTTP", "y.com", "")}, nil,
		},
		"same bind":                       {[]string{gatewayAt(1, "a", "80/TCP", `"*"`, "bind: 10.0.0.1"), gatewayAt(2, "b", "80/GRPC", "x.com", "bind: 10.0.0.1")}, []string{"b protocol a"}},
		"same host of TLS":                {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/HTTPS", "y.com, x.com", ends)}, []string{"b host a"}},
		"same host of TLS, other port":    {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "8000/HTTPS", "x.com", ends)}, nil},
		"same host of TLS, other bind":    {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/HTTPS", "x.com", ends+", bind: 10.0.0.1")}, nil},
		"wildcard beside a host under it": {[]string{gatewayAt(1, "a", "443/HTTPS", `"*.x.com"`, ends), gatewayAt(2, "b", "443/HTTPS", "a.x.com", ends)}, nil},
		"./x of one namespace and x":      {[]string{gatewayAt(1, "a", "443/HTTPS", "./x.com", ends), gatewayAt(2, "b", "443/HTTPS", "a-ns/x.com", ends)}, []string{"b host a"}},
		"*/x and x":                       {[]string{gatewayAt(1, "a", "443/HTTPS", `"*/x.com"`, ends), gatewayAt(2, "b", "443/HTTPS", "x.com", ends)}, []string{"b host a"}},
		"a/x and b/x":                     {[]string{gatewayAt(1, "a", "443/HTTPS", "a/x.com", ends), gatewayAt(2, "b", "443/HTTPS", "b/x.com", ends)}, []string{"b server name a"}},
		"a/x and x":                       {[]string{gatewayAt(1, "a", "443/HTTPS", "a/x.com", ends), gatewayAt(2, "b", "443/HTTPS", "x.com", ends)}, []string{"b server name a"}},
		"a/* and b/*":                     {[]string{gatewayAt(1, "a", "443/HTTPS", `"a/*"`, ends), gatewayAt(2, "b", "443/HTTPS", `"b/*"`, ends)}, []string{"b server name a"}},
		"same host of a redirect":         {[]string{gatewayAt(1, "a", "80/HTTP", "x.com", redirecting), gatewayAt(2, "b", "80/HTTP", "x.com", redirecting)}, []string{"b host a"}},
		"passthrough without a route":     {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/TLS", `"*.com"`, passes)}, nil},
		"passthrough of a name that another server ends": {
			[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/TLS", `"*.com"`, passes), tlsRoute}, []string{"b server name a"},
		},
		"a host in another case": {[]string{gatewayAt(1, "a", "443/HTTPS", "x.com", ends), gatewayAt(2, "b", "443/HTTPS", "X.com", ends)}, []string{"b server name a"}},
		"two that hand on the same Service": {
			[]string{gatewayAt(1, "a", "443/TLS", `"*.local"`, handsOn), gatewayAt(2, "b", "443/TLS", `"*"`, handsOn), `{apiVersion: v1, kind: Service, metadata: {name: orders, namespace: shop}, spec: {ports: [{name: grpc, port: 8000}]}}`},
			[]string{"b server name a"},
		},
		"two that hand on no common Service":  {[]string{gatewayAt(1, "a", "443/TLS", `"*.local"`, handsOn), gatewayAt(2, "b", "443/TLS", `"*.global"`, handsOn)}, nil},
		"TCP without a route after TLS for *": {[]string{gatewayAt(1, "a", "443/HTTPS", `"*"`, ends), gatewayAt(2, "b", "443/TCP", `"*"`, "")}, nil},
		"TCP with a route after TLS for *": {
			[]string{gatewayAt(1, "a", "443/HTTPS", `"*"`, ends), gatewayAt(2, "b", "443/TCP", `"*"`, ""), tcpRoute}, []string{"b match all a"},
		},
		"a third server is compared with the living": {
			[]string{gatewayAt(1, "a", "80/TCP", `"*"`, ""), gatewayAt(2, "b", "80/GRPC", "x.com", ""), gatewayAt(3, "c", "80/HTTP", "x.com", "")},
			[]string{"b protocol a", "c protocol a"},
		},
		"hosts of a server that is left out count all the same": {
			[]string{gatewayAt(1, "a", "443/HTTP", "x.com", ""), gatewayAt(2, "b", "443/HTTPS", "y.com", ends), gatewayAt(3, "c", "443/HTTPS", "y.com", ends)},
			[]string{"b protocol a", "c host b"},
		},
		"a Gateway that selects others": {
			[]string{gatewayAt(1, "a", "80/TCP", `"*"`, ""), strings.Replace(gatewayAt(2, "b", "80/GRPC", "x.com", ""), "istio: ingress", "istio: other", 1)}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress, meshtest.Documents(test.objects...)))
			var got []string
			for _, server := range Servers(s, onlygateway.OnlyGateway(t, s)) {
				assert.Equal(t, server.Drop == "", server.DroppedBy == nil)
				if server.Drop != "" {
					got = append(got, fmt.Sprintf("%s %s %s", server.Gateway.Name, server.Drop, server.DroppedBy.Gateway.Name))
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestServersLeftOut(t *testing.T) {
	s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress, gatewayAt(1, "a", "80/GRPC", "x.com", ""), gatewayAt(2, "b", "81/GRPC", "x.com", "")))
	servers := Servers(s, onlygateway.OnlyGateway(t, s))
	assert.Empty(t, servers[0].LeftOut, "80 becomes 8080")
	assert.NotEmpty(t, servers[1].LeftOut, "81 stays 81, and the pods are unprivileged")
	assert.Equal(t, servers[1:], ServersOf(s, servers[1].Gateway))
}

func TestServerKinds(t *testing.T) {
	for server, want := range map[string]string{
		"80/HTTP ":               "http",
		"80/grpc ":               "http",
		"80/GRPC-Web ":           "http",
		"80/HTTP2 ":              "http",
		"80/HTTP " + redirecting: "http",
		"443/HTTPS " + ends:      "http tls",
		"443/HTTPS " + passes:    "tls passthrough",
		"443/TLS " + ends:        "tls",
		"443/TLS " + passes:      "tls passthrough",
		"443/TCP ":               "",
		"443/MONGO ":             "",
		"443/HTTPS tls: {mode: MUTUAL, credentialName: c}":       "http tls",
		"443/TLS tls: {mode: AUTO_PASSTHROUGH}":                  "tls passthrough",
		"443/HTTPS tls: {mode: OPTIONAL_MUTUAL, privateKey: /k}": "http tls",
	} {
		t.Run(server, func(t *testing.T) {
			port, tls, _ := strings.Cut(server, " ")
			s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress, gatewayAt(1, "a", port, "x.com", tls)))
			found := Servers(s, onlygateway.OnlyGateway(t, s))[0]
			var got []string
			if found.IsHTTP() {
				got = append(got, "http")
			}
			if found.IsTLS() {
				got = append(got, "tls")
			}
			if found.IsTLS() && ServerIsPassthrough(found.Spec) {
				got = append(got, "passthrough")
			}
			assert.Equal(t, want, strings.Join(got, " "))
		})
	}
}

// A Gateway may be anything that passes as YAML; nothing of it may end the program.
func TestServersOfAbsurdGateways(t *testing.T) {
	for _, spec := range []string{
		`{}`, `{servers: []}`, `{servers: [{}]}`, `{servers: [{hosts: ["/", "a/b/c", ""]}]}`, `{servers: [{port: {}}]}`,
		`{servers: [{port: {number: 4294967295, protocol: "?"}, tls: {}}]}`,
	} {
		s := meshtest.Snapshot(t, meshtest.Documents(meshtest.Ingress, `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a, namespace: a}, spec: `+spec+`}`))
		assert.NotPanics(t, func() { Servers(s, onlygateway.OnlyGateway(t, s)) }, spec)
	}
}
