package expose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// GatewayWorkloadName is how --gateway-workload names the proxies: by namespace and name, and by kind too where another one of
// them has both.
func GatewayWorkloadName(gateway *proxy.GatewayWorkload, all []*proxy.GatewayWorkload) string {
	name := gateway.Namespace + "/" + gateway.Name()
	if slices.ContainsFunc(all, func(other *proxy.GatewayWorkload) bool {
		return fullName(other) != fullName(gateway) && other.Namespace == gateway.Namespace && other.Name() == gateway.Name()
	}) {
		return fullName(gateway)
	}
	return name
}

// fullName is a name that no other gateway has.
func fullName(gateway *proxy.GatewayWorkload) string {
	return strings.ToLower(string(gateway.Key().Kind)) + "/" + gateway.Namespace + "/" + gateway.Name()
}

// isNamed reports whether --gateway-workload means these proxies.
func isNamed(gateway *proxy.GatewayWorkload, name string) bool {
	return name == gateway.Namespace+"/"+gateway.Name() || name == fullName(gateway)
}

// gatewaysNamed are those of the workloads that --gateway-workload means; all of them where it is empty.
func gatewaysNamed(workloads []*proxy.GatewayWorkload, name string) []*proxy.GatewayWorkload {
	if name == "" {
		return workloads
	}
	return slices.DeleteFunc(slices.Clone(workloads), func(w *proxy.GatewayWorkload) bool { return !isNamed(w, name) })
}

// gatewayChoices are lines that can be typed as they are, each meaning other proxies.
func gatewayChoices(workloads []*proxy.GatewayWorkload) []string {
	var choices []string
	for _, workload := range workloads {
		choices = append(choices, fmt.Sprintf("--gateway-workload %s   %s", GatewayWorkloadName(workload, workloads), workload))
	}
	return choices
}

// ChooseEntrance is the entrance that calls from outside are meant to take: by the routes of the workload's own namespace before
// those of the mesh's root namespace, and those before anybody else's; of the best one's Gateway, on the proxies that --gateway-workload names, else
// on those that proxy.TrustOf finds. It is nil where there is none, and an *Error where the user has to say which proxies.
func ChooseEntrance(snapshot *mesh.Snapshot, workload *workload.Workload, gatewayWorkload string) (*callpath.Entrance, error) {
	entrances := callpath.Entrances(snapshot, workload)
	if len(entrances) == 0 {
		return nil, nil
	}
	if gatewayWorkload != "" {
		named := slices.DeleteFunc(slices.Clone(entrances), func(e *callpath.Entrance) bool { return !isNamed(e.Gateway(), gatewayWorkload) })
		if len(named) == 0 {
			return nil, refuse("Name one of those, or leave --gateway-workload out", "no route leads to %s through the gateway %s; there are:", workload.Key, gatewayWorkload).
				choices(gatewayChoices(gatewaysOf(entrances)))
		}
		chosen := best(snapshot, workload, named)
		chosen.Trusted = true
		return chosen, nil
	}
	gateway := best(snapshot, workload, entrances).Route.Server.Gateway
	entrances = slices.DeleteFunc(entrances, func(e *callpath.Entrance) bool { return e.Route.Server.Gateway != gateway })
	serving, trusted := proxy.TrustOf(snapshot, gateway, gatewaysOf(entrances)).Serving()
	if serving == nil {
		return nil, refuse("Say which one: --gateway-workload NAMESPACE/NAME", "several gateways serve %s, which leads to %s:",
			mesh.KeyOf(gateway), workload.Key).choices(gatewayChoices(gatewaysOf(entrances)))
	}
	entrances = slices.DeleteFunc(entrances, func(e *callpath.Entrance) bool { return e.Gateway() != serving })
	chosen := best(snapshot, workload, entrances)
	chosen.Trusted = trusted && ownership(snapshot, workload, chosen) < foreignRoute
	return chosen, nil
}

// Lookalikes are gateway workloads, and their Services, that get the workload's routes by their labels alone, while the Gateway is on
// proxies that are nobody else's: how those are is no matter of the workload's.
func Lookalikes(snapshot *mesh.Snapshot, workload *workload.Workload) map[mesh.Key]bool {
	lookalikes := map[mesh.Key]bool{}
	for _, entrance := range callpath.Entrances(snapshot, workload) {
		gateway := entrance.Gateway()
		meant := entrance.Route.Server.Gateway
		serving, trusted := proxy.TrustOf(snapshot, meant, proxy.GatewayWorkloadsSelected(snapshot, meant)).Serving()
		if !trusted || serving == gateway {
			continue
		}
		if gateway.Workload != nil {
			lookalikes[gateway.Workload.Key] = true
		}
		for _, service := range gateway.Services {
			lookalikes[mesh.KeyOf(service)] = true
		}
	}
	return lookalikes
}

// The owners of routes, the one to believe first.
const (
	ownRoute = iota
	meshRoute
	foreignRoute
)

// ownership is whose word an entrance's route is.
func ownership(snapshot *mesh.Snapshot, workload *workload.Workload, entrance *callpath.Entrance) int {
	switch entrance.Route.VirtualService.Namespace {
	case workload.Namespace():
		return ownRoute
	case proxy.RootNamespace(snapshot):
		return meshRoute
	default:
		return foreignRoute
	}
}

// best is the first by owner, then in the order of Entrances.
func best(snapshot *mesh.Snapshot, workload *workload.Workload, entrances []*callpath.Entrance) *callpath.Entrance {
	return slices.MinFunc(entrances, func(a, b *callpath.Entrance) int {
		return ownership(snapshot, workload, a) - ownership(snapshot, workload, b)
	})
}

// gatewaysOf are the proxies of entrances, each once, by namespace and name.
func gatewaysOf(entrances []*callpath.Entrance) []*proxy.GatewayWorkload {
	var gateways []*proxy.GatewayWorkload
	for _, entrance := range entrances {
		if !slices.Contains(gateways, entrance.Gateway()) {
			gateways = append(gateways, entrance.Gateway())
		}
	}
	slices.SortFunc(gateways, func(a, b *proxy.GatewayWorkload) int { return strings.Compare(a.String(), b.String()) })
	return gateways
}
