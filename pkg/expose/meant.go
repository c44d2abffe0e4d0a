package expose

import (
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Meant are VirtualServices of the workload's namespace that are there for gateways and for what the plan's new VirtualService
// is for: the Service, and one of the hosts. They do not lead there, or Build would have taken one of them. before is the
// snapshot without the plan.
func Meant(intent Intent, result *Result, before *mesh.Snapshot) []*networking.VirtualService {
	isNew := slices.ContainsFunc(result.Plan.Changes, func(change plan.Change) bool {
		return change.Action == plan.Create && change.Object.GetKind() == string(mesh.KindVirtualService)
	})
	if !isNew {
		return nil
	}
	var meant []*networking.VirtualService
	for _, route := range before.VirtualServices().In(result.Workload.Namespace()) {
		if !plan.IsOwn(route) && isForGateways(route) && sharesHost(route, result.Hosts) && meansService(route, result, before) &&
			!isOnOtherPort(intent, route, result, before) {
			meant = append(meant, route)
		}
	}
	return meant
}

func isForGateways(route *networking.VirtualService) bool {
	return slices.ContainsFunc(route.Spec.GetGateways(), func(gateway string) bool { return gateway != "mesh" })
}

// isOnOtherPort reports whether the route takes TLS calls on ports of its own, and another port for plaintext was asked for, or the
// other way round: two paths are wanted then.
func isOnOtherPort(intent Intent, route *networking.VirtualService, result *Result, before *mesh.Snapshot) bool {
	gateways, _ := host.GatewaysOf(before, route)
	if intent.Port == 0 || len(gateways) == 0 {
		return false
	}
	for _, gw := range gateways {
		for _, server := range gw.Spec.GetServers() {
			if server.GetPort().GetNumber() == uint32(intent.Port) || gateway.ServerIsTLS(server) == result.TLS {
				return false
			}
		}
	}
	return true
}

// sharesHost reports whether the route is for one of the hosts, or a part of one: a narrower host than the route's is a new path.
func sharesHost(route *networking.VirtualService, hosts []string) bool {
	for _, name := range route.Spec.GetHosts() {
		if slices.ContainsFunc(hosts, func(asked string) bool { return host.HostSubsetOf(name, asked) }) {
			return true
		}
	}
	return false
}

// meansService reports whether a destination is the Service that the plan leads to, or a name like it that no Service has.
func meansService(route *networking.VirtualService, result *Result, before *mesh.Snapshot) bool {
	for _, rule := range route.Spec.GetHttp() {
		for _, destination := range rule.GetRoute() {
			hostname := host.ResolveHost(destination.GetDestination().GetHost(), route.Namespace)
			name, _, _ := strings.Cut(hostname, ".")
			switch service := host.ServiceByHost(before, hostname); {
			case service != nil && mesh.NamespacedName(service) == result.Service:
				return true
			case service == nil && (isLike(name, result.Service.Name) || isLike(name, result.Workload.Name())):
				return true
			}
		}
	}
	return false
}

func isLike(a, b string) bool { return distance(a, b) <= min(2, len(b)/3) }
