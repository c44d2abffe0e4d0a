package gateway

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

var privilegedGatewayPort = &checks.Check{
	ID:     "GX405",
	Slug:   "privileged-gateway-port",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The gateway's pods may not listen on a port below 1024",
	What: "Finds Gateway servers that become a listener below 1024 in pods that tell istiod they are unprivileged " +
		"(`ISTIO_META_UNPRIVILEGED_POD`; an error), or that run as a user who is not root, without the capability " +
		"`NET_BIND_SERVICE` and without a sysctl `net.ipv4.ip_unprivileged_port_start` that is low enough (a warning).",
	Why: "istiod leaves such listeners out for pods that say they are unprivileged, without a word. For others it sends them, and " +
		"whether the proxy can bind the port is the container runtime's affair: containerd allows it by default, others do not.",
	Client:   "UNAVAILABLE: connection refused.",
	Bad:      example.Orders + example.EdgeGateway("443", "443") + example.Gateway("istio: edge", "{number: 443, name: grpc, protocol: GRPC}"),
	Good:     example.Orders + example.EdgeGateway("443", "8443") + example.Gateway("istio: edge", "{number: 443, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runPrivilegedGatewayPort,
}

func runPrivilegedGatewayPort(p *checks.Pass) {
	for _, server := range gatewayServers(p) {
		for _, on := range onWorkloads(p, server) {
			finding, doubt := privilegedPortOn(on)
			_, open := gateway.ListenerPorts(p.Snapshot, on.Workload, server.spec.GetPort().GetNumber())
			if !doubt || !open || on.DroppedBy != nil {
				continue
			}
			finding.Object, finding.Path = server.gateway, server.path("port", "number")
			finding.Level = server.level(p, finding.Level)
			finding.Message = fmt.Sprintf("Gateway %s listens on port %d of %s, which runs unprivileged.",
				server.gateway.Name, on.ListenerPort, on.Workload)
			finding.Symptom = "UNAVAILABLE: connection refused"
			finding.Fix = checks.Fix{Text: fmt.Sprintf(
				"Let port %d of the gateway's Service lead to a targetPort from 1024 on, such as %d.",
				server.spec.GetPort().GetNumber(), 8000+on.ListenerPort)}
			p.Report(finding)
			break
		}
	}
}

func privilegedPortOn(on *gateway.Server) (finding checks.Finding, doubt bool) {
	if on.LeftOut != "" {
		return checks.Finding{Level: checks.Error, Evidence: []string{on.LeftOut}}, true
	}
	why, doubt := on.Workload.MayNotBind(on.ListenerPort)
	return checks.Finding{Level: checks.Warning, Evidence: []string{why}}, doubt
}
