package traffic

import (
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var notBalancedPerRequest = &checks.Check{
	ID:     "GX603",
	Slug:   "not-balanced-per-request",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The load balancer setting keeps calls on one pod",
	What:   "A DestinationRule sets the load balancer of an exposed port's host to `PASSTHROUGH`, or to `consistentHash` by source IP.",
	Why: "`PASSTHROUGH` sends a call to the address that the connection was made for. A sidecar keeps all calls on the pod that was dialled; " +
		"at a gateway that address is the gateway itself, and no pod is found. A hash of the source IP gives all calls of one client, or of one " +
		"load balancer in front of the gateway, to one pod.",
	Client: "UNAVAILABLE (no healthy upstream) through a gateway with `PASSTHROUGH`; else all calls of a client reach the same pod.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    loadBalancer: {simple: PASSTHROUGH}
`,
	Good: example.ShopServer + example.ShopRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    loadBalancer:
      consistentHash: {httpHeaderName: x-tenant}
`,
	Reads:    checks.PolicyReads(mesh.KindDestinationRule),
	Consults: checks.PolicyConsults(mesh.KindDestinationRule),
	Since:    "v0.1.0",
	Run:      runNotBalancedPerRequest,
}

func runNotBalancedPerRequest(p *checks.Pass) {
	checks.EachPolicy(p, func(port *exposure.ExposedPort, c checks.Caller, policy policy.TrafficPolicy) (string, func()) {
		place := policy.LoadBalancerAt
		finding := checks.Finding{Level: checks.Warning, Symptom: "All calls of a client are served by one pod"}
		var field string
		switch {
		case place.Rule == nil:
			return "", nil
		case policy.LoadBalancer.GetSimple() == networkingapi.LoadBalancerSettings_PASSTHROUGH:
			field = "simple"
			finding.Message = fmt.Sprintf("PASSTHROUGH keeps calls to %s on the address that a connection was made for.", host.ServiceHost(port.Service))
			if c.Gateway != nil {
				finding.Level = checks.ErrorUnlessWeak(port)
				finding.Message = fmt.Sprintf("PASSTHROUGH leaves %s without an address to send calls for %s to.", c, host.ServiceHost(port.Service))
				finding.Symptom = "UNAVAILABLE: no healthy upstream"
			}
		case policy.LoadBalancer.GetConsistentHash().GetUseSourceIp():
			field = "consistentHash"
			finding.Message = fmt.Sprintf("A hash of the source IP sends all calls of one client to %s to one pod.", host.ServiceHost(port.Service))
		default:
			return "", nil
		}
		return mesh.KeyOf(place.Rule).String() + checks.PlacePath(place).String(), func() {
			finding.Object, finding.Path = place.Rule, checks.PlacePath(place, field)
			finding.Evidence = append([]string{fmt.Sprintf("%s uses this rule for %s", c, checks.PortText(port))}, checks.EvidenceOf(port)...)
			finding.Fix = balanceFix(p, port, c, place, field)
			p.Report(finding)
		}
	})
}

// balanceFix removes the setting, or puts another in its place where what then counts is no better.
func balanceFix(p *checks.Pass, port *exposure.ExposedPort, c checks.Caller, place policy.PolicyPlace, field string) checks.Fix {
	removal := checks.RemoveFields(p, place.Rule, "what counts then balances each request", append(slices.Clone(place.Steps), field))
	then := balancerAfter(p, port, c, place, removal)
	fix := checks.Fix{Level: checks.Ask, Changes: removal, OnWordOf: checks.OnWordOf(port)}
	switch simple := then.GetSimple(); {
	case then.GetConsistentHash().GetUseSourceIp() || simple == networkingapi.LoadBalancerSettings_PASSTHROUGH:
		fix.Text = "Set loadBalancer: {simple: LEAST_REQUEST} there: without it, what the DestinationRule says for the whole host counts, which is no better."
		fix.Changes = checks.SetField(p, place.Rule, "it balances each request", map[string]any{"simple": "LEAST_REQUEST"}, place.Steps...)
	case then.GetConsistentHash() != nil:
		fix.Text = "Remove the setting: each request then goes by the consistentHash that the DestinationRule has for the whole host."
	case simple == networkingapi.LoadBalancerSettings_ROUND_ROBIN || simple == networkingapi.LoadBalancerSettings_RANDOM:
		fix.Text = fmt.Sprintf("Remove the setting: each request is then balanced by %s, as the DestinationRule says for the whole host.", simple)
	default:
		fix.Text = "Remove the setting: each request then goes to the pod with the fewest calls in progress."
	}
	return fix
}

// balancerAfter is the load balancer that counts in the place of one that is removed, nil for Istio's default.
func balancerAfter(p *checks.Pass, port *exposure.ExposedPort, c checks.Caller, place policy.PolicyPlace, removal []plan.Change) *networkingapi.LoadBalancerSettings {
	used := *policy.DestinationRuleFor(p.Snapshot, c.Client, host.ServiceHost(port.Service), port.Service.Namespace)
	rule := ruleAfter(place.Rule, removal)
	if rule == nil {
		return nil
	}
	if used.PolicyFrom == place.Rule {
		used.PolicyFrom = rule
	}
	var subsets []policy.HostSubset
	for _, subset := range used.Subsets {
		isPlace := subset.From == place.Rule && place.Steps[1] == "subsets" && place.Steps[2] == strconv.Itoa(subset.Index)
		if isPlace {
			subset.Spec = rule.Spec.Subsets[subset.Index]
			subsets = append(subsets, subset)
		}
	}
	name := ""
	if used.Subsets = subsets; len(subsets) > 0 {
		name = subsets[0].Spec.GetName()
	}
	return policy.TrafficPolicyFor(p.Snapshot, &used, port.Port.Port, name).LoadBalancer
}

// ruleAfter is the DestinationRule without the fields that the changes remove, nil where they are none.
func ruleAfter(rule *networking.DestinationRule, removal []plan.Change) *networking.DestinationRule {
	if len(removal) == 0 {
		return nil
	}
	spec := rule.Spec.ProtoReflect()
	for _, edit := range removal[0].Edits {
		spec = checks.MessageWithout(spec, edit.Path[1:])
	}
	after := &networking.DestinationRule{ObjectMeta: rule.ObjectMeta}
	spec.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		after.Spec.ProtoReflect().Set(field, value)
		return true
	})
	return after
}
