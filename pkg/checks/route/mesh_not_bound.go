package route

import (
	"fmt"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var meshNotBound = &checks.Check{
	ID:     "GX514",
	Slug:   "mesh-not-bound",
	Levels: []checks.Level{checks.Info},
	Title:  "Traffic shaping holds at the gateway only",
	What: "Finds VirtualServices with weights, retries or subsets on the way to an exposed port that are bound to gateways and not to " +
		"`mesh`, where no other VirtualService for the Service's host is.",
	Why: "`spec.gateways` is a list of all proxies that use the VirtualService. As soon as it names a Gateway, sidecars are not in it " +
		"unless it names `mesh` too, and they know the Service by its own host, not by the one for callers outside.",
	Client: "Callers outside are shaped, callers in the cluster are not: they get all subsets alike and no retries.",
	Bad: example.RoutedServer + example.RoutingGateway + example.RouteWith(`  - retries: {attempts: 2, retryOn: unavailable}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway + `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com, orders.shop.svc.cluster.local]
  gateways: [public, mesh]
  http:
  - retries: {attempts: 2, retryOn: unavailable}
    route: [{destination: {host: orders, port: {number: 8000}}}]
`,
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		shaped := hostsOfMesh(p)
		for _, vs := range p.VirtualServices().All() {
			if host.IsDelegate(vs) || host.BoundToMesh(vs) {
				continue
			}
			for _, rule := range host.HTTPRules(p.Snapshot, vs) {
				if reportUnshaped(p, rule, shaped) {
					break
				}
			}
		}
	},
}

// hostsOfMesh are the full hosts of all VirtualServices that sidecars use.
func hostsOfMesh(p *checks.Pass) map[string]bool {
	hosts := map[string]bool{}
	for _, vs := range p.VirtualServices().All() {
		if host.BoundToMesh(vs) {
			for _, name := range vs.Spec.Hosts {
				hosts[host.ResolveHost(name, vs.Namespace)] = true
			}
		}
	}
	return hosts
}

func reportUnshaped(p *checks.Pass, rule *host.HTTPRule, shaped map[string]bool) bool {
	ports, ok := gRPCRoute(p, rule)
	how := shapingOf(p, rule)
	covered := func(port *exposure.ExposedPort) bool { return shaped[host.ServiceHost(port.Service)] }
	if !ok || how == "" || slices.ContainsFunc(ports, covered) {
		return false
	}
	p.Report(checks.Finding{
		Object: rule.Root,
		Path:   plan.PathOf("spec", "gateways"),
		Message: fmt.Sprintf("The %s of %s hold at the gateway only: %s is not bound to mesh.",
			how, ruleText(rule.Holder, rule.Index), mesh.KeyOf(rule.Root)),
		Evidence: []string{"its gateways are " + gatewayNamesText(rule.Root)},
		Symptom:  "none for callers outside; callers in the cluster are not shaped",
		Fix: checks.Fix{Text: "If callers in the cluster are meant too, add mesh to the gateways and the Service's full name to the hosts, or make a " +
			"second VirtualService for them."},
	})
	return true
}

// shapingOf says what a rule does to the traffic beside routing it.
func shapingOf(p *checks.Pass, rule *host.HTTPRule) string {
	destinations := host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace)
	hasSubset := func(destination host.Destination) bool { return destination.Spec.Subset != "" }
	switch {
	case len(destinations) > 1:
		return "weights"
	case slices.ContainsFunc(destinations, hasSubset):
		return "subsets"
	case rule.Spec.GetRetries() != nil && len(destinations) > 0:
		return "retries"
	default:
		return ""
	}
}

func gatewayNamesText(vs *networking.VirtualService) string {
	return fmt.Sprint(vs.Spec.Gateways)
}
