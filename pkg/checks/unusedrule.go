package checks

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// WhyUnused says why a client does not use a DestinationRule for a host of a Service in that namespace, as a clause; ok is false
// where it does.
// Source: Istio's pilot/pkg/model/push_context.go (destinationRule, setDestinationRules).
func WhyUnused(p *Pass, rule *networking.DestinationRule, client proxy.Client, name, serviceNamespace string) (why string, ok bool) {
	used := policy.DestinationRuleFor(p.Snapshot, client, name, serviceNamespace)
	selector := rule.Spec.GetWorkloadSelector()
	switch {
	case used != nil && slices.Contains(used.Rules, rule):
		return "", false
	case selector != nil && rule.Namespace != client.Namespace:
		return fmt.Sprintf("its workloadSelector makes it one for pods of namespace %s only", rule.Namespace), true
	case selector != nil && !mesh.HasLabels(client.Labels, selector.GetMatchLabels()):
		return "its workloadSelector is for other pods", true
	case !slices.Contains([]string{client.Namespace, serviceNamespace, proxy.RootNamespace(p.Snapshot)}, rule.Namespace):
		return fmt.Sprintf("proxies of namespace %s do not look in namespace %s", client.Namespace, rule.Namespace), true
	case !host.DestinationRuleVisibleTo(p.Snapshot, rule, client.Namespace):
		return fmt.Sprintf("it is not exported to namespace %s", client.Namespace), true
	case used != nil:
		return fmt.Sprintf("%s, for host %s, counts instead of it", mesh.KeyOf(used.Rules[0]), used.Host), true
	default:
		return hiddenBehind(p, rule, client, name, serviceNamespace), true
	}
}

// hiddenBehind says which rule keeps a client from one that it could use and leaves it with none: istiod takes the most specific
// host of a namespace first, and only then looks at whom its rules are for.
// Source: Istio's pilot/pkg/model/push_context.go (getExportedDestinationRuleFromNamespace).
func hiddenBehind(p *Pass, rule *networking.DestinationRule, client proxy.Client, host, serviceNamespace string) string {
	for _, ahead := range policy.DestinationRulesFor(p.Snapshot, client.Namespace, host, serviceNamespace) {
		return fmt.Sprintf("%s, for host %s, comes before it, and its workloadSelector is for other pods", mesh.KeyOf(ahead.Rules[0]), ahead.Host)
	}
	for _, ahead := range policy.ExportedDestinationRules(p.Snapshot, rule.Namespace, host) {
		return fmt.Sprintf("%s, for host %s, comes before it, and is not exported to namespace %s", mesh.KeyOf(ahead.Rules[0]), ahead.Host, client.Namespace)
	}
	return "proxies do not use it"
}

// upgrade is a place in a DestinationRule that makes proxies speak HTTP/2.
type upgrade struct {
	field, subset string
	port          uint32
}

// upgradesOf are those of a DestinationRule.
func upgradesOf(rule *networking.DestinationRule) []upgrade {
	upgrades := upgradesIn(rule.Spec.GetTrafficPolicy(), "")
	for _, subset := range rule.Spec.GetSubsets() {
		upgrades = append(upgrades, upgradesIn(subset.GetTrafficPolicy(), subset.GetName())...)
	}
	return upgrades
}

func upgradesIn(policy *networkingapi.TrafficPolicy, subset string) []upgrade {
	var upgrades []upgrade
	add := func(pool *networkingapi.ConnectionPoolSettings, port uint32) {
		switch {
		case pool.GetHttp().GetUseClientProtocol():
			upgrades = append(upgrades, upgrade{"useClientProtocol", subset, port})
		case pool.GetHttp().GetH2UpgradePolicy() == networkingapi.ConnectionPoolSettings_HTTPSettings_UPGRADE:
			upgrades = append(upgrades, upgrade{"h2UpgradePolicy UPGRADE", subset, port})
		}
	}
	add(policy.GetConnectionPool(), 0)
	for _, level := range policy.GetPortLevelSettings() {
		add(level.GetConnectionPool(), level.GetPort().GetNumber())
	}
	return upgrades
}

func whyIdle(p *Pass, rule *networking.DestinationRule, upgrade upgrade, way CallPath, port *exposure.ExposedPort) string {
	why, unused := WhyUnused(p, rule, way.Client, host.ServiceHost(port.Service), port.Service.Namespace)
	switch {
	case unused:
		return why
	case upgrade.subset != way.Subset && upgrade.subset != "":
		return fmt.Sprintf("for its subset %s only", upgrade.subset)
	case upgrade.port != 0 && upgrade.port != uint32(port.Port.Port):
		return fmt.Sprintf("for port %d only", upgrade.port)
	default:
		return poolText(p, way, port) + " counts instead"
	}
}

// poolText names the connection pool that counts for the port.
func poolText(p *Pass, way CallPath, port *exposure.ExposedPort) string {
	rule := policy.DestinationRuleFor(p.Snapshot, way.Client, host.ServiceHost(port.Service), port.Service.Namespace)
	at := policy.TrafficPolicyFor(p.Snapshot, rule, port.Port.Port, way.Subset).ConnectionPoolAt
	if at.Rule == nil {
		return "the mesh config's connectionPool"
	}
	return fmt.Sprintf("%s of %s", plan.Path(at.Steps), mesh.KeyOf(at.Rule))
}
