package gateway

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// gatewayConsults are the kinds that a check of gateways consults beside those that it rests on: what else makes known which
// gateways there are, which routes are on them, and whether they are a matter of gRPC.
func gatewayConsults(reads []mesh.Kind) []mesh.Kind {
	all := slices.Concat(checks.WorkloadKinds, checks.ExposureConsults, checks.ExposureReads, []mesh.Kind{mesh.KindServiceEntry})
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(kind mesh.Kind) bool { return slices.Contains(reads, kind) })
}

// The kinds that the checks of gateways rest on. Pods only add to what workloads tell.
var (
	gatewayReads        = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment}
	gatewayServiceReads = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment, mesh.KindService}
	gatewayRouteReads   = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment, mesh.KindVirtualService}
	gatewaySecretReads  = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment, mesh.KindSecret}
)

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
func (g gatewayServer) path(fields ...any) plan.Path {
	return plan.PathOf("spec", "servers", g.index, fields)
}

// text is how messages name the server: "the server on port 443 (HTTPS)".
func (g gatewayServer) text() string {
	return fmt.Sprintf("the server on port %d (%s)", g.spec.GetPort().GetNumber(), g.spec.GetPort().GetProtocol())
}

// level is that of a finding about the server, which is no error where nothing but weak evidence speaks for gRPC.
func (g gatewayServer) level(p *checks.Pass, level checks.Level) checks.Level {
	return p.LevelFor(p.ServerRelevance(g.gateway, g.spec), level)
}

// gatewayServers are the servers of all Gateways that are on the way of gRPC calls, by Gateway and place.
func gatewayServers(p *checks.Pass) []gatewayServer {
	var servers []gatewayServer
	for _, gateway := range p.Gateways().All() {
		for index, spec := range gateway.Spec.GetServers() {
			if spec.GetPort() != nil && p.ServerInScope(gateway, spec) {
				servers = append(servers, gatewayServer{gateway, index, spec})
			}
		}
	}
	return servers
}

// gatewayLevel is the level of a finding about a Gateway as a whole: that of its worst server.
func gatewayLevel(p *checks.Pass, gateway *networking.Gateway, level checks.Level) checks.Level {
	most := checks.PlainHTTP
	for _, server := range gateway.Spec.GetServers() {
		most = max(most, p.ServerRelevance(gateway, server))
	}
	return p.LevelFor(most, level)
}

// onWorkloads are what becomes of the server on the gateway workloads that get it.
func onWorkloads(p *checks.Pass, server gatewayServer) []*gateway.Server {
	var on []*gateway.Server
	for _, candidate := range gateway.ServersOf(p.Snapshot, server.gateway) {
		if candidate.Index == server.index {
			on = append(on, candidate)
		}
	}
	return on
}

// fitsOn reports whether the server, were it on that workload with that number, has an open listener and no other server in its way.
func fitsOn(p *checks.Pass, workload *proxy.GatewayWorkload, server gatewayServer, number uint32) bool {
	ports, open := gateway.ListenerPorts(p.Snapshot, workload, number)
	if !open || workload.IsUnprivileged() && slices.ContainsFunc(ports, func(port int32) bool { return port < 1024 }) {
		return false
	}
	return !slices.ContainsFunc(gateway.Servers(p.Snapshot, workload), func(other *gateway.Server) bool {
		itself := other.Gateway == server.gateway && other.Index == server.index
		return !itself && other.Bind == server.spec.GetBind() && slices.Contains(ports, other.ListenerPort) &&
			!gateway.ServersShareListener(other.Spec, server.spec)
	})
}

// missingWorkloads reports whether gateway pods that are not in the snapshot are truly missing.
func missingWorkloads(p *checks.Pass) bool {
	return !slices.ContainsFunc(checks.WorkloadKinds, func(kind mesh.Kind) bool { return !p.Missing(kind, "", "") })
}

// listWorkloads names gateway workloads, or says that there are none.
func listWorkloads(workloads []*proxy.GatewayWorkload) string {
	if len(workloads) == 0 {
		return "none"
	}
	names := make([]string, 0, len(workloads))
	for _, workload := range workloads {
		names = append(names, workload.String())
	}
	return strings.Join(names, ", ")
}

// fixOf is a fix of that level with the changes, or in words alone where there are none.
func fixOf(level checks.FixLevel, text string, changes []plan.Change) checks.Fix {
	if len(changes) == 0 {
		return checks.Fix{Text: text}
	}
	return checks.Fix{Text: text, Level: level, Changes: changes}
}
