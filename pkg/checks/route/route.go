package route

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// The symptoms that a fault of a route has at the client.
const (
	symptomNoRoute   = "UNIMPLEMENTED: the gateway has no route for the call and answers 404"
	symptomNoCluster = "UNAVAILABLE: the route leads to a cluster that the gateway does not have, and it answers 503"
	symptomNoPath    = "UNIMPLEMENTED: the server does not know the method"
)

// eachRoute calls visit with every http rule of every VirtualService with hosts, those of delegates too, that some proxy may get.
func eachRoute(p *checks.Pass, visit func(*host.HTTPRule)) {
	for _, vs := range p.VirtualServices().All() {
		if host.IsDelegate(vs) {
			continue
		}
		for _, rule := range rulesServed(p, vs) {
			visit(rule)
		}
	}
}

// rulesServed are the VirtualService's rules without those that no proxy gets: all their matches are for other gateways or callers.
// Of gateways that are not known a match that asks for something of their pods is taken for unmet.
func rulesServed(p *checks.Pass, vs *networking.VirtualService) []*host.HTTPRule {
	if host.BoundToMesh(vs) {
		return host.HTTPRules(p.Snapshot, vs)
	}
	gateways := p.GatewaysServing(vs)
	asksNothing := func(match *networkingapi.HTTPMatchRequest) bool {
		return len(match.GetSourceLabels()) == 0 && match.GetSourceNamespace() == ""
	}
	return slices.DeleteFunc(slices.Clone(host.HTTPRules(p.Snapshot, vs)), func(rule *host.HTTPRule) bool {
		if len(gateways) == 0 {
			return len(rule.Spec.Match) > 0 && !slices.ContainsFunc(rule.Spec.Match, asksNothing)
		}
		return !slices.ContainsFunc(gateways, func(gw *proxy.GatewayWorkload) bool { return gateway.ServedBy(p.Snapshot, rule, gw) })
	})
}

// exposedBehind are the exposed ports that a rule leads to, each once; of a destination whose port only the Gateway server
// decides, all of its Service's.
func exposedBehind(p *checks.Pass, rule *host.HTTPRule) []*exposure.ExposedPort {
	var ports []*exposure.ExposedPort
	for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
		if destination.Service == nil {
			continue
		}
		for _, exposed := range exposure.ExposedPortsOf(p.Snapshot, destination.Service) {
			if (destination.Port == 0 || destination.Port == exposed.Port.Port) && !slices.Contains(ports, exposed) {
				ports = append(ports, exposed)
			}
		}
	}
	return ports
}

// gRPCRoute is a rule that leads to exposed ports; ok is false for any other, unless every scope is judged.
func gRPCRoute(p *checks.Pass, rule *host.HTTPRule) (ports []*exposure.ExposedPort, ok bool) {
	ports = exposedBehind(p, rule)
	return ports, len(ports) > 0 || p.All
}

// carriesGRPC is gRPCRoute without the rules that are for other methods than that of gRPC calls, as for a health check by GET.
func carriesGRPC(p *checks.Pass, rule *host.HTTPRule) (ports []*exposure.ExposedPort, ok bool) {
	ports, ok = gRPCRoute(p, rule)
	mayPost := func(match *networkingapi.HTTPMatchRequest) bool { return canBe(match.GetMethod(), "POST") }
	return ports, ok && (len(rule.Spec.Match) == 0 || slices.ContainsFunc(rule.Spec.Match, mayPost))
}

// behindText names the exposed ports that a rule leads to: "port 8000 (grpc) of Service shop/orders".
func behindText(ports []*exposure.ExposedPort) string {
	if len(ports) == 0 {
		return "its destinations"
	}
	names := make([]string, 0, len(ports))
	for _, port := range ports {
		names = append(names, checks.PortText(port)+" of "+mesh.KeyOf(port.Service).String())
	}
	return strings.Join(names, " and ")
}

// behindEvidence says why the ports that a rule leads to are taken to be gRPC.
func behindEvidence(ports []*exposure.ExposedPort) []string {
	var clauses []string
	for _, port := range ports {
		clauses = append(clauses, checks.EvidenceOf(port)...)
	}
	return clauses
}

// writtenIn is the VirtualService and the place of the rule in which a field of a merged rule stands: the holder's rule if it
// has the field, else the root's rule that delegates to it.
func writtenIn(rule *host.HTTPRule, has func(*networkingapi.HTTPRoute) bool) (vs *networking.VirtualService, index int) {
	if has(rule.Holder.Spec.Http[rule.Index]) {
		return rule.Holder, rule.Index
	}
	return rule.Root, rule.RootIndex
}

// httpField is the path of a field of an http rule; without one, of the rule itself.
func httpField(index int, field ...any) plan.Path {
	return plan.PathOf("spec", "http", index, field)
}

// ruleText names a rule in a message: "http rule 2 of VirtualService shop/orders", counted from 1.
func ruleText(vs *networking.VirtualService, index int) string {
	name := ""
	if given := vs.Spec.Http[index].GetName(); given != "" {
		name = fmt.Sprintf(" (%s)", given)
	}
	return fmt.Sprintf("http rule %d%s of %s", index+1, name, mesh.KeyOf(vs))
}
