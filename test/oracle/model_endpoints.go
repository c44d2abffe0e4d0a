package oracle

import (
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// tlsModeLabel is what Istio's injector sets on the pods that take mutual TLS.
const tlsModeLabel = "security.istio.io/tlsMode"

// tellEndpoints gives the addresses of the pods that a Service port, and a subset of it, leads to, and, where the cluster decides
// it for each of them, which are called by Istio's mutual TLS.
func (a *modelAnswer) tellEndpoints(cluster string, service *core.Service, port *core.ServicePort, subset map[string]string, automatic bool) {
	var addresses []string
	for _, pod := range workload.PodsSelected(a.snapshot, service.Namespace, service.Spec.Selector) {
		number, _, ok := workload.TargetPort(port, &core.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec})
		if !ok || !isReady(pod) || !mesh.HasLabels(pod.Labels, subset) {
			continue
		}
		text := address(pod.Status.PodIP, int(number))
		takes := automatic && pod.Labels[tlsModeLabel] == "istio" &&
			policy.MutualTLSMode(a.snapshot, pod.Namespace, pod.Labels, number) != policy.MutualTLSDisable
		if takes {
			text += " " + byMutualTLS
		}
		addresses = append(addresses, text)
	}
	slices.Sort(addresses)
	a.set(topicEndpoint, cluster, strings.Join(addresses, ", "))
}

func isReady(pod *core.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(condition core.PodCondition) bool {
		return condition.Type == core.PodReady && condition.Status == core.ConditionTrue
	})
}
