package proxy

import (
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// GatewayTrust are gateway workloads by whose they are. istiod gives a Gateway to the proxies of every namespace that carry the labels
// of its selector, so everyone who may create pods can join in; only those of the Gateway's own namespace, or of the mesh's
// root namespace, are nobody else's.
// Source: Istio pilot/pkg/model/push_context.go (mergeGateways), pilot/pkg/features/pilot.go (PILOT_SCOPE_GATEWAY_TO_NAMESPACE).
type GatewayTrust struct {
	// Own are in the Gateway's namespace, Root in the mesh's root namespace where that is another one, Elsewhere in any other.
	Own, Root, Elsewhere []*GatewayWorkload
}

// TrustOf sorts workloads that a Gateway selects by whose they are.
func TrustOf(s *mesh.Snapshot, gateway *networking.Gateway, workloads []*GatewayWorkload) GatewayTrust {
	var trust GatewayTrust
	root := RootNamespace(s)
	for _, workload := range workloads {
		switch workload.Namespace {
		case gateway.Namespace:
			trust.Own = append(trust.Own, workload)
		case root:
			trust.Root = append(trust.Root, workload)
		default:
			trust.Elsewhere = append(trust.Elsewhere, workload)
		}
	}
	return trust
}

// Serving is the one workload on which the Gateway is meant to be; nil where nothing tells. trusted is false for the only one
// there is, if it is elsewhere.
func (t GatewayTrust) Serving() (serving *GatewayWorkload, trusted bool) {
	for _, group := range [][]*GatewayWorkload{t.Own, t.Root, t.Elsewhere} {
		switch len(group) {
		case 0:
			continue
		case 1:
			return group[0], len(t.Own)+len(t.Root) > 0
		default:
			return nil, false
		}
	}
	return nil, false
}

// Platform are all workloads that the Gateway can mean: those that are nobody else's, else those of the one namespace in which
// there are any. None where the selector alone does not tell.
func (t GatewayTrust) Platform() []*GatewayWorkload {
	if trusted := slices.Concat(t.Own, t.Root); len(trusted) > 0 {
		return trusted
	}
	if slices.ContainsFunc(t.Elsewhere, func(w *GatewayWorkload) bool { return w.Namespace != t.Elsewhere[0].Namespace }) {
		return nil
	}
	return t.Elsewhere
}

// SameGateway is the gateway workload as another Snapshot has it.
func SameGateway(s *mesh.Snapshot, gateway *GatewayWorkload) *GatewayWorkload {
	for _, candidate := range GatewayWorkloads(s) {
		if candidate.Key() == gateway.Key() {
			return candidate
		}
	}
	return gateway
}

// MainService is the Service through which calls from outside come: a load balancer's before the others. There is at least one.
func MainService(services []*core.Service) *core.Service {
	for _, service := range services {
		if service.Spec.Type == core.ServiceTypeLoadBalancer {
			return service
		}
	}
	return services[0]
}
