package checks

import (
	"fmt"
	"slices"

	meshapi "istio.io/api/mesh/v1alpha1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// portFixConsults are the kinds that decide how a port may be declared to be gRPC, and portProtocolConsults those that decide
// whether HTTP/2 is spoken to it all the same, as well.
var (
	PortFixConsults      = []mesh.Kind{mesh.KindIngress, mesh.KindServiceMonitor, mesh.KindEndpointSlice}
	PortProtocolConsults = slices.Concat([]mesh.Kind{mesh.KindDestinationRule}, PortFixConsults, ExposureConsults)
)

// NotHTTP2 reports whether Istio takes an exposed port for something that is not HTTP/2, and that no policy makes up for it. Ports of
// other transports than TCP, and those of ExternalName Services, which no proxy calls, are not judged.
func NotHTTP2(p *Pass, port *exposure.ExposedPort) bool {
	if port.Port.Protocol != core.ProtocolTCP || port.Service.Spec.Type == core.ServiceTypeExternalName || port.Protocol().IsHTTP2() {
		return false
	}
	return slices.ContainsFunc(CallPathsTo(p, port), func(way CallPath) bool {
		return !policy.UpgradesToHTTP2(p.Snapshot, port.Service, port.Port, way.Client, way.Subset)
	})
}

// CallPath is how a port is called: by whom, and by way of which subset.
type CallPath struct {
	Client proxy.Client
	Subset string
}

// CallPathsTo are those of gateways. Where no gateway leads to the port, or nobody knows which, callers in its own namespace stand for
// them.
func CallPathsTo(p *Pass, port *exposure.ExposedPort) []CallPath {
	var ways []CallPath
	for _, route := range gateway.RoutesTo(p.Snapshot, port.Service, port.Port.Port) {
		client := proxy.Client{Namespace: port.Service.Namespace}
		if route.Server != nil && route.Server.Workload != nil {
			client = route.Server.Workload.Client()
		}
		for _, destination := range host.Destinations(p.Snapshot, route.Spec, route.Holder.Namespace) {
			if destination.Service == port.Service && route.PortOf(destination) == port.Port.Port {
				ways = append(ways, CallPath{client, destination.Spec.GetSubset()})
			}
		}
	}
	for _, backend := range gatewayapi.RouteBackendsTo(p.Snapshot, port.Service, port.Port.Port) {
		for _, gateway := range backend.Gateways {
			for _, workload := range gatewayapi.KubernetesGatewayWorkloads(p.Snapshot, gateway) {
				ways = append(ways, CallPath{Client: workload.Client()})
			}
		}
	}
	if len(ways) == 0 {
		ways = append(ways, CallPath{Client: proxy.Client{Namespace: port.Service.Namespace}})
	}
	return ways
}

// OverridesName reports whether the name of the port speaks of gRPC, and appProtocol replaces it.
func OverridesName(port *exposure.ExposedPort) bool {
	return port.Port.AppProtocol != nil && exposure.SaysGRPC(port.Port.Name)
}

// LevelOfPort is Error for a port that a gateway leads to, Warning for one that only the mesh calls.
func LevelOfPort(port *exposure.ExposedPort) Level {
	if port.Routed {
		return ErrorUnlessWeak(port)
	}
	return Warning
}

// WrongProtocolSymptom is what a client sees of a port that Istio does not know to be gRPC.
func WrongProtocolSymptom(port *exposure.ExposedPort) string {
	switch protocol := port.Protocol(); {
	case port.Routed:
		return "UNAVAILABLE or INTERNAL: the gateway speaks HTTP/1.1 to the pods"
	case protocol.IsHTTP():
		return "UNAVAILABLE or INTERNAL for callers with a sidecar, which speaks HTTP/1.1 to the pods"
	case protocol == workload.ProtocolUnsupported:
		return "none inside the mesh, where sidecars find the protocol out; UNAVAILABLE as soon as a gateway leads here"
	default:
		return "calls are balanced per connection: all calls of a client stay on one pod"
	}
}

// ProtocolText says what Istio takes a port for.
func ProtocolText(port *exposure.ExposedPort) string {
	if protocol := port.Protocol(); protocol != workload.ProtocolUnsupported {
		return fmt.Sprintf("Istio takes it for %s", protocol)
	}
	return "Istio does not know its protocol"
}

// ProtocolName is a protocol in a message.
func ProtocolName(protocol workload.Protocol) string {
	if protocol == workload.ProtocolUnsupported {
		return "of no protocol that Istio knows"
	}
	return string(protocol)
}

// IneffectiveUpgrades says, for each DestinationRule and the mesh config that could make up for the protocol of a port, why it does not.
func IneffectiveUpgrades(p *Pass, port *exposure.ExposedPort) []string {
	ways := CallPathsTo(p, port)
	at := slices.IndexFunc(ways, func(way CallPath) bool {
		return !policy.UpgradesToHTTP2(p.Snapshot, port.Service, port.Port, way.Client, way.Subset)
	})
	if at < 0 {
		return nil
	}
	way, name := ways[at], host.ServiceHost(port.Service)
	var clauses []string
	for _, rule := range p.DestinationRules().All() {
		upgrades := upgradesOf(rule)
		if len(upgrades) > 0 && host.HostSubsetOf(name, host.ResolveHost(rule.Spec.GetHost(), rule.Namespace)) {
			clauses = append(clauses, fmt.Sprintf("%s has %s, but %s",
				mesh.KeyOf(rule), upgrades[0].field, whyIdle(p, rule, upgrades[0], way, port)))
		}
	}
	if proxy.DefaultMeshConfig(p.Snapshot).GetH2UpgradePolicy() == meshapi.MeshConfig_UPGRADE {
		why := "that is for ports whose name says http"
		if port.Protocol() == workload.ProtocolHTTP {
			why = "DO_NOT_UPGRADE in " + poolText(p, way, port) + " counts instead"
		}
		clauses = append(clauses, "the mesh config has h2UpgradePolicy UPGRADE, but "+why)
	}
	return clauses
}
