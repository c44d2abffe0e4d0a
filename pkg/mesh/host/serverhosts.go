package host

import (
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
)

// ServerHosts are the host names that a Gateway server offers to the VirtualServices of a namespace, without the
// "namespace/" in front that says which namespaces those are: "./" is the Gateway's own, "*/" or nothing is every one.
// Source: Istio's pilot/pkg/model/gateway.go (sanitizeServerHostNamespace) and pkg/config/host/names.go (NamesForNamespace).
func ServerHosts(gateway *networking.Gateway, server *networkingapi.Server, namespace string) []string {
	if slices.Contains(server.GetHosts(), "*/*") {
		return []string{"*"}
	}
	var hosts []string
	for _, host := range server.GetHosts() {
		of, name, prefixed := strings.Cut(host, "/")
		switch {
		case !prefixed:
			hosts = append(hosts, host)
		case of == "*", of == namespace, of == "." && gateway.Namespace == namespace:
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// ServersAccept is a function that reports whether a server of the Gateways accepts a host of a VirtualService of the namespace, as
// ServerAccepts does.
func ServersAccept(gateways []*networking.Gateway, namespace string) func(host string) bool {
	var accepted []*HostIndex
	for _, gateway := range gateways {
		for _, server := range gateway.Spec.GetServers() {
			accepted = append(accepted, NewHostIndex(ServerHosts(gateway, server, namespace)))
		}
	}
	return func(host string) bool {
		full := ResolveHost(host, namespace)
		return slices.ContainsFunc(accepted, func(hosts *HostIndex) bool { return len(hosts.Common(full)) > 0 })
	}
}

// ServerAccepts is the most specific host that a Gateway server's hosts ("ns/host", "./host", "*") and a VirtualService host
// of that namespace have in common; ok is false if there is none.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig, intersectingHosts).
func ServerAccepts(gateway *networking.Gateway, server *networkingapi.Server, host, namespace string) (common string, ok bool) {
	shared := NewHostIndex(ServerHosts(gateway, server, namespace)).Common(ResolveHost(host, namespace))
	if len(shared) == 0 {
		return "", false
	}
	return slices.MinFunc(shared, CompareHosts), true
}

// GatewayAccepts reports whether a server of the Gateway accepts one of the VirtualService's hosts.
func GatewayAccepts(gateway *networking.Gateway, route *networking.VirtualService) bool {
	return slices.ContainsFunc(route.Spec.GetHosts(), ServersAccept([]*networking.Gateway{gateway}, route.Namespace))
}
