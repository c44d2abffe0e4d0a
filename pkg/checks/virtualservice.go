package checks

import (
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// boundServer is a server of a Gateway that a VirtualService is bound to.
type boundServer struct {
	Gateway *networking.Gateway
	Index   int
	Server  *networkingapi.Server
}

// boundServers are the servers that take a host of the VirtualService, whether or not a gateway runs them.
func boundServers(snapshot *mesh.Snapshot, vs *networking.VirtualService) []boundServer {
	gateways, _ := snapshot.GatewaysOf(vs)
	var servers []boundServer
	for _, gateway := range gateways {
		for i, server := range gateway.Spec.Servers {
			if takesAHost(gateway, server, vs) {
				servers = append(servers, boundServer{gateway, i, server})
			}
		}
	}
	return servers
}
