package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// workloadKinds are what gateway pods are found by.
var workloadKinds = []mesh.Kind{mesh.KindPod, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet}

// gatewayKinds are what it takes to know the gateways of a mesh, the routes on them, and whether they are a matter of gRPC.
var gatewayKinds = slices.Concat(workloadKinds, []mesh.Kind{
	mesh.KindNamespace, mesh.KindService, mesh.KindGateway, mesh.KindVirtualService, mesh.KindServiceEntry, mesh.KindConfigMap,
	mesh.KindKubernetesGateway, mesh.KindGatewayClass, mesh.KindGRPCRoute, mesh.KindHTTPRoute, mesh.KindReferenceGrant,
})

// The symptoms that the checks of gateways have in common.
const (
	symptomNoListener = "UNAVAILABLE: connection refused or timed out, nothing listens on the port"
	symptomHandshake  = "UNAVAILABLE: the TLS handshake fails"
	symptomDropped    = "UNAVAILABLE or UNIMPLEMENTED: the calls meet the other server, not this one"
)

// gatewayServer is one entry of a Gateway.
type gatewayServer struct {
	gateway *networking.Gateway
	index   int
	spec    *networkingapi.Server
}

// path is a field of the server, ".spec.servers[0].port.number".
func (g gatewayServer) path(fields ...string) string {
	return plan.Path(g.steps(fields...)).String()
}

func (g gatewayServer) steps(fields ...string) []string {
	return append([]string{"spec", "servers", strconv.Itoa(g.index)}, fields...)
}

// text is how messages name the server: "the server on port 443 (HTTPS)".
func (g gatewayServer) text() string {
	return fmt.Sprintf("the server on port %d (%s)", g.spec.GetPort().GetNumber(), g.spec.GetPort().GetProtocol())
}

// gatewayServers are the servers of all Gateways that are a matter of gRPC, by Gateway and place.
func (p *Pass) gatewayServers() []gatewayServer {
	var servers []gatewayServer
	for _, gateway := range p.Gateways().All() {
		servers = append(servers, p.serversInScope(gateway)...)
	}
	return servers
}

func (p *Pass) serversInScope(gateway *networking.Gateway) []gatewayServer {
	var servers []gatewayServer
	for index, spec := range gateway.Spec.GetServers() {
		if server := (gatewayServer{gateway, index, spec}); spec != nil && spec.Port != nil && p.serverInScope(server) {
			servers = append(servers, server)
		}
	}
	return servers
}

// serverInScope says that gRPC calls come through a server: by its protocol, by a route on it, or because a fault hides where
// its routes lead while nothing says plain HTTP.
func (p *Pass) serverInScope(server gatewayServer) bool {
	if p.AllScopes || speaksGRPC(server.spec) {
		return true
	}
	lost, elsewhere := false, false
	for _, virtualService := range p.VirtualServicesBoundTo(server.gateway) {
		if !sharesHost(server, virtualService) {
			continue
		}
		path := p.PathOf(virtualService)
		if path.IsGRPC() {
			return true
		}
		lost, elsewhere = lost || path.Lost, elsewhere || path.Elsewhere
	}
	return lost && !elsewhere && !saysPlainHTTP(server.spec)
}

func speaksGRPC(server *networkingapi.Server) bool {
	protocol := mesh.ParseProtocol(server.GetPort().GetProtocol())
	return protocol == mesh.ProtocolGRPC || protocol == mesh.ProtocolGRPCWeb
}

// saysPlainHTTP says that the server's protocol is HTTP and its name does not speak of gRPC.
func saysPlainHTTP(server *networkingapi.Server) bool {
	protocol := mesh.ParseProtocol(server.GetPort().GetProtocol())
	return (protocol == mesh.ProtocolHTTP || protocol == mesh.ProtocolHTTPProxy) && !mesh.HasGRPCToken(server.GetPort().GetName())
}

// sharesHost says that a server takes one of the VirtualService's hosts.
func sharesHost(server gatewayServer, virtualService *networking.VirtualService) bool {
	return slices.ContainsFunc(virtualService.Spec.Hosts, func(host string) bool {
		_, ok := mesh.ServerAccepts(server.gateway, server.spec, host, virtualService.Namespace)
		return ok
	})
}

// onWorkloads are what becomes of the server on the gateway workloads that get it.
func (p *Pass) onWorkloads(server gatewayServer) []*mesh.Server {
	return slices.DeleteFunc(slices.Clone(p.ServersOf(server.gateway)), func(on *mesh.Server) bool {
		return on.Index != server.index
	})
}

// missingWorkloads says whether gateway pods that are not in the snapshot are truly missing.
func (p *Pass) missingWorkloads() bool {
	return !slices.ContainsFunc(workloadKinds, func(kind mesh.Kind) bool { return !p.Missing(kind, "", "") })
}

// listWorkloads names gateway workloads, or says that there are none.
func listWorkloads(workloads []*mesh.GatewayWorkload) string {
	if len(workloads) == 0 {
		return "none"
	}
	names := make([]string, 0, len(workloads))
	for _, workload := range workloads {
		names = append(names, workload.String())
	}
	return strings.Join(names, ", ")
}

// changeOf is an Update of one object by edits that make builds; ok is false for an object that has no JSON form.
func changeOf(object mesh.Object, reason string, edits func(*unstructured.Unstructured) []plan.Edit) (change plan.Change, ok bool) {
	u, err := mesh.ToUnstructured(object)
	if err != nil {
		return plan.Change{}, false
	}
	return plan.Change{Action: plan.Update, Object: u, Edits: edits(u), Reason: reason}, true
}

// fixOf is a fix of that level with one change, or in words alone where there is no change.
func fixOf(level FixLevel, text string, change plan.Change, ok bool) Fix {
	if !ok {
		return Fix{Text: text}
	}
	return Fix{Text: text, Level: level, Changes: []plan.Change{change}}
}
