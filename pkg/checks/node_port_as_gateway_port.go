package checks

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var nodePortAsGatewayPort = &Check{
	ID:     "GX404",
	Slug:   "node-port-as-gateway-port",
	Levels: []Level{Error, Warning},
	Title:  "The server's port is a node port of the gateway's Service",
	What:   "Finds Gateway servers whose port number is the nodePort of a port of the gateway's Service, and no port of it.",
	Why: "A node port is where nodes take calls for the Service's port; the gateway's pods never see the number. istiod finds no " +
		"Service port with it and makes the pods listen on it, where nothing leads.",
	Client:   "UNAVAILABLE: connection refused or timed out, on the node port as well.",
	Bad:      exampleOrders + exampleGateway("istio: ingressgateway", "{number: 31800, name: grpc, protocol: GRPC}"),
	Good:     exampleOrders + exampleGateway("istio: ingressgateway", "{number: 8000, name: grpc, protocol: GRPC}"),
	Reads:    gatewayServiceReads,
	Consults: gatewayConsults(gatewayServiceReads),
	Since:    "v0.1.0",
	Run:      runNodePortAsGatewayPort,
}

func runNodePortAsGatewayPort(p *Pass) {
	for _, server := range p.gatewayServers() {
		open := p.nodePortOf(server, p.closedOn(server))
		if open == nil {
			continue
		}
		number := server.spec.GetPort().GetNumber()
		p.Report(Finding{
			Object: server.gateway, Path: server.path("port", "number"), Level: server.level(p, Error),
			Message: fmt.Sprintf("Gateway %s has a server on %d, which is the nodePort of port %d of Service %s/%s.",
				server.gateway.Name, number, open.Port.Port, open.Service.Namespace, open.Service.Name),
			Evidence: []string{fmt.Sprintf("no port of the Service has the number %d", number)},
			Symptom:  symptomNoListener,
			Fix:      p.nodePortFix(server, open),
		})
	}
}

// nodePortFix gives the server the number of the node port's port, where it can be there.
func (p *Pass) nodePortFix(server gatewayServer, open *gateway.OpenPort) Fix {
	fits := open.Port.Port != gateway.StatusPort && slices.ContainsFunc(p.onWorkloads(server), func(on *gateway.Server) bool {
		return p.fitsOn(on.Workload, server, uint32(open.Port.Port))
	})
	if !fits {
		return Fix{Text: fmt.Sprintf("Use a port of the Service that is free for this server; %d is not.", open.Port.Port)}
	}
	changes := setField(p, server.gateway, fmt.Sprintf("%d is the node port of port %d", open.Port.NodePort, open.Port.Port),
		int64(open.Port.Port), server.steps("port", "number")...)
	fix := fixOf(Safe, fmt.Sprintf("Use port %d; clients go on calling the node port.", open.Port.Port), changes)
	fix.OnWordOf = []mesh.Key{mesh.KeyOf(open.Service)}
	return fix
}

// nodePortOf is the port of a gateway's Service whose node port is the server's number, nil if there is none.
func (p *Pass) nodePortOf(server gatewayServer, workloads []*proxy.GatewayWorkload) *gateway.OpenPort {
	for _, workload := range workloads {
		for _, port := range gateway.OpenPorts(p.Snapshot, workload) {
			if port.Port.NodePort != 0 && int64(port.Port.NodePort) == int64(server.spec.GetPort().GetNumber()) {
				return &port
			}
		}
	}
	return nil
}
