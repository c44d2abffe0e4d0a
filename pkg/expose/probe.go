package expose

import (
	"maps"
	"slices"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// ProbePod is a pod like those that the plan's rollout of the workload makes, fit to be judged now, before the namespace
// has its label: where the pod would not be injected yet, it carries the label that makes the same injector take it. It is
// nil where the plan makes no new pods.
func ProbePod(before *mesh.Snapshot, result *Result) *core.Pod {
	key := result.Workload.Key
	if !slices.Contains(result.Rollouts, key) {
		return nil
	}
	after, now := workload.Get(result.After, key), workload.Get(before, key)
	template := after.Template.DeepCopy()
	labels := maps.Clone(template.Labels)
	revision := proxy.InjectionOf(result.After, after).Revision
	if !proxy.InjectionOfPod(before, key.Namespace, template).Injected {
		for _, label := range proxy.TemplateInjectionLabels(before, now) {
			if label.Revision == revision {
				labels = proxy.WithInjectionLabel(labels, label)
				break
			}
		}
	}
	return &core.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, GenerateName: key.Name + "-", Labels: labels, Annotations: template.Annotations,
		},
		Spec: template.Spec,
	}
}
