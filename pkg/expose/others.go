package expose

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// OwnerText is a relative clause on who owns an object, as far as it says itself: "which Helm (release edge) owns".
func OwnerText(object mesh.Object) string {
	if isOwn(object) && object.GetAnnotations()[ForAnnotation] != "" {
		return "which create made for " + forText(object)
	}
	if deployer := plan.DeployerOf(object); deployer.Name != "" {
		return "which " + deployer.String() + " owns"
	}
	if controller := metav1.GetControllerOf(object); controller != nil {
		return fmt.Sprintf("which %s %s owns", controller.Kind, controller.Name)
	}
	if manager := object.GetLabels()[ManagedByLabel]; manager != "" && !isOwn(object) {
		return fmt.Sprintf("which %s manages (label %s)", manager, ManagedByLabel)
	}
	return fmt.Sprintf("which belongs to namespace %s (nothing on it names an owner)", object.GetNamespace())
}

// noteOthers names what the exposure rests on or changes and is not the workload's own, with namespace and owner; and what
// takes calls of the hosts already.
func (b *builder) noteOthers() error {
	b.noteBound(mesh.KindGateway, b.result.GatewayObject, "The route is bound to")
	for _, change := range b.changes {
		key := changeKey(change)
		if object := b.before(key); object != nil && !isOwn(object) && key.Namespace != "" && key.Namespace != b.workload.Namespace() {
			b.note("%s is changed, %s", plan.Name(change.Object), OwnerText(object))
		}
	}
	b.noteOtherRoutes()
	return nil
}

func changeKey(change plan.Change) mesh.Key {
	kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
	return mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
}

// before is the object as it was before the plan, nil where the plan makes it.
func (b *builder) before(key mesh.Key) mesh.Object {
	made := slices.ContainsFunc(b.changes, func(change plan.Change) bool {
		return change.Action == plan.Create && changeKey(change) == key
	})
	if made {
		return nil
	}
	return b.snapshot.Find(key)
}

func (b *builder) noteBound(kind mesh.Kind, name, text string) {
	namespace, name, _ := strings.Cut(name, "/")
	if object := b.before(mesh.Key{Kind: kind, Namespace: namespace, Name: name}); object != nil && !b.isOurs(object) {
		b.note("%s %s %s/%s, %s", text, kind, namespace, name, OwnerText(object))
	}
}

// noteOtherRoutes says which calls of the hosts go elsewhere.
func (b *builder) noteOtherRoutes() {
	if taken := takenText(othersOnHosts(&b.result, b.snapshot)); taken != "" {
		b.note("On port %d, %s", b.result.Port, taken)
	}
	if taken := takenByName(hostsOnPort(&b.result, b.snapshot), b.result.Hosts, b.result.VirtualService); taken != "" {
		b.note("On port %d, %s", b.result.Port, taken)
	}
}

// othersOnHosts are the routes on the exposure's port and hosts that lead elsewhere, by other VirtualServices, and get calls.
func othersOnHosts(result *Result, snapshot *mesh.Snapshot) []*gateway.GatewayRoute {
	var others []*gateway.GatewayRoute
	for _, host := range hostsOnPort(result, snapshot) {
		if slices.ContainsFunc(result.Hosts, func(own string) bool { return strings.EqualFold(own, host.Host) }) {
			others = append(others, othersOnHost(host, result.VirtualService)...)
		}
	}
	return others
}

// hostsOnPort are the virtual hosts of the exposure's port.
func hostsOnPort(result *Result, snapshot *mesh.Snapshot) []*gateway.VirtualHost {
	if result.Gateway == nil {
		return nil
	}
	pods := sameGateway(snapshot, result.Gateway)
	listeners, _ := gateway.ListenerPorts(snapshot, pods, uint32(result.Port))
	return slices.DeleteFunc(slices.Clone(gateway.VirtualHosts(snapshot, pods)), func(host *gateway.VirtualHost) bool {
		return len(host.Servers) == 0 || !slices.Contains(listeners, host.Servers[0].ListenerPort) || host.Servers[0].IsTLS() != result.TLS
	})
}

// takenByName names the calls for names within a wildcard among the own hosts that other VirtualServices take, empty for none:
// of the virtual hosts that fit a call's authority, the most specific one takes it, and none of the wildcard's routes.
// Source: Envoy's api/envoy/config/route/v3/route_components.proto (VirtualHost.domains).
func takenByName(hosts []*gateway.VirtualHost, own []string, ownRoute string) string {
	var parts []string
	for _, virtual := range hosts {
		within := slices.ContainsFunc(own, func(wildcard string) bool {
			return !strings.EqualFold(wildcard, virtual.Host) && host.HostSubsetOf(virtual.Host, wildcard)
		})
		if !within || slices.ContainsFunc(own, func(same string) bool { return strings.EqualFold(same, virtual.Host) }) {
			continue
		}
		for _, route := range othersOnHost(virtual, ownRoute) {
			part := fmt.Sprintf("calls for %s go to VirtualService %s/%s", virtual.Host, route.VirtualService.Namespace, route.VirtualService.Name)
			if !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	return listOf(parts, mostTaken)
}

// othersOnHost are the routes of a host that get calls and are not that VirtualService's.
func othersOnHost(host *gateway.VirtualHost, own string) []*gateway.GatewayRoute {
	return slices.DeleteFunc(slices.Clone(host.Routes), func(route *gateway.GatewayRoute) bool {
		return route.Shadowed != nil || route.VirtualService.Namespace+"/"+route.VirtualService.Name == own
	})
}

// mostTaken bounds how many routes are named in a sentence.
const mostTaken = 4

// takenText names the calls that routes take, empty for none: "calls of /web for any host go to VirtualService shop/web".
func takenText(routes []*gateway.GatewayRoute) string {
	var parts []string
	for _, route := range routes {
		part := fmt.Sprintf("%s go to VirtualService %s/%s", callsOf(route), route.VirtualService.Namespace, route.VirtualService.Name)
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return listOf(parts, mostTaken)
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
