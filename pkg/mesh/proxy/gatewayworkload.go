package proxy

import (
	"cmp"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// GatewayWorkload is a set of proxies that act as a gateway: the pods of one workload (or, where only pods are known, of
// one set of labels) that Gateways can select.
type GatewayWorkload struct {
	// Workload is nil where only pods are known.
	Workload  *workload.Workload
	Namespace string
	// Labels are those of the pod template (or of the pods).
	Labels map[string]string
	Pods   []*core.Pod
	// Services are those that select the pods, in the pods' namespace, by name.
	Services []*core.Service
	// Template is what the pods are made from: the workload's, or where only pods are known the shape of the first one.
	Template *core.PodTemplateSpec
}

// Name is the workload's, or where only pods are known the first pod's.
func (w *GatewayWorkload) Name() string {
	switch {
	case w.Workload != nil:
		return w.Workload.Name()
	case len(w.Pods) > 0:
		return w.Pods[0].Name
	default:
		return ""
	}
}

// Key is the workload's, or where only pods are known that of the first pod.
func (w *GatewayWorkload) Key() mesh.Key {
	if w.Workload != nil {
		return w.Workload.Key
	}
	return mesh.Key{Kind: mesh.KindPod, Namespace: w.Namespace, Name: w.Name()}
}

// String is how messages name the workload: "Deployment istio-system/istio-ingressgateway".
func (w *GatewayWorkload) String() string {
	if w.Workload != nil {
		return w.Workload.Key.String()
	}
	return "Pod " + w.Namespace + "/" + w.Name()
}

// GatewayWorkloads are the gateway proxies of the cluster: ingress gateways that create can use, by namespace and name.
// Egress gateways, east-west gateways, waypoints, and proxies made by the Gateway API's controller are not among them. What
// the pods are decides (see gatewayRole); where that does not show, a Gateway that selects them and a Service in front.
func GatewayWorkloads(s *mesh.Snapshot) []*GatewayWorkload {
	return mesh.Remember(s, ingressMemory{}, func() []*GatewayWorkload {
		var ingress []*GatewayWorkload
		for _, workload := range GatewayCandidates(s) {
			if isIngress(workload) && (RoleOf(workload.Template) == RoleRouter || looksLikeGateway(s, workload)) {
				ingress = append(ingress, workload)
			}
		}
		return ingress
	})
}

type ingressMemory struct{}

// looksLikeGateway serves pods of which only the metadata is known.
func looksLikeGateway(s *mesh.Snapshot, workload *GatewayWorkload) bool {
	return len(workload.Services) > 0 && len(GatewaysSelecting(s, workload)) > 0
}

// GatewayWorkloadsSelected are the gateway proxies that an Istio Gateway's selector matches, in any namespace, by namespace
// and name. Pods that are plainly no gateways (application pods, waypoints) are not among them: istiod makes listeners from
// Gateways only for proxies of type router. Whether istiod looks across namespaces at all says GatewayInScope.
// Source: Istio pilot/pkg/model/push_context.go (PushContext.mergeGateways), Proxy.SetGatewaysForProxy in context.go.
func GatewayWorkloadsSelected(s *mesh.Snapshot, gateway *networking.Gateway) []*GatewayWorkload {
	selector := labels.Set(gateway.Spec.GetSelector())
	return mesh.Remember(s, selectedMemory(selector.String()), func() []*GatewayWorkload {
		var selected []*GatewayWorkload
		for _, workload := range GatewayCandidates(s) {
			if workload.IsSelectedBy(selector) {
				selected = append(selected, workload)
			}
		}
		return selected
	})
}

type selectedMemory string

// IsSelectedBy follows Istio's labels.Instance.SubsetOf: an empty selector matches every gateway.
func (w *GatewayWorkload) IsSelectedBy(selector labels.Set) bool {
	if mesh.HasLabels(w.Labels, selector) {
		return true
	}
	return slices.ContainsFunc(w.Pods, func(pod *core.Pod) bool { return mesh.HasLabels(pod.Labels, selector) })
}

type candidatesMemory struct{}

// GatewayCandidates are all proxies that may be gateways, by namespace and name.
func GatewayCandidates(s *mesh.Snapshot) []*GatewayWorkload {
	return mesh.Remember(s, candidatesMemory{}, func() []*GatewayWorkload {
		var candidates []*GatewayWorkload
		for _, w := range workload.Workloads(s) {
			if RoleOf(w.Template) != roleOther {
				candidates = append(candidates, &GatewayWorkload{
					Workload: w, Namespace: w.Namespace(), Labels: w.Template.Labels,
					Pods: workload.PodsOf(s, w), Template: w.Template,
				})
			}
		}
		candidates = append(candidates, podsWithoutWorkload(s)...)
		for _, candidate := range candidates {
			candidate.Services = servicesInFrontOf(s, candidate)
		}
		slices.SortStableFunc(candidates, func(a, b *GatewayWorkload) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name(), b.Name()))
		})
		return candidates
	})
}

// podsWithoutWorkload groups the pods of unknown owners by their labels: those of one ReplicaSet, or of a kind of owner that
// is not read.
func podsWithoutWorkload(s *mesh.Snapshot) []*GatewayWorkload {
	groups := map[string]*GatewayWorkload{}
	var ordered []*GatewayWorkload
	for _, pod := range workload.StrayPods(s) {
		template := workload.PodTemplate(pod)
		if RoleOf(template) == roleOther {
			continue
		}
		stable := workload.LabelsOfTemplate(pod.Labels)
		key := pod.Namespace + "/" + labels.Set(stable).String()
		if groups[key] == nil {
			groups[key] = &GatewayWorkload{Namespace: pod.Namespace, Labels: stable, Template: template}
			ordered = append(ordered, groups[key])
		}
		groups[key].Pods = append(groups[key].Pods, pod)
	}
	return ordered
}

// servicesInFrontOf follows getPodServices in Istio's pilot/pkg/serviceregistry/kube/controller/util.go: Services of the pod's
// own namespace; one without a selector selects nothing.
func servicesInFrontOf(s *mesh.Snapshot, workload *GatewayWorkload) []*core.Service {
	var services []*core.Service
	for _, service := range s.Services().In(workload.Namespace) {
		if len(service.Spec.Selector) > 0 && service.Spec.Type != core.ServiceTypeExternalName &&
			workload.IsSelectedBy(service.Spec.Selector) {
			services = append(services, service)
		}
	}
	return services
}

// isIngress leaves out what a user would not send calls from outside to.
func isIngress(workload *GatewayWorkload) bool {
	for _, key := range []string{"gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name", "gateway.istio.io/managed"} {
		if workload.Labels[key] != "" {
			return false
		}
	}
	for _, key := range []string{"istio", "app", "app.kubernetes.io/name", "operator.istio.io/component"} {
		value := strings.ToLower(workload.Labels[key])
		if strings.Contains(value, "egress") || strings.Contains(value, "eastwest") {
			return false
		}
	}
	return true
}
