package mesh

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

// ServerAccepts is the most specific host that a Gateway server's hosts ("ns/host", "./host", "*") and a VirtualService host
// of that namespace have in common; ok is false if there is none.
// Source: Istio's pilot/pkg/networking/core/gateway.go (buildGatewayHTTPRouteConfig, intersectingHosts).
func ServerAccepts(gateway *networking.Gateway, server *networkingapi.Server, host, namespace string) (common string, ok bool) {
	shared := newHostIndex(ServerHosts(gateway, server, namespace)).common(ResolveHost(host, namespace))
	if len(shared) == 0 {
		return "", false
	}
	return slices.MinFunc(shared, compareHosts), true
}
