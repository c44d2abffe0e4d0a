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
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// planRestarts plans to make pods anew that have no proxy, or one of another revision, though new ones would get it. The pods of
// rollouts are made anew in any case; injected: new ones get the right proxy without a change of the plan's.
func (d *draft) planRestarts(rollouts []mesh.Key, injected bool) (restarts []mesh.Key, err error) {
	if d.intent.Restart == remedy.RestartNone {
		return nil, nil
	}
	workloads := []*workload.Workload{workload.Get(d.snapshot, d.workload.Key)}
	if d.intent.Restart == remedy.RestartNamespace {
		workloads = workload.WorkloadsIn(d.snapshot, d.workload.Namespace())
	}
	for _, workload := range workloads {
		if slices.Contains(rollouts, workload.Key) || gateway.IsInfrastructure(workload) {
			continue
		}
		reason, stale := d.stalePods(workload)
		if stale && injected && d.restarting(workload) {
			d.note("A rollout of %s is under way that gives its pods the proxy: it is waited for, and they are not restarted again", workload.Key.Argument())
			restarts = append(restarts, workload.Key)
			stale = false
		}
		if !stale || !d.mayRestart(workload) {
			continue
		}
		if err := d.planRestart(workload, reason); err != nil {
			return nil, err
		}
		restarts = append(restarts, workload.Key)
	}
	return restarts, nil
}

// restarting reports whether a rollout is under way that replaces every pod which should be restarted, so that another restart
// would only make it begin once more: all of them are from before the last restart, or of another template than the youngest
// pod, which has the right proxy.
func (d *draft) restarting(w *workload.Workload) bool {
	if !workload.IsRollingOut(w.Object) || !w.RollsOut() {
		return false
	}
	stale := slices.Concat(proxy.StalePods(d.snapshot, w, proxy.InjectionOf(d.snapshot, w)))
	fresh := slices.DeleteFunc(workload.LivePodsOf(d.snapshot, w), func(pod *core.Pod) bool { return slices.Contains(stale, pod) })
	restarted, err := time.Parse(time.RFC3339, w.Template.Annotations[workload.RestartedAtAnnotation])
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

// stalePods says whether pods of the workload should be made anew, and why.
func (d *draft) stalePods(w *workload.Workload) (reason string, stale bool) {
	injection := proxy.InjectionOf(d.snapshot, w)
	if !injection.Injected {
		return "", false
	}
	pods := workload.LivePodsOf(d.snapshot, w)
	without, outdated := proxy.StalePods(d.snapshot, w, injection)
	switch {
	case len(without) > 0:
		return fmt.Sprintf("%d of %s no proxy: made before injection", len(without), countOf(pods)), true
	case len(outdated) > 0:
		return fmt.Sprintf("%d of %s a proxy of another revision than %s", len(outdated), countOf(pods), injection.Revision), true
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

// mayRestart leaves other workloads alone whose pods no restart replaces; the named one is refused then.
func (d *draft) mayRestart(w *workload.Workload) bool {
	if w.Key == d.workload.Key || w.RollsOut() {
		return true
	}
	d.note("%s is left alone: it is paused, or its pods are made anew only when somebody deletes them", w.Key.Argument())
	return false
}

func (d *draft) planRestart(w *workload.Workload, reason string) error {
	if w.Key == d.workload.Key {
		if err := d.refuseRollout(); err != nil {
			return err
		}
	}
	if err := d.refuseWithoutInjector(w, "go on without a restart: --restart=none"); err != nil {
		return err
	}
	return d.add(remedy.Restart(d.snapshot, w, reason))
}

// refuseWithoutInjector refuses to make pods anew that the injector would not let be made; otherwise is another way.
func (d *draft) refuseWithoutInjector(w *workload.Workload, otherwise string) error {
	injection := proxy.InjectionOf(d.snapshot, w)
	if injection.By == nil {
		return nil
	}
	reason, unavailable := proxy.InjectorUnavailable(d.snapshot, injection.By)
	if !unavailable {
		return nil
	}
	return refuse("Bring the control plane back first; or "+otherwise,
		"the injector is down (%s): a restart of %s would leave no pods", reason, w.Key)
}

// refuseRollout refuses to change a pod template whose pods would not be made anew by that.
func (d *draft) refuseRollout() error {
	if d.workload.Paused {
		return refuse(fmt.Sprintf("Resume it (kubectl rollout resume %s), or go on without a restart: --restart=none",
			inert.Command(d.workload.Key.Argument(), "-n", d.workload.Namespace())),
			"%s is paused: its pods need to be made anew to get a proxy, and a paused Deployment makes none", d.workload.Key)
	}
	if d.workload.UpdatesOnDelete() {
		return refuse("Go on with --restart=none and delete the pods one by one, or set its update strategy to RollingUpdate",
			"the pods of %s are made anew only when somebody deletes them: its update strategy is OnDelete", d.workload.Key)
	}
	return nil
}
