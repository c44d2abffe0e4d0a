package expose

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// OwnerText is a relative clause on who owns an object, as far as it says itself: "which Helm (release edge) owns".
func OwnerText(object mesh.Object) string {
	if plan.IsOwn(object) && object.GetAnnotations()[plan.ForAnnotation] != "" {
		return "which create made for " + plan.OwnerText(object)
	}
	if deployer := plan.DeployerOf(object); deployer.Name != "" {
		return "which " + deployer.String() + " owns"
	}
	if controller := metav1.GetControllerOf(object); controller != nil {
		return fmt.Sprintf("which %s %s owns", controller.Kind, controller.Name)
	}
	if manager := object.GetLabels()[plan.ManagedByLabel]; manager != "" && !plan.IsOwn(object) {
		return fmt.Sprintf("which %s manages (label %s)", manager, plan.ManagedByLabel)
	}
	return fmt.Sprintf("which belongs to namespace %s (nothing on it names an owner)", object.GetNamespace())
}

// noteOthers names what the exposure rests on or changes and is not the workload's own, with namespace and owner; and what
// takes calls of the hosts already.
func (d *draft) noteOthers(result *Result) {
	bound := mesh.Key{Kind: mesh.KindGateway, Namespace: result.GatewayObject.Namespace, Name: result.GatewayObject.Name}
	if object := d.before(bound); object != nil && !d.isOurs(object) {
		d.note("The route is bound to %s, %s", bound, OwnerText(object))
	}
	for _, change := range d.changes {
		key := changeKey(change)
		if object := d.before(key); object != nil && !plan.IsOwn(object) && key.Namespace != "" && key.Namespace != d.workload.Namespace() {
			d.note("%s is changed, %s", plan.Name(change.Object), OwnerText(object))
		}
	}
	d.noteOtherRoutes(result)
}

func changeKey(change plan.Change) mesh.Key {
	kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
	return mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
}

// before is the object as it was before the plan, nil where the plan makes it.
func (d *draft) before(key mesh.Key) mesh.Object {
	made := slices.ContainsFunc(d.changes, func(change plan.Change) bool {
		return change.Action == plan.Create && changeKey(change) == key
	})
	if made {
		return nil
	}
	return d.snapshot.Find(key)
}

// noteOtherRoutes says which calls of the hosts go elsewhere.
func (d *draft) noteOtherRoutes(result *Result) {
	if taken := callpath.TakenText(othersOnHosts(result, d.snapshot)); taken != "" {
		d.note("On port %d, %s", result.Port, taken)
	}
	if taken := callpath.TakenByName(hostsOnPort(result, d.snapshot), result.Hosts, result.VirtualService); taken != "" {
		d.note("On port %d, %s", result.Port, taken)
	}
}

// othersOnHosts are the routes on the exposure's port and hosts that lead elsewhere, by other VirtualServices, and get calls.
func othersOnHosts(result *Result, snapshot *mesh.Snapshot) []*gateway.GatewayRoute {
	var others []*gateway.GatewayRoute
	for _, host := range hostsOnPort(result, snapshot) {
		if slices.ContainsFunc(result.Hosts, func(own string) bool { return strings.EqualFold(own, host.Host) }) {
			others = append(others, callpath.OthersOnHost(host, result.VirtualService)...)
		}
	}
	return others
}

// hostsOnPort are the virtual hosts of the exposure's port.
func hostsOnPort(result *Result, snapshot *mesh.Snapshot) []*gateway.VirtualHost {
	if result.Gateway == nil {
		return nil
	}
	pods := proxy.SameGateway(snapshot, result.Gateway)
	listeners, _ := gateway.ListenerPorts(snapshot, pods, uint32(result.Port))
	return slices.DeleteFunc(slices.Clone(gateway.VirtualHosts(snapshot, pods)), func(host *gateway.VirtualHost) bool {
		return len(host.Servers) == 0 || !slices.Contains(listeners, host.Servers[0].ListenerPort) || host.Servers[0].IsTLS() != result.TLS
	})
}
