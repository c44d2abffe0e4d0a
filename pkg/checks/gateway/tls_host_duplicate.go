package gateway

import (
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

var tlsHostDuplicate = &checks.Check{
	ID:     "GX407",
	Slug:   "tls-host-duplicate",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Another server takes TLS for the same host on the same port",
	What: "Finds TLS servers with a host that an older TLS server on the same listener port and bind address has already, after " +
		"`./x` is written `<namespace>/x` and `*/x` is written `x`; and pairs such as `a/x` and `b/x`, which are one name to a client.",
	Why: "The server name in the TLS handshake decides which server takes a connection, so it can stand only once on a port. istiod " +
		"leaves out the whole younger server, also its other hosts. `a/x` and `b/x` it takes for different hosts; Envoy then " +
		"refuses the listener.",
	Client: "UNIMPLEMENTED: the calls meet the older server, which has none of the routes; or UNAVAILABLE.",
	Bad: example.Orders + example.TLSGateway +
		example.OlderGateway("{number: 443, name: https, protocol: HTTPS}", "orders.example.com", example.Files),
	Good: example.Orders + example.TLSGateway +
		example.OlderGateway("{number: 443, name: https, protocol: HTTPS}", "legacy.example.com", example.Files),
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Run:      func(p *checks.Pass) { reportDropped(p, []gateway.Drop{gateway.DropHost, gateway.DropSNI}, "hosts") },
}
