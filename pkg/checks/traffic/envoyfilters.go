package traffic

import (
	"fmt"
	"maps"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// hop is a proxy on the way to an exposed port.
type hop struct {
	policy.ProxyHop
	port *exposure.ExposedPort
	// gateway is nil for a sidecar.
	gateway *proxy.GatewayWorkload
	// name is how messages name the proxy.
	name string
}

// hopsTo are the proxies that calls from outside go through to the port: the gateways, by each of their routes, and the
// sidecars of the pods.
func hopsTo(p *checks.Pass, port *exposure.ExposedPort) []hop {
	var hops []hop
	for _, route := range gateway.RoutesTo(p.Snapshot, port.Service, port.Port.Port) {
		gateway, server := route.Server.Workload, route.Server
		if gateway == nil {
			continue
		}
		hops = append(hops, hop{port: port, gateway: gateway, name: checks.GatewayText(gateway), ProxyHop: policy.ProxyHop{
			Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: gateway.Namespace, Labels: gateway.Labels,
			ListenerPort: server.ListenerPort, RoutePort: int32(server.Spec.GetPort().GetNumber()),
			RouteConfiguration: server.RouteConfiguration(), Host: route.Host, Routes: []string{route.Name()},
			Template: proxyTemplate(gateway.Template, gateway.Pods),
		}})
	}
	for _, routed := range gatewayapi.RouteBackendsTo(p.Snapshot, port.Service, port.Port.Port) {
		for _, attached := range routed.Listeners {
			for _, workload := range gatewayapi.KubernetesGatewayWorkloads(p.Snapshot, attached.Gateway) {
				hops = append(hops, hop{port: port, gateway: workload, name: checks.GatewayText(workload), ProxyHop: policy.ProxyHop{
					Context: networkingapi.EnvoyFilter_GATEWAY, Namespace: workload.Namespace, Labels: workload.Labels,
					ListenerPort: attached.Listener.Port, RoutePort: attached.Listener.Port, Template: proxyTemplate(workload.Template, workload.Pods),
				}})
			}
		}
	}
	for _, backend := range checks.BackendsOf(p, port) {
		if backend.Enforces() {
			hops = append(hops, hop{port: port, name: fmt.Sprintf("the sidecars of %s", backend), ProxyHop: policy.ProxyHop{
				Context: networkingapi.EnvoyFilter_SIDECAR_INBOUND, Namespace: backend.Namespace, Labels: backend.Labels,
				ListenerPort: backend.Port, RoutePort: backend.Port,
				RouteConfiguration: fmt.Sprintf("inbound|%d||", backend.Port), Routes: []string{"default"}, Template: proxyTemplate(backend.Template, backend.Pods),
			}})
		}
	}
	return hops
}

// proxyTemplate is where a proxy shows its image: the spec of one of the pods, or else what they are made from.
func proxyTemplate(template *core.PodTemplateSpec, pods []*core.Pod) *core.PodTemplateSpec {
	for _, pod := range pods {
		if len(pod.Spec.Containers) > 0 {
			return &core.PodTemplateSpec{Spec: pod.Spec}
		}
	}
	return template
}

// eachPatch judges the patches of EnvoyFilters that change a proxy on the way to an exposed port, each with one such proxy after
// the other until judge says that it is done with the patch. Patches that take something away are left out. A filter that cannot
// be read is reported as skipped.
func eachPatch(p *checks.Pass, judge func(policy.EnvoyPatch, hop) (done bool)) {
	filters := p.EnvoyFilters().All()
	if len(filters) == 0 {
		return
	}
	hops := hopIndex{}
	for _, port := range checks.PortsInScope(p) {
		for _, hop := range hopsTo(p, port) {
			hops.add(hop)
		}
	}
	for _, filter := range filters {
		patches, err := policy.EnvoyPatches(p.Snapshot, filter)
		if err != nil {
			p.Skip(err.Error())
			continue
		}
		namespace := namespaceOfHops(p, filter)
		for _, patch := range patches {
			if patch.Spec.GetPatch().GetOperation() == networkingapi.EnvoyFilter_Patch_REMOVE {
				continue
			}
			for _, hop := range hops.with(namespace, patch.Selector()) {
				if policy.AppliesTo(p.Snapshot, patch, hop.ProxyHop) == policy.Always && judge(patch, hop) {
					break
				}
			}
		}
	}
}

// hopIndex has the proxies of each namespace, and of all, by each of their labels, and under none.
type hopIndex map[hopLabel][]hop

type hopLabel struct{ namespace, key, value string }

const anyNamespace = ""

// namespaceOfHops is where the proxies are that a filter may change.
func namespaceOfHops(p *checks.Pass, filter mesh.Object) string {
	if filter.GetNamespace() == proxy.RootNamespace(p.Snapshot) {
		return anyNamespace
	}
	return filter.GetNamespace()
}

func (x hopIndex) add(added hop) {
	for _, namespace := range []string{added.Namespace, anyNamespace} {
		none := hopLabel{namespace: namespace}
		x[none] = append(x[none], added)
		for key, value := range added.Labels {
			label := hopLabel{namespace, key, value}
			x[label] = append(x[label], added)
		}
	}
}

// with are the proxies of a namespace that may have the labels: those with the rarest of them.
func (x hopIndex) with(namespace string, selector map[string]string) []hop {
	rarest := x[hopLabel{namespace: namespace}]
	for key, value := range selector {
		if having := x[hopLabel{namespace, key, value}]; len(having) < len(rarest) {
			rarest = having
		}
	}
	return rarest
}

// walkValues visits every field of a piece of Envoy's configuration, with the fields on the way to it. Istio takes field names
// in both of JSON's spellings, stream_idle_timeout and streamIdleTimeout; here they come as they are written.
func walkValues(value any, path []string, visit func(path []string, value any)) {
	visit(path, value)
	switch typed := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(typed)) {
			walkValues(typed[key], append(path[:len(path):len(path)], key), visit)
		}
	case []any:
		for i, child := range typed {
			walkValues(child, append(path[:len(path):len(path)], fmt.Sprint(i)), visit)
		}
	}
}
