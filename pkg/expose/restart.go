package expose

import (
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// RestartedAtAnnotation on a pod template is what kubectl rollout restart sets, too.
const RestartedAtAnnotation = mesh.RestartedAtAnnotation

func (b *builder) planRestarts() error {
	if b.intent.Restart == RestartNone {
		return nil
	}
	workloads := []*mesh.Workload{b.snapshot.Workload(b.workload.Key)}
	if b.intent.Restart == RestartNamespace {
		workloads = b.snapshot.WorkloadsIn(b.workload.Namespace())
	}
	for _, workload := range workloads {
		reason, stale := b.stalePods(workload)
		if !stale || slices.Contains(b.result.Rollouts, workload.Key) || b.snapshot.IsInfrastructure(workload) {
			continue
		}
		if err := b.planRestart(workload, reason); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) stalePods(workload *mesh.Workload) (reason string, stale bool) {
	injection := b.snapshot.InjectionOf(workload)
	if !injection.Injected {
		return "", false
	}
	without, outdated := 0, 0
	pods := b.snapshot.PodsOf(workload)
	for _, pod := range pods {
		proxy, has := mesh.ProxyOf(pod)
		switch {
		case !has:
			without++
		case proxy.Revision != "" && proxy.Revision != injection.Revision:
			outdated++
		}
	}
	switch {
	case without > 0:
		return fmt.Sprintf("%d of %s no proxy: made before injection", without, countOf(pods)), true
	case outdated > 0:
		return fmt.Sprintf("%d of %s a proxy of another revision than %s", outdated, countOf(pods), injection.Revision), true
	default:
		return "", false
	}
}

func countOf(pods []*core.Pod) string {
	if len(pods) == 1 {
		return "1 pod has"
	}
	return fmt.Sprintf("%d pods have", len(pods))
}

func (b *builder) planRestart(workload *mesh.Workload, reason string) error {
	if workload.Key == b.workload.Key {
		if err := b.refuseRollout(); err != nil {
			return err
		}
	} else if paused(workload) || updatesOnDelete(workload) {
		b.note("%s is left alone: it is paused, or its pods are made anew only when somebody deletes them", argumentOf(workload))
		return nil
	}
	if unavailable, err := b.injectorUnavailable(workload); unavailable {
		return err
	}
	object, err := mesh.ToUnstructured(workload.Object)
	if err != nil {
		return err
	}
	b.result.Rollouts = append(b.result.Rollouts, workload.Key)
	return b.update(plan.Restart, workload.Object, reason,
		plan.Set(object, workload.RestartedAt(b.snapshot.Now()), "spec", "template", "metadata", "annotations", RestartedAtAnnotation))
}

func (b *builder) injectorUnavailable(workload *mesh.Workload) (bool, error) {
	injection := b.snapshot.InjectionOf(workload)
	if injection.By == nil {
		return false, nil
	}
	reason, unavailable := b.snapshot.InjectorUnavailable(injection.By)
	if !unavailable {
		return false, nil
	}
	return true, refuse("Bring the control plane back first; or go on without a restart: --restart=none",
		"the injector is down (%s): a restart of %s would leave no pods", reason, workload.Key)
}

func (b *builder) refuseRollout() error {
	if paused(b.workload) {
		return refuse(fmt.Sprintf("Resume it (kubectl rollout resume %s -n %s), or go on without a restart: --restart=none",
			argumentOf(b.workload), b.workload.Namespace()),
			"%s is paused: its pods need to be made anew to get a proxy, and a paused Deployment makes none", b.workload.Key)
	}
	if updatesOnDelete(b.workload) {
		return refuse("Go on with --restart=none and delete the pods one by one, or set its update strategy to RollingUpdate",
			"the pods of %s are made anew only when somebody deletes them: its update strategy is OnDelete", b.workload.Key)
	}
	return nil
}

// paused says that a Deployment's changes wait for a resume.
func paused(w *mesh.Workload) bool { return w.Paused }

// updatesOnDelete says that a StatefulSet's or DaemonSet's pods are only made anew when somebody deletes them.
func updatesOnDelete(w *mesh.Workload) bool {
	switch object := w.Object.(type) {
	case *apps.StatefulSet:
		return object.Spec.UpdateStrategy.Type == apps.OnDeleteStatefulSetStrategyType
	case *apps.DaemonSet:
		return object.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType
	default:
		return false
	}
}
