package mesh

import (
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	security "istio.io/client-go/pkg/apis/security/v1"
	admission "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	k8snetworking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	gatewayapibeta "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// What is compared with each other, within an object or with another one, takes time by the product of their lengths, and an API
// server stores lists of 50,000 elements. An object with longer lists than any that people write is left out as a whole, as one that
// may not be read: a part of it would say things that the whole does not.
const (
	// mostElements is the length of any one list.
	mostElements = 2000
	// mostInRoute is the length of a list of the Gateway API, whose own bounds are between 16 and 64, of a pod's containers, and of
	// rules that delegate.
	mostInRoute = 200
	// mostPolicies is how many subsets of a DestinationRule have a policy of their own, each of which may be at fault.
	mostPolicies = 500
	// mostPairs is how many calls an object tells apart: by host and rule, by parent and listener.
	mostPairs = 20_000
	// mostText is how long the arguments and the environment of a pod's containers are together.
	mostText = 200_000
	// mostExpressionText is how long the regular expressions of an object are together.
	mostExpressionText = 10_000
	// mostDepth is how deep the values of an EnvoyFilter and the like are nested.
	mostDepth = 100
)

// extent is the length of a list of an object, or the product of two.
type extent struct {
	count, most int
	of          string
}

func list(count int, of string) extent { return extent{count, mostElements, of} }

func pairs(count int, of string) extent { return extent{count, mostPairs, of} }

// tooLarge says why an object is not read, as a clause; empty for one that is.
func tooLarge(object Object) string {
	for _, found := range extentsOf(object) {
		if found.count > found.most {
			return fmt.Sprintf("%s has %d %s, and one with more than %d is not read", KeyOf(object), found.count, found.of, found.most)
		}
	}
	return ""
}

func extentsOf(object Object) []extent {
	switch typed := object.(type) {
	case *core.Service:
		return []extent{list(len(typed.Spec.Ports), "ports"), list(len(typed.Status.LoadBalancer.Ingress), "addresses")}
	case *core.Pod:
		return podExtents(&typed.Spec)
	case *apps.Deployment:
		return podExtents(&typed.Spec.Template.Spec)
	case *apps.StatefulSet:
		return podExtents(&typed.Spec.Template.Spec)
	case *apps.DaemonSet:
		return podExtents(&typed.Spec.Template.Spec)
	case *k8snetworking.NetworkPolicy:
		return networkPolicyExtents(typed)
	case *k8snetworking.Ingress:
		return []extent{list(ingressPaths(typed), "paths")}
	case *admission.MutatingWebhookConfiguration:
		return []extent{list(len(typed.Webhooks), "webhooks")}
	case *networking.Gateway:
		return gatewayExtents(typed)
	case *networking.VirtualService:
		return virtualServiceExtents(typed)
	case *networking.DestinationRule:
		return destinationRuleExtents(typed)
	case *networking.ServiceEntry:
		return []extent{
			list(len(typed.Spec.GetHosts()), "hosts"), list(len(typed.Spec.GetPorts()), "ports"),
			list(len(typed.Spec.GetEndpoints()), "endpoints"), list(len(typed.Spec.GetAddresses()), "addresses"),
			pairs(len(typed.Spec.GetHosts())*len(typed.Spec.GetPorts()), "ports of hosts"),
		}
	case *networking.Sidecar:
		return sidecarExtents(typed)
	case *security.PeerAuthentication:
		return []extent{list(len(typed.Spec.GetPortLevelMtls()), "ports")}
	case *security.AuthorizationPolicy:
		return authorizationExtents(typed)
	case *gatewayapi.Gateway:
		return []extent{{len(typed.Spec.Listeners), mostInRoute, "listeners"}}
	case *gatewayapi.GRPCRoute:
		return grpcRouteExtents(typed)
	case *gatewayapi.HTTPRoute:
		return httpRouteExtents(typed)
	case *gatewayapibeta.ReferenceGrant:
		return []extent{pairs(len(typed.Spec.From)*len(typed.Spec.To), "pairs of from and to")}
	case *unstructured.Unstructured:
		values, depth := valuesIn(typed.Object)
		return []extent{{values, mostPairs, "values"}, {depth, mostDepth, "levels of values"}}
	default:
		return nil
	}
}

func podExtents(spec *core.PodSpec) []extent {
	ports, values, text := 0, 0, 0
	for _, containers := range [][]core.Container{spec.Containers, spec.InitContainers} {
		for i := range containers {
			ports += len(containers[i].Ports)
			for _, words := range [][]string{containers[i].Command, containers[i].Args} {
				values += len(words)
				for _, word := range words {
					text += len(word)
				}
			}
			for _, variable := range containers[i].Env {
				values, text = values+1, text+len(variable.Value)
			}
		}
	}
	return []extent{
		{len(spec.Containers) + len(spec.InitContainers), mostInRoute, "containers"},
		list(ports, "ports"), list(values, "arguments and environment variables"),
		{text, mostText, "characters of arguments and environment variables"},
	}
}

func networkPolicyExtents(policy *k8snetworking.NetworkPolicy) []extent {
	peers, ports := 0, 0
	for _, rule := range policy.Spec.Ingress {
		peers, ports = peers+len(rule.From), ports+len(rule.Ports)
	}
	return []extent{list(len(policy.Spec.Ingress), "rules"), list(peers, "peers"), list(ports, "ports")}
}

func gatewayExtents(gateway *networking.Gateway) []extent {
	hosts := 0
	for _, server := range gateway.Spec.GetServers() {
		hosts += len(server.GetHosts())
	}
	return []extent{list(len(gateway.Spec.GetServers()), "servers"), list(hosts, "hosts")}
}

func virtualServiceExtents(vs *networking.VirtualService) []extent {
	rules := len(vs.Spec.GetHttp()) + len(vs.Spec.GetTcp()) + len(vs.Spec.GetTls())
	matches, destinations, gateways := 0, 0, len(vs.Spec.GetGateways())
	conditions, text, delegates := 0, 0, 0
	for _, rule := range vs.Spec.GetHttp() {
		if rule.GetDelegate() != nil {
			delegates++
		}
		matches, destinations = matches+max(1, len(rule.GetMatch())), destinations+len(rule.GetRoute())
		for _, match := range rule.GetMatch() {
			gateways += len(match.GetGateways())
			conditions += len(match.GetHeaders()) + len(match.GetWithoutHeaders()) + len(match.GetQueryParams())
			text += expressionText(match)
		}
	}
	for _, rule := range vs.Spec.GetTcp() {
		matches, destinations = matches+len(rule.GetMatch()), destinations+len(rule.GetRoute())
	}
	for _, rule := range vs.Spec.GetTls() {
		matches, destinations = matches+len(rule.GetMatch()), destinations+len(rule.GetRoute())
		for _, match := range rule.GetMatch() {
			conditions += len(match.GetSniHosts())
		}
	}
	hosts := len(vs.Spec.GetHosts())
	return []extent{
		list(hosts, "hosts"), list(gateways, "gateways"), list(rules, "rules"), list(matches, "matches"), list(destinations, "destinations"),
		list(conditions, "conditions"),
		{delegates, mostInRoute, "delegates"},
		{text, mostExpressionText, "characters of regular expressions"},
		pairs(hosts*matches, "matches of hosts"), pairs(len(vs.Spec.GetGateways())*max(hosts, matches), "matches of gateways"),
	}
}

func expressionText(match *networkingapi.HTTPMatchRequest) int {
	text := 0
	for _, value := range []*networkingapi.StringMatch{match.GetUri(), match.GetMethod(), match.GetAuthority(), match.GetScheme()} {
		text += expressionLength(value)
	}
	for _, values := range []map[string]*networkingapi.StringMatch{match.GetHeaders(), match.GetWithoutHeaders(), match.GetQueryParams()} {
		for _, value := range values {
			text += expressionLength(value)
		}
	}
	return text
}

// expressionLength is that of a regular expression; what is in it so many times ("{30}") is compiled as often.
func expressionLength(match *networkingapi.StringMatch) int {
	return len(match.GetRegex()) * (1 + strings.Count(match.GetRegex(), "{"))
}

func destinationRuleExtents(rule *networking.DestinationRule) []extent {
	settings := len(rule.Spec.GetTrafficPolicy().GetPortLevelSettings())
	policies := 0
	for _, subset := range rule.Spec.GetSubsets() {
		if subset.GetTrafficPolicy() != nil {
			policies++
		}
		settings += len(subset.GetTrafficPolicy().GetPortLevelSettings())
	}
	return []extent{list(len(rule.Spec.GetSubsets()), "subsets"), {policies, mostPolicies, "subsets with policies"}, list(settings, "settings of ports"), list(len(rule.Spec.GetExportTo()), "namespaces that it is exported to")}
}

func sidecarExtents(sidecar *networking.Sidecar) []extent {
	hosts := 0
	for _, listener := range sidecar.Spec.GetEgress() {
		hosts += len(listener.GetHosts())
	}
	return []extent{list(len(sidecar.Spec.GetEgress())+len(sidecar.Spec.GetIngress()), "listeners"), list(hosts, "hosts")}
}

func authorizationExtents(policy *security.AuthorizationPolicy) []extent {
	most := []extent{list(len(policy.Spec.GetRules()), "rules"), list(len(policy.Spec.GetTargetRefs()), "targetRefs")}
	sources, operations := 0, 0
	for _, rule := range policy.Spec.GetRules() {
		for _, from := range rule.GetFrom() {
			source := from.GetSource()
			sources += 1 + len(source.GetPrincipals()) + len(source.GetNotPrincipals()) + len(source.GetNamespaces()) + len(source.GetNotNamespaces()) +
				len(source.GetIpBlocks()) + len(source.GetNotIpBlocks()) + len(source.GetRemoteIpBlocks()) + len(source.GetNotRemoteIpBlocks()) +
				len(source.GetServiceAccounts()) + len(source.GetNotServiceAccounts()) + len(source.GetRequestPrincipals()) + len(source.GetNotRequestPrincipals())
		}
		for _, to := range rule.GetTo() {
			operation := to.GetOperation()
			operations += 1 + len(operation.GetPaths()) + len(operation.GetNotPaths()) + len(operation.GetMethods()) + len(operation.GetNotMethods()) +
				len(operation.GetPorts()) + len(operation.GetNotPorts()) + len(operation.GetHosts()) + len(operation.GetNotHosts())
		}
	}
	return append(most, extent{sources, 4 * mostElements, "sources"}, extent{operations, 4 * mostElements, "operations"})
}

func ingressPaths(ingress *k8snetworking.Ingress) (paths int) {
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP != nil {
			paths += len(rule.HTTP.Paths)
		}
	}
	return paths
}

func grpcRouteExtents(route *gatewayapi.GRPCRoute) []extent {
	of := commonRoute{route.Spec.CommonRouteSpec, route.Spec.Hostnames, route.Status.RouteStatus}
	return routeExtents(of, route.Spec.Rules, func(rule gatewayapi.GRPCRouteRule) int {
		return len(rule.BackendRefs) + countOf(rule.Filters, func(filter gatewayapi.GRPCRouteFilter) bool { return filter.RequestMirror != nil })
	})
}

func httpRouteExtents(route *gatewayapi.HTTPRoute) []extent {
	of := commonRoute{route.Spec.CommonRouteSpec, route.Spec.Hostnames, route.Status.RouteStatus}
	return routeExtents(of, route.Spec.Rules, func(rule gatewayapi.HTTPRouteRule) int {
		return len(rule.BackendRefs) + countOf(rule.Filters, func(filter gatewayapi.HTTPRouteFilter) bool { return filter.RequestMirror != nil })
	})
}

// commonRoute is what all kinds of routes have.
type commonRoute struct {
	spec      gatewayapi.CommonRouteSpec
	hostnames []gatewayapi.Hostname
	status    gatewayapi.RouteStatus
}

func routeExtents[Rule any](route commonRoute, rules []Rule, backendsOf func(Rule) int) []extent {
	parents, hostnames, entries, backends := len(route.spec.ParentRefs), len(route.hostnames), len(route.status.Parents), 0
	for _, rule := range rules {
		backends += backendsOf(rule)
	}
	return []extent{
		{parents, mostInRoute, "parents"},
		{hostnames, mostInRoute, "hostnames"},
		{len(rules), mostInRoute, "rules"},
		{entries, mostInRoute, "entries of status"},
		list(backends, "backends"),
		pairs(parents*max(hostnames, backends, entries), "hostnames, backends or entries of status for each parent"),
	}
}

func countOf[T any](items []T, wanted func(T) bool) (count int) {
	for _, item := range items {
		if wanted(item) {
			count++
		}
	}
	return count
}

// valuesIn counts the values of a JSON value, and how deep they are nested; below mostDepth it does not look.
func valuesIn(value any) (count, depth int) { return countValues(value, 0) }

func countValues(value any, above int) (count, depth int) {
	if above > mostDepth {
		return 1, above
	}
	count, depth = 1, above
	each := func(child any) {
		inside, below := countValues(child, above+1)
		count, depth = count+inside, max(depth, below)
	}
	switch typed := value.(type) {
	case map[string]any:
		for _, child := range typed {
			each(child)
		}
	case []any:
		for _, child := range typed {
			each(child)
		}
	}
	return count, depth
}

// TooLarge are clauses, in order, on the objects that are not read because they are larger than any that people write.
func (s *Snapshot) TooLarge() []string {
	var reasons []string
	for _, gap := range s.options.Gaps {
		if gap.tooLarge {
			reasons = append(reasons, gap.Reason)
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}
