package checks

import "github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"

var tlsHostDuplicate = &Check{
	ID:     "GX407",
	Slug:   "tls-host-duplicate",
	Levels: []Level{Error, Warning},
	Title:  "Another server takes TLS for the same host on the same port",
	What: "Finds TLS servers with a host that an older TLS server on the same listener port and bind address has already, after " +
		"`./x` is written `<namespace>/x` and `*/x` is written `x`; and pairs such as `a/x` and `b/x`, which are one name to a client.",
	Why: "The server name in the TLS handshake decides which server takes a connection, so it can stand only once on a port. istiod " +
		"leaves out the whole younger server, also its other hosts. `a/x` and `b/x` it takes for different hosts; Envoy then " +
		"refuses the listener.",
	Client: "UNIMPLEMENTED: the calls meet the older server, which has none of the routes; or UNAVAILABLE.",
	Bad: exampleOrders + exampleTLSGateway +
		exampleOlderGateway("{number: 443, name: https, protocol: HTTPS}", "orders.example.com", exampleFiles),
	Good: exampleOrders + exampleTLSGateway +
		exampleOlderGateway("{number: 443, name: https, protocol: HTTPS}", "legacy.example.com", exampleFiles),
	Reads:    gatewayReads,
	Consults: gatewayConsults(gatewayReads),
	Since:    "v0.1.0",
	Run:      func(p *Pass) { p.reportDropped([]gateway.Drop{gateway.DropHost, gateway.DropSNI}, "hosts") },
}
