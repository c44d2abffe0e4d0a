package lint

import (
	"slices"
	"sync"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Paths says which workloads an object matters to.
type Paths struct{ index func() *pathIndex }

// pathIndex leads from the objects to the workloads whose calls depend on them.
type pathIndex struct {
	byKey map[mesh.Key][]mesh.Key
	// byNamespace are those for which the policies of a namespace count, byHost those behind a Service's host name.
	byNamespace, byHost map[string][]mesh.Key
}

// pathsTo are the paths of calls to the workloads, each from the gateway's Service to the pods. Policies count by namespace,
// because a policy that applies to one call there may apply to these. They are looked for when first asked about, once, which
// takes as long as the paths are long together; workloads is called then.
func pathsTo(snapshot *mesh.Snapshot, workloads func() []mesh.Key) *Paths {
	return &Paths{sync.OnceValue(func() *pathIndex { return indexPaths(snapshot, workloads()) })}
}

func indexPaths(snapshot *mesh.Snapshot, workloads []mesh.Key) *pathIndex {
	paths := &pathIndex{byKey: map[mesh.Key][]mesh.Key{}, byNamespace: map[string][]mesh.Key{}, byHost: map[string][]mesh.Key{}}
	leadingTo := virtualServicesByDestination(snapshot)
	for _, w := range workloads {
		path := &path{
			snapshot:   snapshot,
			leadingTo:  leadingTo,
			keys:       map[mesh.Key]bool{w: true, {Kind: mesh.KindNamespace, Name: w.Namespace}: true},
			namespaces: map[string]bool{w.Namespace: true, proxy.RootNamespace(snapshot): true},
			hosts:      map[string]bool{},
		}
		if found := workload.Get(snapshot, w); found != nil {
			path.addWorkload(found)
		}
		enter(paths.byKey, path.keys, w)
		enter(paths.byNamespace, path.namespaces, w)
		enter(paths.byHost, path.hosts, w)
	}
	return paths
}

func enter[K comparable](index map[K][]mesh.Key, parts map[K]bool, workload mesh.Key) {
	for part := range parts {
		index[part] = append(index[part], workload)
	}
}

// Of are the workloads on whose path the object is, in the order in which PathsTo was given them.
func (p *Paths) Of(object mesh.Object) []mesh.Key { return p.index().of(object) }

func (p *pathIndex) of(object mesh.Object) []mesh.Key {
	key := mesh.KeyOf(object)
	switch key.Kind {
	case mesh.KindDestinationRule:
		rule := object.(*networking.DestinationRule)
		return p.byHost[host.ResolveHost(rule.Spec.GetHost(), rule.Namespace)]
	case mesh.KindServiceEntry:
		for _, host := range object.(*networking.ServiceEntry).Spec.GetHosts() {
			if workloads := p.byHost[host]; len(workloads) > 0 {
				return workloads
			}
		}
		return nil
	case mesh.KindAuthorizationPolicy, mesh.KindPeerAuthentication, mesh.KindNetworkPolicy, mesh.KindEnvoyFilter, mesh.KindConfigMap:
		return p.byNamespace[key.Namespace]
	default:
		return p.byKey[key]
	}
}

// OnPathOf accepts the objects that calls to a workload depend on, for Options.Only.
func OnPathOf(snapshot *mesh.Snapshot, workload mesh.Key) func(mesh.Object) bool {
	paths := pathsTo(snapshot, func() []mesh.Key { return []mesh.Key{workload} })
	return func(object mesh.Object) bool { return len(paths.Of(object)) > 0 }
}

// virtualServicesByDestination are the VirtualServices by the hosts that their rules name, of whatever kind, whether or not a
// gateway serves them.
func virtualServicesByDestination(snapshot *mesh.Snapshot) map[string][]*networking.VirtualService {
	leadingTo := map[string][]*networking.VirtualService{}
	for _, virtualService := range snapshot.VirtualServices().All() {
		destinations := checks.StreamDestinations(virtualService)
		for _, rule := range virtualService.Spec.GetHttp() {
			for _, route := range rule.GetRoute() {
				destinations = append(destinations, route.GetDestination())
			}
		}
		named := map[string]bool{}
		for _, destination := range destinations {
			host := host.ResolveHost(destination.GetHost(), virtualService.Namespace)
			if !named[host] {
				named[host] = true
				leadingTo[host] = append(leadingTo[host], virtualService)
			}
		}
	}
	return leadingTo
}

// path is what belongs to the path of one workload: single objects, namespaces whose policies count, and hosts of Services.
type path struct {
	snapshot   *mesh.Snapshot
	leadingTo  map[string][]*networking.VirtualService
	keys       map[mesh.Key]bool
	namespaces map[string]bool
	hosts      map[string]bool
}

func (p *path) add(object mesh.Object) { p.keys[mesh.KeyOf(object)] = true }

func (p *path) addWorkload(w *workload.Workload) {
	if by := proxy.InjectionOf(p.snapshot, w).By; by != nil {
		p.add(by.Configuration)
	}
	for _, service := range workload.ServicesSelecting(p.snapshot, w) {
		p.addService(service)
	}
	for host := range p.hosts {
		for _, virtualService := range p.leadingTo[host] {
			p.addVirtualService(virtualService)
		}
	}
}

// addService adds a Service with the gateways and routes that lead to its exposed ports.
func (p *path) addService(service *core.Service) {
	p.add(service)
	p.hosts[host.ServiceHost(service)] = true
	for _, exposed := range exposure.ExposedPortsOf(p.snapshot, service) {
		for _, route := range gateway.RoutesTo(p.snapshot, service, exposed.Port.Port) {
			p.add(route.VirtualService)
			p.add(route.Holder)
			p.addGateway(route.Server.Gateway)
		}
		for _, backend := range gatewayapi.RouteBackendsTo(p.snapshot, service, exposed.Port.Port) {
			p.add(backend.Route)
			for _, gateway := range backend.Gateways {
				p.add(gateway)
			}
			for _, listener := range backend.Listeners {
				if listener.Set != nil {
					p.add(listener.Set)
				}
			}
		}
	}
}

func (p *path) addVirtualService(virtualService *networking.VirtualService) {
	p.add(virtualService)
	gateways, _ := host.GatewaysOf(p.snapshot, virtualService)
	for _, gateway := range gateways {
		p.addGateway(gateway)
	}
}

// addGateway adds a Gateway with the proxies that it selects and the Services in front of them.
func (p *path) addGateway(gateway *networking.Gateway) {
	if p.keys[mesh.KeyOf(gateway)] {
		return
	}
	p.add(gateway)
	for _, proxies := range proxy.GatewayWorkloadsSelected(p.snapshot, gateway) {
		p.namespaces[proxies.Namespace] = true
		p.keys[mesh.Key{Kind: mesh.KindNamespace, Name: proxies.Namespace}] = true
		if proxies.Workload != nil {
			p.add(proxies.Workload.Object)
		}
		for _, service := range proxies.Services {
			p.add(service)
			p.addIngresses(service)
		}
	}
}

// addIngresses adds the load balancers before a gateway's Service.
func (p *path) addIngresses(service *core.Service) {
	for _, ingress := range p.snapshot.Ingresses().In(service.Namespace) {
		if slices.Contains(workload.ServicesOfIngress(ingress), service.Name) {
			p.add(ingress)
		}
	}
}
