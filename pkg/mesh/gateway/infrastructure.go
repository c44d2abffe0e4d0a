package gateway

import (
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// componentLabel is set by Istio's charts on what they make: Pilot, IngressGateways, Ztunnel, Cni.
const componentLabel = "operator.istio.io/component"

// infrastructureLabels are labels with values that only Istio's charts use.
var infrastructureLabels = map[string][]string{
	"app": {
		"istiod", "ztunnel", "istio-cni-node", "istio-ingressgateway", "istio-egressgateway", "istio-eastwestgateway",
	},
	"app.kubernetes.io/name": {"istiod", "ztunnel", "istio-cni"},
	"istio":                  {"istiod", "pilot", "ingressgateway", "egressgateway", "eastwestgateway"},
	"k8s-app":                {"istio-cni-node", "ztunnel"},
}

// IsInfrastructure reports whether a workload is the control plane's, a gateway, a waypoint or ztunnel.
// Source: Istio manifests/charts (labels), pilot/cmd/pilot-agent/app/cmd.go (the proxy's types: sidecar, router, waypoint,
// ztunnel), pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go (labels of what the Gateway API controller makes).
func IsInfrastructure(w *workload.Workload) bool {
	if _, made := w.Object.GetLabels()[componentLabel]; made {
		return true
	}
	return isInfrastructurePod(w.Template.Labels, w.Template.Annotations, &w.Template.Spec)
}

// IsInfrastructureService says the same of a Service: all that it selects is infrastructure, or it selects nothing that is
// there and is labelled, or selects, as Istio's own charts do.
func IsInfrastructureService(s *mesh.Snapshot, service *core.Service) bool {
	if workloads := workload.WorkloadsOf(s, service); len(workloads) > 0 {
		return !slices.ContainsFunc(workloads, func(w *workload.Workload) bool { return !IsInfrastructure(w) })
	}
	if pods := workload.PodsSelected(s, service.Namespace, service.Spec.Selector); len(pods) > 0 {
		return !slices.ContainsFunc(pods, func(pod *core.Pod) bool {
			return !isInfrastructurePod(pod.Labels, pod.Annotations, &pod.Spec)
		})
	}
	return hasInfrastructureLabels(service.Labels) || hasInfrastructureLabels(service.Spec.Selector)
}

func isInfrastructurePod(labels, annotations map[string]string, spec *core.PodSpec) bool {
	if hasInfrastructureLabels(labels) {
		return true
	}
	template := &core.PodTemplateSpec{Spec: *spec}
	template.Labels, template.Annotations = labels, annotations
	return proxy.RoleOf(template) == proxy.RoleRouter || runsProxyAlone(template)
}

func hasInfrastructureLabels(labels map[string]string) bool {
	for _, label := range []string{componentLabel, proxy.GatewayManagedLabel, proxy.GatewayNameLabel} {
		if _, set := labels[label]; set {
			return true
		}
	}
	for label, values := range infrastructureLabels {
		if slices.Contains(values, labels[label]) {
			return true
		}
	}
	return false
}

// runsProxyAlone reports whether the proxy serves no application: there is none beside it, or its injection template is a waypoint's.
func runsProxyAlone(template *core.PodTemplateSpec) bool {
	names := proxy.InjectionTemplates(template)
	containers := template.Spec.Containers
	return slices.Contains(names, "waypoint") || len(containers) == 1 && containers[0].Name == workload.ProxyContainer
}
