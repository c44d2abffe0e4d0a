package checks

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var notBalancedPerRequest = &Check{
	ID:     "GX603",
	Slug:   "not-balanced-per-request",
	Levels: []Level{Error, Warning},
	Title:  "The load balancer setting keeps calls on one pod",
	What:   "A DestinationRule sets the load balancer of an exposed port's host to `PASSTHROUGH`, or to `consistentHash` by source IP.",
	Why: "`PASSTHROUGH` sends a call to the address that the connection was made for. A sidecar keeps all calls on the pod that was dialled; " +
		"at a gateway that address is the gateway itself, and no pod is found. A hash of the source IP gives all calls of one client, or of one " +
		"load balancer in front of the gateway, to one pod.",
	Client: "UNAVAILABLE (no healthy upstream) through a gateway with `PASSTHROUGH`; else all calls of a client reach the same pod.",
	Bad: exampleShopServer + exampleShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    loadBalancer: {simple: PASSTHROUGH}
`,
	Good: exampleShopServer + exampleShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    loadBalancer:
      consistentHash: {httpHeaderName: x-tenant}
`,
	Reads:    policyReads(mesh.KindDestinationRule),
	Consults: policyConsults(mesh.KindDestinationRule),
	Since:    "v0.1.0",
	Run:      runNotBalancedPerRequest,
}

func runNotBalancedPerRequest(p *Pass) {
	eachPolicy(p, func(port *mesh.ExposedPort, c caller, policy mesh.TrafficPolicy) (string, func()) {
		place := policy.LoadBalancerAt
		finding := Finding{Level: Warning, Symptom: "All calls of a client are served by one pod"}
		var field string
		switch {
		case place.Rule == nil:
			return "", nil
		case policy.LoadBalancer.GetSimple() == networkingapi.LoadBalancerSettings_PASSTHROUGH:
			field = "simple"
			finding.Message = fmt.Sprintf("PASSTHROUGH keeps calls to %s on the address that a connection was made for.", mesh.ServiceHost(port.Service))
			if c.gateway != nil {
				finding.Level = errorUnlessWeak(port)
				finding.Message = fmt.Sprintf("PASSTHROUGH leaves %s without an address to send calls for %s to.", c, mesh.ServiceHost(port.Service))
				finding.Symptom = "UNAVAILABLE: no healthy upstream"
			}
		case policy.LoadBalancer.GetConsistentHash().GetUseSourceIp():
			field = "consistentHash"
			finding.Message = fmt.Sprintf("A hash of the source IP sends all calls of one client to %s to one pod.", mesh.ServiceHost(port.Service))
		default:
			return "", nil
		}
		return mesh.KeyOf(place.Rule).String() + placePath(place), func() {
			finding.Object, finding.Path = place.Rule, placePath(place, field)
			finding.Evidence = append([]string{fmt.Sprintf("%s uses this rule for %s", c, portText(port))}, evidenceOf(port)...)
			finding.Fix = Fix{
				Text:    "Remove the setting: each request then goes to the pod with the fewest calls in progress.",
				Level:   Ask,
				Changes: removeFields(place.Rule, "the default balances each request", append(slices.Clone(place.Steps), field)),
			}
			p.Report(finding)
		}
	})
}
