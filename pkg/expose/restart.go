package expose

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// RestartedAtAnnotation on a pod template is what kubectl rollout restart sets, too.
const RestartedAtAnnotation = workload.RestartedAtAnnotation

// planRestarts plans to make pods anew that have no proxy, or one of another revision, though new ones would get it.
func (b *builder) planRestarts() error {
	if b.intent.Restart == RestartNone {
		return nil
	}
	workloads := []*workload.Workload{workload.Get(b.snapshot, b.workload.Key)}
	if b.intent.Restart == RestartNamespace {
		workloads = workload.WorkloadsIn(b.snapshot, b.workload.Namespace())
	}
	for _, workload := range workloads {
		if slices.Contains(b.result.Rollouts, workload.Key) || gateway.IsInfrastructure(workload) {
			continue
		}
		reason, stale := b.stalePods(workload)
		if stale && b.restarting(workload) {
			b.note("A rollout of %s is under way that gives its pods the proxy: it is waited for, and they are not restarted again", argumentOf(workload))
			b.result.Rollouts = append(b.result.Rollouts, workload.Key)
			stale = false
		}
		if !stale {
			continue
		}
		if err := b.planRestart(workload, reason); err != nil {
			return err
		}
	}
	return nil
}

var restartedAtPath = plan.Path{"spec", "template", "metadata", "annotations", RestartedAtAnnotation}

// restarting reports whether a rollout is under way that replaces every pod which should be restarted, so that another restart
// would only make it begin once more: all of them are from before the last restart, or of another template than the youngest
// pod, which has the right proxy.
func (b *builder) restarting(workload *workload.Workload) bool {
	if !b.injected || !rollingOut(workload.Object) || !workload.RollsOut() {
		return false
	}
	var stale, fresh []*core.Pod
	injection := proxy.InjectionOf(b.snapshot, workload)
	for _, pod := range livePods(b.snapshot, workload) {
		if isWithoutProxy(pod) || isOutdated(pod, injection) {
			stale = append(stale, pod)
		} else {
			fresh = append(fresh, pod)
		}
	}
	restarted, err := time.Parse(time.RFC3339, workload.Template.Annotations[RestartedAtAnnotation])
	return err == nil && allBefore(stale, restarted) || allOfOlderTemplates(stale, fresh)
}

func allBefore(pods []*core.Pod, moment time.Time) bool {
	return !slices.ContainsFunc(pods, func(pod *core.Pod) bool {
		return pod.CreationTimestamp.IsZero() || !pod.CreationTimestamp.Time.Before(moment)
	})
}

// allOfOlderTemplates reports whether the youngest of all pods is a fresh one and no stale pod is of its template: the controller
// then has its template for the current one. Sources: Kubernetes pkg/controller/deployment/sync.go (getNewReplicaSet),
// pkg/controller/history/controller_history.go for the labels.
func allOfOlderTemplates(stale, fresh []*core.Pod) bool {
	if len(fresh) == 0 {
		return false
	}
	youngest := slices.MaxFunc(fresh, func(a, b *core.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	current := templateHash(youngest)
	return current != "" && allBefore(stale, youngest.CreationTimestamp.Time) &&
		!slices.ContainsFunc(stale, func(pod *core.Pod) bool { return templateHash(pod) == current })
}

// templateHash tells pods of different templates of one workload apart, empty where nothing does.
func templateHash(pod *core.Pod) string {
	return cmp.Or(pod.Labels[apps.DefaultDeploymentUniqueLabelKey], pod.Labels[apps.ControllerRevisionHashLabelKey])
}

// livePods are the workload's pods without those that are about to end.
func livePods(s *mesh.Snapshot, w *workload.Workload) []*core.Pod {
	return slices.DeleteFunc(slices.Clone(workload.PodsOf(s, w)), func(pod *core.Pod) bool { return pod.DeletionTimestamp != nil })
}

func rollingOut(workload mesh.Object) bool {
	switch object := workload.(type) {
	case *apps.Deployment:
		return object.Generation > object.Status.ObservedGeneration || object.Status.UpdatedReplicas < object.Status.Replicas
	case *apps.StatefulSet:
		return object.Generation > object.Status.ObservedGeneration || object.Status.UpdatedReplicas < object.Status.Replicas
	case *apps.DaemonSet:
		return object.Generation > object.Status.ObservedGeneration || object.Status.UpdatedNumberScheduled < object.Status.DesiredNumberScheduled
	default:
		return false
	}
}

func isWithoutProxy(pod *core.Pod) bool {
	_, has := proxy.ProxyOf(pod)
	return !has
}

func isOutdated(pod *core.Pod, injection proxy.Injection) bool {
	proxy, has := proxy.ProxyOf(pod)
	return has && proxy.Revision != "" && proxy.Revision != injection.Revision
}

// stalePods says whether pods of the workload should be made anew, and why.
func (b *builder) stalePods(workload *workload.Workload) (reason string, stale bool) {
	injection := proxy.InjectionOf(b.snapshot, workload)
	if !injection.Injected {
		return "", false
	}
	without, outdated := 0, 0
	pods := livePods(b.snapshot, workload)
	for _, pod := range pods {
		switch {
		case isWithoutProxy(pod):
			without++
		case isOutdated(pod, injection):
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

func (b *builder) planRestart(workload *workload.Workload, reason string) error {
	if workload.Key == b.workload.Key {
		if err := b.refuseRollout(); err != nil {
			return err
		}
	} else if !workload.RollsOut() {
		b.note("%s is left alone: it is paused, or its pods are made anew only when somebody deletes them", argumentOf(workload))
		return nil
	}
	if unavailable, err := b.injectorUnavailable(workload, "go on without a restart: --restart=none"); unavailable {
		return err
	}
	object, err := mesh.ToUnstructured(workload.Object)
	if err != nil {
		return err
	}
	b.result.Rollouts = append(b.result.Rollouts, workload.Key)
	return b.update(plan.Restart, workload.Object, reason, plan.Set(object, workload.RestartedAt(b.snapshot.Now()), restartedAtPath...))
}

// injectorUnavailable refuses to make pods anew that the injector would not let be made; otherwise is another way.
func (b *builder) injectorUnavailable(workload *workload.Workload, otherwise string) (bool, error) {
	injection := proxy.InjectionOf(b.snapshot, workload)
	if injection.By == nil {
		return false, nil
	}
	reason, unavailable := proxy.InjectorUnavailable(b.snapshot, injection.By)
	if !unavailable {
		return false, nil
	}
	return true, refuse("Bring the control plane back first; or "+otherwise,
		"the injector is down (%s): a restart of %s would leave no pods", reason, workload.Key)
}

// refuseRollout refuses to change a pod template whose pods would not be made anew by that.
func (b *builder) refuseRollout() error {
	if b.workload.Paused {
		return refuse(fmt.Sprintf("Resume it (kubectl rollout resume %s), or go on without a restart: --restart=none",
			inert.Command(argumentOf(b.workload), "-n", b.workload.Namespace())),
			"%s is paused: its pods need to be made anew to get a proxy, and a paused Deployment makes none", b.workload.Key)
	}
	if b.workload.UpdatesOnDelete() {
		return refuse("Go on with --restart=none and delete the pods one by one, or set its update strategy to RollingUpdate",
			"the pods of %s are made anew only when somebody deletes them: its update strategy is OnDelete", b.workload.Key)
	}
	return nil
}
