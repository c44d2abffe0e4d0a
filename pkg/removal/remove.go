package removal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// Options say how far Remove goes.
type Options struct {
	// Force undoes what others have come to need as well.
	Force bool
	// Restart says whose pods are restarted where they would have no proxy then. Zero means RestartWorkload.
	Restart remedy.RestartScope
	// Namespaces are where everything is undone that create did, for whichever workload.
	Namespaces []string
}

// Removal is what Remove decided.
type Removal struct {
	Plan plan.Plan
	// Rollouts are the workloads whose pods the plan replaces by ones without a proxy.
	Rollouts []mesh.Key
	// Kept says what stays and who needs it, one sentence each.
	Kept []string
	// Unknown are the kinds and namespaces that decide and could not be read: without them nothing may be undone.
	Unknown []mesh.Gap
}

// Remove decides what undoes everything that create did for the workloads, which need not be there any more. Objects of our
// own go, fields of others' objects get their former values; what something else still needs stays, by what refers to it now.
// Removing the exposure comes first; restarts come last, because nothing waits for them.
//
// Marks are believed in the namespaces of the workloads and of their gateways alone, and only on kinds and fields that create
// writes. One that cannot be read is a note about its object.
func Remove(workloads []mesh.Key, snapshot *mesh.Snapshot, options Options) (*Removal, error) {
	r := &remover{options: options, workloads: workloads, namespaces: slices.Clone(options.Namespaces), before: snapshot, after: snapshot}
	for _, workload := range workloads {
		if !slices.Contains(r.namespaces, workload.Namespace) {
			r.namespaces = append(r.namespaces, workload.Namespace)
		}
	}
	for _, step := range []func() error{
		r.removeRoutes, r.removeGateways, r.closePorts, r.removeServices,
		r.restoreServices, r.restoreNamespaces, r.restoreWorkloads,
	} {
		if err := step(); err != nil {
			return nil, err
		}
		r.settle()
	}
	slices.SortStableFunc(r.removal.Plan.Changes, func(a, b plan.Change) int { return cmp.Compare(removalRank(a), removalRank(b)) })
	return &r.removal, nil
}

// removalRank orders changes from the route's outer end inwards. A Gateway goes after the gateway's port, so that a run that is
// broken off between the two still finds the way to the port when it is repeated.
func removalRank(change plan.Change) int {
	switch {
	case change.Object.GetKind() == string(mesh.KindVirtualService):
		return 0
	case change.Action == plan.Delete && change.Object.GetKind() == string(mesh.KindGateway):
		return 2
	case change.Action == plan.Delete:
		return 3
	case change.Object.GetKind() == string(mesh.KindService):
		return 1
	case change.Object.GetKind() == string(mesh.KindNamespace):
		return 4
	default:
		return 5
	}
}

type remover struct {
	options    Options
	workloads  []mesh.Key
	namespaces []string
	before     *mesh.Snapshot
	// after is the snapshot without what the plan so far removes: what it still has is what others need.
	after *mesh.Snapshot
	// removed is what the present step removes.
	removed []mesh.Key
	removal Removal
	// gateways are the Gateways through which the workloads were exposed.
	gateways []*networking.Gateway
}

// isFor reports whether create made the object for one of the workloads, or for any where everything is undone.
func (r *remover) isFor(object mesh.Object) bool {
	if r.undoesAllOf(object.GetNamespace()) {
		return plan.IsOwn(object)
	}
	return slices.ContainsFunc(r.workloads, func(workload mesh.Key) bool { return plan.IsOwnFor(object, ownerOf(workload)) })
}

func (r *remover) undoesAllOf(namespace string) bool {
	return slices.Contains(r.options.Namespaces, namespace)
}

// noName is the name of no object: asked for it, a Snapshot answers for the kind as a whole.
const noName = "*"

// know reports whether the kind was read in the namespace (an empty one: everywhere), and notes it as unknown if not. One object
// that nobody can decode stops nothing.
func (r *remover) know(kind mesh.Kind, namespace string) bool {
	reason, unknown := r.before.Unknown(kind, namespace, noName)
	if !unknown {
		return true
	}
	gap := mesh.Gap{Kind: kind, Namespace: namespace, Reason: reason}
	same := func(other mesh.Gap) bool { return other.Kind == kind && other.Namespace == namespace }
	if !slices.ContainsFunc(r.removal.Unknown, same) {
		r.removal.Unknown = append(r.removal.Unknown, gap)
	}
	return false
}

func (r *remover) note(format string, arguments ...any) {
	r.removal.Plan.Notes = append(r.removal.Plan.Notes, fmt.Sprintf(format, arguments...))
}

// keep says what stays, and who needs it.
func (r *remover) keep(what string, needs []string) {
	slices.Sort(needs)
	need := "needs"
	if len(needs) > 1 {
		need = "need"
	}
	r.removal.Kept = append(r.removal.Kept, fmt.Sprintf("%s stays: %s still %s it (--force undoes it all the same)", what, inert.List(needs, 5), need))
}

// remove plans the end of an object of our own.
func (r *remover) remove(object mesh.Object) error {
	target, err := mesh.ToUnstructured(object)
	if err != nil {
		return err
	}
	reason := "create made it for " + plan.OwnerText(object)
	r.removal.Plan.Changes = append(r.removal.Plan.Changes, plan.Change{Action: plan.Delete, Object: target, Reason: reason})
	r.removed = append(r.removed, mesh.KeyOf(object))
	return nil
}

// settle takes what a step removes out of the snapshot, all at once: each Snapshot is indexed anew.
func (r *remover) settle() {
	if len(r.removed) > 0 {
		r.after, r.removed = r.after.With(mesh.Change{Removed: r.removed}), nil
	}
}

// removeRoutes removes the VirtualServices that create made; they are always beside the workload.
func (r *remover) removeRoutes() error {
	for _, namespace := range r.namespaces {
		if !r.know(mesh.KindVirtualService, namespace) {
			continue
		}
		for _, route := range r.before.VirtualServices().In(namespace) {
			if !r.isFor(route) {
				continue
			}
			bound, _ := host.GatewaysOf(r.before, route)
			r.throughGateways(bound...)
			if err := r.remove(route); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *remover) throughGateways(gateways ...*networking.Gateway) {
	for _, gateway := range gateways {
		if !slices.Contains(r.gateways, gateway) {
			r.gateways = append(r.gateways, gateway)
		}
	}
}

// removeGateways removes the Gateways that create made for the workloads, and those of its making that only their routes were
// bound to, unless somebody else is bound to them.
func (r *remover) removeGateways() error {
	for _, namespace := range r.namespaces {
		if !r.know(mesh.KindGateway, namespace) {
			continue
		}
		for _, gateway := range r.before.Gateways().In(namespace) {
			if r.isFor(gateway) {
				r.throughGateways(gateway)
			}
		}
	}
	r.throughGateways(r.besideGatewayPods()...)
	for _, gateway := range r.gateways {
		if !plan.IsOwn(gateway) || !slices.Contains(r.namespaces, gateway.Namespace) && !r.isBesideItsPods(gateway) {
			continue
		}
		if bound := r.boundTo(gateway); len(bound) > 0 && !r.options.Force {
			r.keep(mesh.KeyOf(gateway).String(), bound)
			continue
		}
		if err := r.remove(gateway); err != nil {
			return err
		}
	}
	return nil
}

// besideGatewayPods are the Gateways that create made where the mesh takes them from the namespace of the gateway's pods alone.
// Anybody can have such pods, and a Gateway beside them that says it is create's: outside of the platform's namespace one counts
// that a route of the workloads' namespaces is bound to.
func (r *remover) besideGatewayPods() []*networking.Gateway {
	var gateways []*networking.Gateway
	for _, gateway := range r.before.Gateways().All() {
		named := slices.ContainsFunc(r.namespaces, func(namespace string) bool { return strings.HasPrefix(gateway.Name, namespace+"-") })
		switch {
		case !named || slices.Contains(r.gateways, gateway) || !r.isFor(gateway) || !r.isBesideItsPods(gateway):
		case gateway.Namespace == proxy.RootNamespace(r.before):
			gateways = append(gateways, gateway)
		default:
			r.note("%s is left as it is: it says that create made it for %s, and no route of the workload's namespace is bound to it; delete it by hand if it is yours",
				mesh.KeyOf(gateway), plan.OwnerText(gateway))
		}
	}
	return gateways
}

func (r *remover) isBesideItsPods(gateway *networking.Gateway) bool {
	return slices.ContainsFunc(r.platformGateways(gateway), func(pods *proxy.GatewayWorkload) bool {
		return pods.Namespace == gateway.Namespace
	})
}

// boundTo are the VirtualServices that are still bound to a Gateway and whose hosts it takes.
func (r *remover) boundTo(gateway *networking.Gateway) []string {
	var bound []string
	for _, route := range r.after.VirtualServices().All() {
		if gateways, _ := host.GatewaysOf(r.after, route); slices.Contains(gateways, gateway) && host.GatewayAccepts(gateway, route) {
			bound = append(bound, mesh.KeyOf(route).String())
		}
	}
	return bound
}

// platformGateways are the gateway's pods that a Gateway can mean. Anybody can give pods of his own the labels of a gateway; where
// the selector alone does not tell, nothing is undone on anybody's word.
func (r *remover) platformGateways(gateway *networking.Gateway) []*proxy.GatewayWorkload {
	return proxy.TrustOf(r.before, gateway, proxy.GatewayWorkloadsSelected(r.before, gateway)).Platform()
}

// closePorts closes the ports that create opened on the gateways' Services and that no Gateway server uses any more. Whose
// they were does not matter: the last one takes them away, also after the namespace of another one was deleted as a whole.
func (r *remover) closePorts() error {
	var done []mesh.Key
	for _, pods := range r.gatewaysUsed() {
		for _, service := range pods.Services {
			if key := mesh.KeyOf(service); slices.Contains(done, key) {
				continue
			} else {
				done = append(done, key)
			}
			needs := func(path plan.Path) []string { return r.usersOfPort(pods, service, path) }
			if err := r.restore(service, needs); err != nil {
				return err
			}
		}
	}
	return nil
}

// gatewaysUsed are the gateways through which the workloads were exposed, and those of namespaces where everything is undone.
func (r *remover) gatewaysUsed() []*proxy.GatewayWorkload {
	var used []*proxy.GatewayWorkload
	for _, gateway := range r.gateways {
		pods := r.platformGateways(gateway)
		if len(pods) == 0 {
			r.know(mesh.KindDeployment, "")
		}
		for _, pod := range pods {
			if !slices.Contains(used, pod) {
				used = append(used, pod)
			}
		}
	}
	root := proxy.RootNamespace(r.before)
	for _, pods := range proxy.GatewayWorkloads(r.before) {
		// Where no Gateway is left to tell, it is the platform's in the root namespace.
		if (r.undoesAllOf(pods.Namespace) || len(r.gateways) == 0 && pods.Namespace == root) && !slices.Contains(used, pods) {
			used = append(used, pods)
		}
	}
	return used
}

// usersOfPort are the Gateways that are reached through a port of the gateway's Service.
func (r *remover) usersOfPort(pods *proxy.GatewayWorkload, service *core.Service, path plan.Path) []string {
	if !r.know(mesh.KindGateway, "") {
		return nil
	}
	port := portAt(service, path)
	if port == nil {
		return nil
	}
	users := r.unreadGateways()
	for _, server := range gateway.Servers(r.after, proxy.SameGateway(r.after, pods)) {
		target := port.TargetPort.IntVal
		if server.Spec.GetPort().GetNumber() != uint32(port.Port) && server.ListenerPort != target {
			continue
		}
		if name := mesh.KeyOf(server.Gateway).String(); !slices.Contains(users, name) {
			users = append(users, name)
		}
	}
	return users
}

// unreadGateways are the Gateways that are there and cannot be decoded: they may use any port.
func (r *remover) unreadGateways() []string {
	var unread []string
	for _, gap := range r.before.Gaps() {
		if gap.Kind == mesh.KindGateway && gap.Name != "" && !gap.ByName {
			unread = append(unread, fmt.Sprintf("Gateway %s/%s, which cannot be read,", gap.Namespace, gap.Name))
		}
	}
	return unread
}

// removeServices removes the Services that create made, unless a route of their own namespace leads there.
func (r *remover) removeServices() error {
	for _, namespace := range r.namespaces {
		if !r.know(mesh.KindService, namespace) {
			continue
		}
		for _, service := range r.before.Services().In(namespace) {
			if !r.isFor(service) {
				continue
			}
			var routes []string
			for i := range service.Spec.Ports {
				routes = append(routes, r.routesTo(service, service.Spec.Ports[i].Port)...)
			}
			if len(routes) > 0 && !r.options.Force {
				r.keep(mesh.KeyOf(service).String(), routes)
				continue
			}
			if err := r.remove(service); err != nil {
				return err
			}
		}
	}
	return nil
}

// routesTo are the routes that still lead to a Service port: those of its own namespace and of the platform's. What an object
// of another namespace says keeps nothing here.
func (r *remover) routesTo(service *core.Service, port int32) []string {
	var routes []string
	add := func(route mesh.Object) {
		name := mesh.KeyOf(route).String()
		if (route.GetNamespace() == service.Namespace || route.GetNamespace() == proxy.RootNamespace(r.after)) && !slices.Contains(routes, name) {
			routes = append(routes, name)
		}
	}
	for _, route := range gateway.RoutesTo(r.after, service, port) {
		add(route.VirtualService)
	}
	for _, backend := range gatewayapi.RouteBackendsTo(r.after, service, port) {
		add(backend.Route)
	}
	return routes
}
