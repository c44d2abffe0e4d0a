package lint

import (
	"maps"
	"slices"
	"strings"

	securityapi "istio.io/api/security/v1beta1"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	security "istio.io/client-go/pkg/apis/security/v1"
	core "k8s.io/api/core/v1"
	k8snetworking "k8s.io/api/networking/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// sameGateway: a route that is bound to no server, and a Gateway without routes that it may be meant for. That is a Gateway of the
// name that the route gives, in whatever namespace, or any of the namespace where it looks for one.
func sameGateway(_ *mesh.Snapshot, finding checks.Finding) keys {
	named := func(name string) string { return "gateway named " + name }
	within := func(namespace string) string { return "gateway in " + namespace }
	object := finding.Object
	if kind, _ := mesh.KindOfObject(object); kind == mesh.KindGateway || kind == mesh.KindKubernetesGateway {
		return under(named(object.GetName()), within(object.GetNamespace()))
	}
	meant := []string{within(object.GetNamespace())}
	for _, reference := range gatewayReferences(object) {
		namespace, name, qualified := strings.Cut(reference, "/")
		if !qualified {
			namespace, name = object.GetNamespace(), reference
		}
		name, _, _ = strings.Cut(name, ".") // the old form name.namespace.svc.cluster.local
		meant = append(meant, named(name), within(namespace))
	}
	return under(meant...)
}

// gatewayReferences are the Gateways that a route names: "name" or "namespace/name".
func gatewayReferences(object mesh.Object) []string {
	var references []string
	parents := func(spec *gatewayapi.CommonRouteSpec) {
		for _, parent := range spec.ParentRefs {
			reference := string(parent.Name)
			if parent.Namespace != nil {
				reference = string(*parent.Namespace) + "/" + reference
			}
			references = append(references, reference)
		}
	}
	switch route := object.(type) {
	case *networking.VirtualService:
		references = append(references, route.Spec.GetGateways()...)
		for _, rule := range route.Spec.GetHttp() {
			for _, match := range rule.GetMatch() {
				references = append(references, match.GetGateways()...)
			}
		}
	case *gatewayapi.GRPCRoute:
		parents(&route.Spec.CommonRouteSpec)
	case *gatewayapi.HTTPRoute:
		parents(&route.Spec.CommonRouteSpec)
	}
	return references
}

type destinationsMemory mesh.Key

// sameDestination: an object that says how a host is called, and a route with a destination of that host.
func sameDestination(snapshot *mesh.Snapshot, finding checks.Finding) keys {
	switch object := finding.Object.(type) {
	case *networking.DestinationRule:
		return under("host " + host.ResolveHost(object.Spec.GetHost(), object.Namespace))
	case *core.Service:
		return under("host " + host.ServiceHost(object))
	case *networking.VirtualService:
		return mesh.Remember(snapshot, destinationsMemory(mesh.KeyOf(object)), func() keys {
			hosts := map[string]bool{}
			for _, rule := range object.Spec.GetHttp() {
				for _, route := range rule.GetRoute() {
					hosts["host "+host.ResolveHost(route.GetDestination().GetHost(), object.Namespace)] = true
				}
			}
			return under(slices.Sorted(maps.Keys(hosts))...)
		})
	default:
		return keys{}
	}
}

// sameWorkload: policies of one namespace that apply to a common workload. One without selector applies to all. What a DENY policy
// does, only its own fault explains.
func sameWorkload(snapshot *mesh.Snapshot, finding checks.Finding) keys {
	policy, ok := finding.Object.(*security.AuthorizationPolicy)
	if !ok {
		return keys{}
	}
	wide, narrow := "wide policy in "+policy.Namespace, "narrow policy in "+policy.Namespace
	object := "policy " + mesh.KeyOf(policy).String()
	explained := func(keys ...string) []string {
		if policy.Spec.GetAction() == securityapi.AuthorizationPolicy_DENY {
			return []string{object}
		}
		return append(keys, object)
	}
	selector := policy.Spec.GetSelector().GetMatchLabels()
	if len(selector) == 0 {
		return keys{explains: []string{wide, narrow, object}, explained: explained(wide)}
	}
	var workloads []string
	for _, workload := range workload.WorkloadsSelected(snapshot, policy.Namespace, selector) {
		workloads = append(workloads, workload.Key.String())
	}
	return keys{explains: append(slices.Clone(workloads), wide, object), explained: explained(append(workloads, narrow)...)}
}

// sameFront: what leads calls from outside to one gateway's Service. An Ingress is before the Services that it names.
func sameFront(_ *mesh.Snapshot, finding checks.Finding) keys {
	front := func(namespace, name string) string { return "front " + namespace + "/" + name }
	switch object := finding.Object.(type) {
	case *core.Service:
		return under(front(object.Namespace, object.Name))
	case *k8snetworking.Ingress:
		var fronts []string
		for _, name := range workload.ServicesOfIngress(object) {
			fronts = append(fronts, front(object.Namespace, name))
		}
		return under(fronts...)
	default:
		return keys{}
	}
}
