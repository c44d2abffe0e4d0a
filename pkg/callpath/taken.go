package callpath

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

// TakenByName names the calls for names within a wildcard among the own hosts that other VirtualServices take, empty for none:
// of the virtual hosts that fit a call's authority, the most specific one takes it, and none of the wildcard's routes.
// Source: Envoy's api/envoy/config/route/v3/route_components.proto (VirtualHost.domains).
func TakenByName(hosts []*gateway.VirtualHost, own []string, ownRoute types.NamespacedName) string {
	var parts []string
	for _, virtual := range hosts {
		within := slices.ContainsFunc(own, func(wildcard string) bool {
			return !strings.EqualFold(wildcard, virtual.Host) && host.HostSubsetOf(virtual.Host, wildcard)
		})
		if !within || slices.ContainsFunc(own, func(same string) bool { return strings.EqualFold(same, virtual.Host) }) {
			continue
		}
		for _, route := range OthersOnHost(virtual, ownRoute) {
			part := fmt.Sprintf("calls for %s go to %s", virtual.Host, mesh.KeyOf(route.VirtualService))
			if !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	return inert.List(parts, mostTaken)
}

// OthersOnHost are the routes of a host that get calls and are not that VirtualService's.
func OthersOnHost(host *gateway.VirtualHost, own types.NamespacedName) []*gateway.GatewayRoute {
	return slices.DeleteFunc(slices.Clone(host.Routes), func(route *gateway.GatewayRoute) bool {
		return route.Shadowed != nil || mesh.NamespacedName(route.VirtualService) == own
	})
}

// mostTaken bounds how many routes are named in a sentence.
const mostTaken = 4

// TakenText names the calls that routes take, empty for none: "calls of /web for any host go to VirtualService shop/web".
func TakenText(routes []*gateway.GatewayRoute) string {
	var parts []string
	for _, route := range routes {
		part := fmt.Sprintf("%s go to %s", callsOf(route), mesh.KeyOf(route.VirtualService))
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return inert.List(parts, mostTaken)
}

// callsOf are the calls that a route takes, in words.
func callsOf(route *gateway.GatewayRoute) string {
	calls := "some calls"
	match := route.MatchSpec()
	uri := match.GetUri()
	switch {
	case match == nil || route.CatchesAll():
		calls = "all other calls"
	case uri.GetPrefix() != "" && route.TakesPrefix(uri.GetPrefix()):
		calls = "calls of " + uri.GetPrefix()
	case uri.GetPrefix() != "":
		calls = "some calls of " + uri.GetPrefix()
	case uri.GetExact() != "":
		calls = "calls of " + uri.GetExact()
	case uri.GetRegex() != "":
		calls = "calls that match " + uri.GetRegex()
	}
	return calls + " for " + hostText(route.Host)
}

func hostText(host string) string {
	if host == "*" {
		return "any host"
	}
	return host
}
