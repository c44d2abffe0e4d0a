package injection

import (
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// istioObject is an object on the path of gRPC calls that istiod has to read, and the control planes that ought to.
type istioObject struct {
	mesh.Object
	kind mesh.Kind
	// istiods are never none.
	istiods []proxy.Istiod
	// relevance is what the object has to do with gRPC.
	relevance checks.Relevance
}

// istioObjectReads are the kinds of these objects, and istioObjectConsults those that say whether they are on a path.
var (
	istioObjectReads    = []mesh.Kind{mesh.KindVirtualService, mesh.KindGateway, mesh.KindDeployment, mesh.KindWebhook}
	istioObjectConsults = consultsBeside(istioObjectReads, slices.DeleteFunc([]mesh.Kind{
		mesh.KindDestinationRule, mesh.KindServiceEntry, mesh.KindPeerAuthentication, mesh.KindAuthorizationPolicy,
		mesh.KindService, mesh.KindStatefulSet, mesh.KindDaemonSet,
	}, func(kind mesh.Kind) bool { return slices.Contains(checks.ExposureConsults, kind) })...)
)

// candidates are all objects of these kinds, on a path or not.
func candidates(p *checks.Pass) []mesh.Object {
	return slices.Concat(
		asObjects(p.VirtualServices().All()), asObjects(p.Gateways().All()), asObjects(p.ServiceEntries().All()), asObjects(p.DestinationRules().All()),
		asObjects(p.PeerAuthentications().All()), asObjects(p.AuthorizationPolicies().All()), asObjects(p.KubernetesGateways().All()),
		asObjects(p.GRPCRoutes().All()), asObjects(p.HTTPRoutes().All()),
	)
}

func asObjects[T mesh.Object](typed []T) []mesh.Object {
	objects := make([]mesh.Object, len(typed))
	for i, object := range typed {
		objects[i] = object
	}
	return objects
}

// istioObjects collects the objects on the path, each once.
type istioObjects struct {
	p     *checks.Pass
	found []istioObject
	seen  map[mesh.Key]bool
}

func istioObjectsOnPath(p *checks.Pass) []istioObject {
	objects := &istioObjects{p: p, seen: map[mesh.Key]bool{}}
	objects.addRoutes()
	objects.addGateways()
	objects.addGatewayAPI()
	objects.addPolicies()
	return objects.found
}

// add takes an object in that proxies of these revisions need. Where it is not known whose they are, it is left out.
func (o *istioObjects) add(object mesh.Object, relevance checks.Relevance, revisions ...string) {
	key := mesh.KeyOf(object)
	if o.seen[key] {
		return
	}
	if len(revisions) == 0 {
		revisions = []string{""}
	}
	var istiods []proxy.Istiod
	for _, revision := range revisions {
		istiods = append(istiods, proxy.IstiodsOf(o.p.Snapshot, revision)...)
	}
	if len(istiods) > 0 {
		o.seen[key] = true
		o.found = append(o.found, istioObject{object, key.Kind, istiods, relevance})
	}
}

func revisionsOf(gateways []*proxy.GatewayWorkload) []string {
	var revisions []string
	for _, gateway := range gateways {
		if revision := gateway.Revision(); !slices.Contains(revisions, revision) {
			revisions = append(revisions, revision)
		}
	}
	return revisions
}

// addRoutes adds VirtualServices, the delegates that they name, and ServiceEntries to which they lead.
func (o *istioObjects) addRoutes() {
	for _, root := range o.p.VirtualServices().All() {
		relevance := o.p.VirtualServiceRelevance(root)
		if host.IsDelegate(root) || !o.p.InScope(relevance) {
			continue
		}
		revisions := revisionsOf(o.p.GatewaysServing(root))
		o.add(root, relevance, revisions...)
		for _, rule := range host.HTTPRules(o.p.Snapshot, root) {
			ofRule := o.p.RuleRelevance(rule)
			if !o.p.InScope(ofRule) {
				continue
			}
			o.add(rule.Holder, ofRule, revisions...)
			for _, destination := range host.Destinations(o.p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				if destination.Service != nil {
					continue
				}
				for _, entry := range host.ServiceEntriesByHost(o.p.Snapshot, destination.Host) {
					o.add(entry, ofRule, revisions...)
				}
			}
		}
	}
}

func (o *istioObjects) addGateways() {
	for _, gateway := range o.p.Gateways().All() {
		most := checks.PlainHTTP
		for _, server := range gateway.Spec.GetServers() {
			most = max(most, o.p.ServerRelevance(gateway, server))
		}
		if o.p.InScope(most) {
			o.add(gateway, most, revisionsOf(proxy.GatewayWorkloadsSelected(o.p.Snapshot, gateway))...)
		}
	}
}

func (o *istioObjects) addGatewayAPI() {
	for _, route := range gatewayapi.APIRoutes(o.p.Snapshot) {
		relevance := o.p.APIRouteRelevance(route)
		if !o.p.InScope(relevance) {
			continue
		}
		var gateways []*proxy.GatewayWorkload
		byIstio := !route.ForGateways()
		for _, parent := range gatewayapi.GatewayParents(o.p.Snapshot, route) {
			if parent.Gateway == nil || !gatewayapi.IsIstioIngress(o.p.Snapshot, parent.Gateway) {
				continue
			}
			byIstio = true
			proxies := gatewayapi.KubernetesGatewayWorkloads(o.p.Snapshot, parent.Gateway)
			gateways = append(gateways, proxies...)
			o.add(parent.Gateway, relevance, revisionsOf(proxies)...)
		}
		if byIstio {
			o.add(route.Object, relevance, revisionsOf(gateways)...)
		}
	}
}

// addPolicies adds DestinationRules of exposed hosts, and the policies that are in force in the pods behind exposed ports.
func (o *istioObjects) addPolicies() {
	revisions := map[string][]string{}
	for _, port := range exposure.ExposedPorts(o.p.Snapshot) {
		name := host.ServiceHost(port.Service)
		for _, revision := range revisionsOf(exposure.GatewaysTo(o.p.Snapshot, port)) {
			if !slices.Contains(revisions[name], revision) {
				revisions[name] = append(revisions[name], revision)
			}
		}
	}
	for _, rule := range o.p.DestinationRules().All() {
		if o.p.HostInScope(rule.Spec.GetHost(), rule.Namespace) {
			o.add(rule, checks.CertainGRPC, revisions[host.ResolveHost(rule.Spec.GetHost(), rule.Namespace)]...)
		}
	}
	byNamespace := map[string][]exposedWorkload{}
	for _, w := range exposedWorkloads(o.p) {
		for _, namespace := range []string{w.Namespace(), proxy.RootNamespace(o.p.Snapshot)} {
			byNamespace[namespace] = append(byNamespace[namespace], w)
		}
	}
	for _, policy := range o.p.PeerAuthentications().All() {
		o.addPolicy(policy, byNamespace[policy.Namespace], policy.Spec.GetSelector().GetMatchLabels())
	}
	for _, policy := range o.p.AuthorizationPolicies().All() {
		if len(policy.Spec.GetTargetRefs()) == 0 && policy.Spec.GetTargetRef() == nil {
			o.addPolicy(policy, byNamespace[policy.Namespace], policy.Spec.GetSelector().GetMatchLabels())
		}
	}
}

// addPolicy adds a policy that selects one of the workloads, for the control planes of their proxies.
func (o *istioObjects) addPolicy(policy mesh.Object, workloads []exposedWorkload, selector map[string]string) {
	var revisions []string
	relevance := checks.PlainHTTP
	for _, w := range workloads {
		if !mesh.HasLabels(w.Template.Labels, selector) {
			continue
		}
		relevance = max(relevance, checks.LikelyGRPC)
		if !w.weak() {
			relevance = checks.CertainGRPC
		}
		if revision := proxyRevision(o.p, w); !slices.Contains(revisions, revision) {
			revisions = append(revisions, revision)
		}
	}
	if relevance > checks.PlainHTTP {
		o.add(policy, relevance, revisions...)
	}
}

// proxyRevision is that of the proxies of a workload's pods, or where none run, of those that new pods would get; empty for neither.
func proxyRevision(p *checks.Pass, w exposedWorkload) string {
	pods := workload.LivePodsOf(p.Snapshot, w.Workload)
	if i := slices.IndexFunc(pods, func(pod *core.Pod) bool { _, has := proxy.OfWorkload(p.Snapshot, pod); return has }); i >= 0 {
		found, _ := proxy.OfWorkload(p.Snapshot, pods[i])
		return found.Revision
	}
	return proxy.InjectionOf(p.Snapshot, w.Workload).Revision
}

// symptomOfUnread is what clients see where nobody reads an object of the kind.
func symptomOfUnread(kind mesh.Kind) string {
	switch kind {
	case mesh.KindGateway, mesh.KindKubernetesGateway:
		return "UNAVAILABLE or UNIMPLEMENTED: the gateway has no listener, or another Gateway's, for these calls"
	case mesh.KindVirtualService, mesh.KindGRPCRoute, mesh.KindHTTPRoute:
		return "UNIMPLEMENTED: the gateway has no route for the calls"
	case mesh.KindServiceEntry:
		return "UNAVAILABLE: the gateway does not know the host"
	default:
		return "none by itself: the policy is not in force"
	}
}

// isSameSubject reports whether two objects of one kind say something about the same thing, as a pair of objects does that two
// revisions read.
func isSameSubject(a, b mesh.Object) bool {
	switch one := a.(type) {
	case *networking.VirtualService:
		other := b.(*networking.VirtualService)
		if host.IsDelegate(one) {
			return host.IsDelegate(other) && one.Namespace == other.Namespace
		}
		return slices.ContainsFunc(one.Spec.GetHosts(), func(name string) bool { return slices.Contains(other.Spec.GetHosts(), name) })
	case *networking.Gateway:
		other := b.(*networking.Gateway)
		for _, server := range one.Spec.GetServers() {
			for _, twin := range other.Spec.GetServers() {
				if server.GetPort().GetNumber() == twin.GetPort().GetNumber() &&
					slices.ContainsFunc(server.GetHosts(), func(name string) bool { return slices.Contains(twin.GetHosts(), name) }) {
					return true
				}
			}
		}
		return false
	case *networking.DestinationRule:
		other := b.(*networking.DestinationRule)
		return host.ResolveHost(one.Spec.GetHost(), one.Namespace) == host.ResolveHost(other.Spec.GetHost(), other.Namespace)
	default:
		return a.GetNamespace() == b.GetNamespace()
	}
}
