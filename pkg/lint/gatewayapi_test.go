package lint

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
)

// TestGatewayAPIWords pins what findings say of which calls fail, and of the way out.
func TestGatewayAPIWords(t *testing.T) {
	gateway := func(name, listeners string) string {
		return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ` + name + `, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
` + listeners + "---\n"
	}
	route := func(parents, backends string) string {
		return `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [` + parents + `]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [` + backends + "]\n"
	}
	certificates := func(references string) string {
		return gateway("edge", "  - {name: grpcs, port: 443, protocol: HTTPS, tls: {certificateRefs: ["+references+"]}}\n")
	}
	const (
		orders     = "{name: orders, port: 8000}"
		http       = "  - {name: http, port: 80, protocol: HTTP, hostname: \"*.example.com\"}\n"
		internal   = "  - {name: internal, port: 8080, protocol: HTTP, hostname: \"*.internal\"}\n"
		grpc       = "  - {name: grpc, port: 8000, protocol: GRPC}\n"
		grpcOfKind = "  - {name: grpc, port: 8000, protocol: GRPC, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}\n"
	)
	for _, c := range []struct{ name, text, id, words string }{
		{"all calls to a backend", gateway("edge", http) + route("{name: edge}", "{name: orders, namespace: other, port: 8000}"), "GX805", "UNKNOWN: the gateway answers 500"},
		{"a share of the calls", gateway("edge", http) + route("{name: edge}", "{name: orders, port: 8000, weight: 90}, {name: orders, namespace: other, port: 8000, weight: 10}"), "GX805", "UNKNOWN: the gateway answers 500, to 10 of 100 calls"},
		{"the only certificate", certificates("{name: a, namespace: certs}") + route("{name: edge}", orders), "GX805", "UNAVAILABLE: the listener is not programmed"},
		{"the second certificate", certificates("{name: a}, {name: b, namespace: certs}") + route("{name: edge}", orders), "GX805", "none for clients that take the certificate of Secret shop/a, as long as it is valid: the listener presents it alone; UNAVAILABLE for the others"},
		{"the first certificate", certificates("{name: a, namespace: certs}, {name: b}") + route("{name: edge}", orders), "GX805", "UNAVAILABLE: the gateway presents its certificate of the mesh"},
		{"a second certificate that is no Secret", certificates("{name: a, namespace: certs}, {name: b, kind: ConfigMap}") + route("{name: edge}", orders), "GX805", "UNAVAILABLE: the listener is not programmed"},
		{"no listener speaks HTTP", gateway("edge", grpc) + route("{name: edge}", orders), "GX802", `Write HTTP (or HTTPS) as the protocol of listener "grpc" of Gateway shop/edge`},
		{"the kind is allowed and the protocol is none", gateway("edge", grpcOfKind) + route("{name: edge}", orders), "GX802", `Write HTTP (or HTTPS) as the protocol of listener "grpc" of Gateway shop/edge`},
		{"another listener speaks HTTP", gateway("edge", grpc+http) + route("{name: edge, sectionName: grpc}", orders), "GX802", `Name listener "http" of Gateway shop/edge (port 80) in the parentRef`},
		{"another listener of the Gateway is there", gateway("edge", http) + route("{name: edge, sectionName: http}, {name: edge, sectionName: lost}", orders), "GX801", `; calls through listener "http" of Gateway shop/edge are served`},
		{"another Gateway takes the route", gateway("edge", grpc) + gateway("public", http) + route("{name: edge}, {name: public}", orders), "GX802", "; calls through Gateway shop/public are served"},
		{"another listener takes the route", gateway("edge", grpc+http) + route("{name: edge, sectionName: grpc}, {name: edge, sectionName: http}", orders), "GX802", `; calls through listener "http" of Gateway shop/edge are served`},
		{"another Gateway takes the host", gateway("edge", internal) + gateway("public", http) + route("{name: edge}, {name: public}", orders), "GX803", "; calls through Gateway shop/public are served"},
		{"another listener takes the host", gateway("edge", http+internal) + route("{name: edge, sectionName: internal}", orders), "GX803", `Name listener "http" of Gateway shop/edge (port 80) in the parentRef`},
	} {
		t.Run(c.name, func(t *testing.T) {
			findings, _ := runFamily(exampleMesh(t, example.ShopServer+c.text, true), c.id)
			require.Len(t, findings, 1)
			finding := findings[0]
			assert.Contains(t, finding.Symptom+"\n"+finding.Fix.Text, c.words)
			if !strings.Contains(c.words, "are served") {
				assert.NotContains(t, finding.Symptom, "are served")
			}
		})
	}
}
