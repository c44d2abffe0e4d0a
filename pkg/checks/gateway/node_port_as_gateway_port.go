package gateway

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var nodePortAsGatewayPort = &checks.Check{
	ID:     "GX404",
	Slug:   "node-port-as-gateway-port",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The server's port is a node port of the gateway's Service",
	What:   "Finds Gateway servers whose port number is the nodePort of a port of the gateway's Service, and no port of it.",
	Why: "A node port is where nodes take calls for the Service's port; the gateway's pods never see the number. istiod finds no " +
		"Service port with it and makes the pods listen on it, where nothing leads.",
	Client:   "UNAVAILABLE: connection refused or timed out, on the node port as well.",
	Bad:      example.Orders + example.Gateway("istio: ingressgateway", "{number: 31800, name: grpc, protocol: GRPC}"),
	Good:     example.Orders + example.Gateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runNodePortAsGatewayPort,
}

func runNodePortAsGatewayPort(p *checks.Pass) {
	for _, server := range gatewayServers(p) {
		open := nodePortOf(p, server, closedOn(p, server))
		if open == nil {
			continue
		}
		number := server.spec.GetPort().GetNumber()
		p.Report(checks.Finding{
			Object: server.gateway, Path: server.path("port", "number"), Level: server.level(p, checks.Error),
			Message: fmt.Sprintf("Gateway %s has a server on %d, which is the nodePort of port %d of Service %s/%s.",
				server.gateway.Name, number, open.Port.Port, open.Service.Namespace, open.Service.Name),
			Evidence: []string{fmt.Sprintf("no port of the Service has the number %d", number)},
			Symptom:  symptomNoListener,
			Fix:      nodePortFix(p, server, open),
		})
	}
}

// nodePortFix gives the server the number of the node port's port, where it can be there.
func nodePortFix(p *checks.Pass, server gatewayServer, open *gateway.OpenPort) checks.Fix {
	fits := open.Port.Port != gateway.StatusPort && slices.ContainsFunc(onWorkloads(p, server), func(on *gateway.Server) bool {
		return fitsOn(p, on.Workload, server, uint32(open.Port.Port))
	})
	if !fits {
		return checks.Fix{Text: fmt.Sprintf("Use a port of the Service that is free for this server; %d is not.", open.Port.Port)}
	}
	changes := checks.SetField(p, server.gateway, fmt.Sprintf("%d is the node port of port %d", open.Port.NodePort, open.Port.Port),
		int64(open.Port.Port), server.path("port", "number")...)
	fix := fixOf(checks.Safe, fmt.Sprintf("Use port %d; clients go on calling the node port.", open.Port.Port), changes)
	fix.OnWordOf = []mesh.Key{mesh.KeyOf(open.Service)}
	return fix
}

// nodePortOf is the port of a gateway's Service whose node port is the server's number, nil if there is none.
func nodePortOf(p *checks.Pass, server gatewayServer, workloads []*proxy.GatewayWorkload) *gateway.OpenPort {
	for _, workload := range workloads {
		for _, port := range gateway.OpenPorts(p.Snapshot, workload) {
			if port.Port.NodePort != 0 && int64(port.Port.NodePort) == int64(server.spec.GetPort().GetNumber()) {
				return &port
			}
		}
	}
	return nil
}
