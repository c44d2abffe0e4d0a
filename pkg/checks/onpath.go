package checks

import (
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// OnPathOf accepts the objects that calls to a workload depend on, from the gateway's Service to the pods: for
// Options.Only. Policies count by namespace, because a policy that applies to one call there may apply to these.
func OnPathOf(snapshot *mesh.Snapshot, workload mesh.Key) func(mesh.Object) bool {
	path := &path{
		snapshot:   snapshot,
		keys:       map[mesh.Key]bool{workload: true, {Kind: mesh.KindNamespace, Name: workload.Namespace}: true},
		namespaces: map[string]bool{workload.Namespace: true, snapshot.RootNamespace(): true},
		hosts:      map[string]bool{},
	}
	if found := snapshot.Workload(workload); found != nil {
		path.addWorkload(found)
	}
	return path.has
}

// path is what belongs to the path: single objects, namespaces whose policies count, and hosts of Services.
type path struct {
	snapshot   *mesh.Snapshot
	keys       map[mesh.Key]bool
	namespaces map[string]bool
	hosts      map[string]bool
}

func (p *path) has(object mesh.Object) bool {
	key := mesh.KeyOf(object)
	switch key.Kind {
	case mesh.KindDestinationRule:
		rule := object.(*networking.DestinationRule)
		return p.hosts[mesh.ResolveHost(rule.Spec.GetHost(), rule.Namespace)]
	case mesh.KindServiceEntry:
		for _, host := range object.(*networking.ServiceEntry).Spec.GetHosts() {
			if p.hosts[host] {
				return true
			}
		}
		return false
	case mesh.KindAuthorizationPolicy, mesh.KindPeerAuthentication, mesh.KindNetworkPolicy, mesh.KindEnvoyFilter, mesh.KindConfigMap:
		return p.namespaces[key.Namespace]
	default:
		return p.keys[key]
	}
}

func (p *path) add(object mesh.Object) { p.keys[mesh.KeyOf(object)] = true }

func (p *path) addWorkload(workload *mesh.Workload) {
	if by := p.snapshot.InjectionOf(workload).By; by != nil {
		p.add(by.Configuration)
	}
	for _, service := range p.snapshot.ServicesSelecting(workload) {
		p.addService(service)
	}
	for _, virtualService := range p.snapshot.VirtualServices().All() {
		if p.leadsHere(virtualService) {
			p.addVirtualService(virtualService)
		}
	}
}

// addService adds a Service with the gateways and routes that lead to its exposed ports.
func (p *path) addService(service *core.Service) {
	p.add(service)
	p.hosts[mesh.ServiceHost(service)] = true
	for _, exposed := range p.snapshot.ExposedPortsOf(service) {
		for _, route := range p.snapshot.RoutesTo(service, exposed.Port.Port) {
			p.add(route.VirtualService)
			p.add(route.Holder)
			p.addGateway(route.Server.Gateway)
		}
		for _, backend := range p.snapshot.RouteBackendsTo(service, exposed.Port.Port) {
			p.add(backend.Route)
			for _, gateway := range backend.Gateways {
				p.add(gateway)
			}
		}
	}
}

// leadsHere says that a rule of the VirtualService names one of the path's Services, whether or not a gateway serves it.
func (p *path) leadsHere(virtualService *networking.VirtualService) bool {
	for _, rule := range virtualService.Spec.GetHttp() {
		for _, route := range rule.GetRoute() {
			if p.hosts[mesh.ResolveHost(route.GetDestination().GetHost(), virtualService.Namespace)] {
				return true
			}
		}
	}
	return false
}

func (p *path) addVirtualService(virtualService *networking.VirtualService) {
	p.add(virtualService)
	gateways, _ := p.snapshot.GatewaysOf(virtualService)
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
	for _, proxies := range p.snapshot.GatewayWorkloadsSelected(gateway) {
		p.namespaces[proxies.Namespace] = true
		p.keys[mesh.Key{Kind: mesh.KindNamespace, Name: proxies.Namespace}] = true
		if proxies.Workload != nil {
			p.add(proxies.Workload.Object)
		}
		for _, service := range proxies.Services {
			p.add(service)
		}
	}
}
