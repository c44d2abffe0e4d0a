package route

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var serviceEntryDestination = &checks.Check{
	ID:     "GX517",
	Slug:   "service-entry-destination",
	Levels: []checks.Level{checks.Error},
	Title:  "A gateway route to a ServiceEntry that cannot take gRPC calls",
	What: "Finds ServiceEntries to which a gateway routes gRPC calls and that have resolution NONE without endpoints, a port that is not GRPC or HTTP2, or a port of " +
		"protocol HTTPS or TLS to which no DestinationRule originates TLS; and routes whose DestinationRule originates TLS without `sni` while the authority is not rewritten.",
	Why: "With resolution NONE a proxy calls the address that the client has called, and at a gateway there is none. A gateway sends HTTP/1.1 to a port that is not " +
		"declared HTTP/2, and plaintext unless a DestinationRule originates TLS. Without `sni` the server's name is the client's authority, which the other side does not know.",
	Client: "`UNAVAILABLE`: no healthy upstream, a connection that is reset, or a TLS handshake that fails.",
	Bad:    exampleExternal("HTTP"),
	Good:   exampleExternal("GRPC"),
	Reads:  append([]mesh.Kind{mesh.KindServiceEntry, mesh.KindDestinationRule}, checks.RouteReads...),
	Consults: append([]mesh.Kind{mesh.KindWorkloadEntry},
		checks.RouteConsults...),
	Since: "v0.1.0",
	Run:   runServiceEntryDestination,
}

func exampleExternal(protocol string) string {
	return example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - match: [{uri: {prefix: /quotes.v1.Quotes/}}]
    route: [{destination: {host: quotes.example.net, port: {number: 8000}}}]
  - route: [{destination: {host: orders, port: {number: 8000}}}]
`) + `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: quotes, namespace: shop}
spec:
  hosts: [quotes.example.net]
  ports: [{number: 8000, name: quotes, protocol: ` + protocol + `}]
  resolution: DNS
`
}

func runServiceEntryDestination(p *checks.Pass) {
	told := map[entryFault]bool{}
	eachRoute(p, func(rule *host.HTTPRule) {
		of := p.RuleRelevance(rule)
		if !p.InScope(of) {
			return
		}
		gateways := p.GatewaysServingRule(rule)
		for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
			if destination.Service != nil || host.ServiceByHost(p.Snapshot, destination.Host) != nil {
				continue
			}
			for _, gateway := range gateways {
				entry, port := entryPort(p, destination, gateway.Namespace)
				if port < 0 {
					continue
				}
				to := entryCall{rule, destination, entry, port, gateway.Client()}
				finding, found := to.fault(p)
				if !found {
					continue
				}
				fault := entryFault{mesh.KeyOf(finding.Object), finding.Path.String()}
				if told[fault] {
					continue
				}
				told[fault] = true
				finding.Level = p.LevelFor(of, checks.Error)
				p.Report(finding)
			}
		}
	})
}

type entryFault struct {
	object mesh.Key
	path   string
}

// entryPort is the ServiceEntry with the destination's host that proxies of a namespace see, and the place of its port; -1 where there
// is none, of which other checks speak.
func entryPort(p *checks.Pass, destination host.Destination, namespace string) (*networking.ServiceEntry, int) {
	for _, entry := range host.ServiceEntriesByHost(p.Snapshot, destination.Host) {
		if !host.ServiceEntryVisibleTo(p.Snapshot, entry, namespace) {
			continue
		}
		for i, port := range entry.Spec.Ports {
			if int32(port.GetNumber()) == destination.Port {
				return entry, i
			}
		}
	}
	return nil, -1
}

// entryCall is how a gateway calls a port of a ServiceEntry by a rule.
type entryCall struct {
	rule        *host.HTTPRule
	destination host.Destination
	entry       *networking.ServiceEntry
	port        int
	client      proxy.Client
}

// fault is the first thing that keeps the calls from arriving.
// Source: Istio's pilot/pkg/networking/core/cluster.go (buildOutboundClusters), cluster_builder.go (convertResolution, IsHttp2Cluster)
// and cluster_tls.go (buildUpstreamTLSSettings, setAutoSniAndAutoSanValidation).
func (c entryCall) fault(p *checks.Pass) (checks.Finding, bool) {
	spec := c.entry.Spec.Ports[c.port]
	protocol := workload.ParseProtocol(spec.GetProtocol())
	rule := policy.DestinationRuleFor(p.Snapshot, c.client, c.destination.Host, c.entry.Namespace)
	traffic := policy.TrafficPolicyFor(p.Snapshot, rule, c.destination.Port, c.destination.Spec.GetSubset())
	originates := traffic.TLS.GetMode() == networkingapi.ClientTLSSettings_SIMPLE || traffic.TLS.GetMode() == networkingapi.ClientTLSSettings_MUTUAL
	pool := traffic.ConnectionPool.GetHttp()
	upgrades := pool.GetUseClientProtocol() || pool.GetH2UpgradePolicy() == networkingapi.ConnectionPoolSettings_HTTPSettings_UPGRADE
	endsTLS := protocol == workload.ProtocolHTTPS || protocol == workload.ProtocolTLS
	switch {
	case c.entry.Spec.GetResolution() == networkingapi.ServiceEntry_NONE && len(c.entry.Spec.Endpoints) == 0 && c.entry.Spec.WorkloadSelector == nil:
		return c.withoutResolution(p), true
	case endsTLS && !originates:
		return c.finding(plan.PathOf("spec", "ports", c.port, "protocol"),
			fmt.Sprintf("%s leads to port %d of %s, which is %s, and no DestinationRule originates TLS: the gateway sends plaintext to a TLS port.",
				ruleText(c.rule.Holder, c.rule.Index), spec.GetNumber(), mesh.KeyOf(c.entry), spec.GetProtocol()),
			"UNAVAILABLE: the other side closes the connection",
			fmt.Sprintf("Give the port protocol GRPC, and add a DestinationRule for %s with tls mode SIMPLE and sni %s.", c.destination.Host, c.destination.Host)), true
	case !protocol.IsHTTP2() && !upgrades:
		return c.wrongProtocol(p), true
	case originates && traffic.TLS.GetSni() == "" && c.keepsAuthority():
		finding := c.finding(httpField(c.rule.Index),
			fmt.Sprintf("%s leads to %s with TLS, but neither rewrites the authority nor has its DestinationRule an sni: the server is asked for the client's own host.",
				ruleText(c.rule.Holder, c.rule.Index), c.destination.Host),
			"UNAVAILABLE: the TLS handshake fails, or the other side does not know the host",
			fmt.Sprintf("Rewrite the authority to %s, and set sni to it in the DestinationRule.", c.destination.Host))
		finding.Object = c.rule.Holder
		return finding, true
	}
	return checks.Finding{}, false
}

func (c entryCall) finding(at plan.Path, message, symptom, fix string) checks.Finding {
	evidence := []string{ruleText(c.rule.Holder, c.rule.Index) + " leads to it"}
	if path, ok := c.rule.MatchesMethod(); ok {
		evidence = append(evidence, "the rule matches "+path+", as only gRPC calls do")
	}
	return checks.Finding{Object: c.entry, Path: at, Message: message, Evidence: evidence, Symptom: symptom, Fix: checks.Fix{Text: fix}}
}

func (c entryCall) withoutResolution(p *checks.Pass) checks.Finding {
	finding := c.finding(plan.PathOf("spec", "resolution"),
		fmt.Sprintf("%s has resolution NONE and no endpoints: a gateway has no address to call for %s.", mesh.KeyOf(c.entry), c.destination.Host),
		"UNAVAILABLE: no healthy upstream", "Set resolution: DNS, or give it endpoints and resolution: STATIC.")
	if !strings.HasPrefix(c.destination.Host, "*") && len(c.entry.Spec.Addresses) == 0 {
		finding.Fix.Level = checks.Ask
		finding.Fix.Changes = checks.SetField(p, c.entry, "a gateway finds the host by its name", "DNS", "spec", "resolution")
	}
	return finding
}

func (c entryCall) wrongProtocol(p *checks.Pass) checks.Finding {
	spec := c.entry.Spec.Ports[c.port]
	at := plan.PathOf("spec", "ports", c.port, "protocol")
	finding := c.finding(at,
		fmt.Sprintf("Port %d of %s has protocol %s: the gateway sends HTTP/1.1 to a gRPC server.", spec.GetNumber(), mesh.KeyOf(c.entry), spec.GetProtocol()),
		"UNAVAILABLE or INTERNAL: the server does not know HTTP/1.1", "Give the port protocol GRPC.")
	finding.Fix.Level = checks.Ask
	finding.Fix.Changes = checks.SetField(p, c.entry, "gRPC calls are routed to the port", "GRPC", at...)
	return finding
}

// keepsAuthority reports whether the calls arrive with another authority than the ServiceEntry's host.
func (c entryCall) keepsAuthority() bool {
	return c.rule.Spec.GetRewrite().GetAuthority() == "" && !slices.Contains(c.rule.Root.Spec.Hosts, c.destination.Host)
}
