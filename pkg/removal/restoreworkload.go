package removal

import (
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// restoreServices restores the ports of Services in front of the workloads, and of those in front of nothing any more.
func (r *remover) restoreServices() error {
	for _, namespace := range r.namespaces {
		for _, service := range r.before.Services().In(namespace) {
			if plan.IsOwn(service) || !r.isInFront(service) || r.isGatewayService(service) {
				continue
			}
			needs := func(path plan.Path) []string {
				if port := portAt(service, path); port != nil {
					return r.routesTo(service, port.Port)
				}
				return nil
			}
			if err := r.restore(service, needs); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *remover) isInFront(service *core.Service) bool {
	behind := workload.WorkloadsOf(r.before, service)
	return r.undoesAllOf(service.Namespace) || len(behind) == 0 || slices.ContainsFunc(behind, func(workload *workload.Workload) bool {
		return slices.Contains(r.workloads, workload.Key)
	})
}

func (r *remover) isGatewayService(service *core.Service) bool {
	return slices.ContainsFunc(proxy.GatewayWorkloads(r.before), func(pods *proxy.GatewayWorkload) bool {
		return slices.Contains(pods.Services, service)
	})
}

// restoreNamespaces restores the injection labels, unless a workload that serves gRPC has its proxy by them.
func (r *remover) restoreNamespaces() error {
	for _, name := range r.namespaces {
		if reason, unknown := r.before.Unknown(mesh.KindNamespace, "", name); unknown {
			r.removal.Unknown = append(r.removal.Unknown, mesh.Gap{Kind: mesh.KindNamespace, Name: name, Reason: reason})
			continue
		}
		namespace, ok := r.before.Namespaces().Get("", name)
		if !ok || namespace.Annotations[plan.UndoAnnotation] == "" {
			continue
		}
		if pods, webhooks := r.know(mesh.KindPod, name), r.know(mesh.KindWebhook, ""); !pods || !webhooks {
			continue
		}
		if err := r.restoreNamespace(namespace); err != nil {
			return err
		}
	}
	return nil
}

// restoreNamespace restores all labels of a namespace or none: they were changed together.
func (r *remover) restoreNamespace(namespace *core.Namespace) error {
	target, notes, err := r.notesOf(namespace)
	if err != nil || len(notes) == 0 {
		return err
	}
	change := plan.Change{Action: plan.Update, Object: target, Undo: plan.Forget, Reason: "create labelled it for injection"}
	for _, note := range notes {
		r.restoreField(&change, note)
	}
	without, err := projection.Of(r.after, []plan.Change{change})
	if err != nil {
		return err
	}
	needing, others := r.injectedBy(namespace.Name, without)
	if len(needing) > 0 && !r.options.Force {
		r.keep(fieldText(target, notes[0]), needing)
		return nil
	}
	if others = append(others, needing...); len(others) > 0 && r.options.Restart != remedy.RestartNamespace {
		r.note("The proxies of %s stay until those pods are restarted, which --restart=namespace does", inert.List(others, 8))
	}
	r.addRestoring(change)
	r.after = without
	return nil
}

// injectedBy are the workloads of a namespace, other than those that are removed, that have a proxy and would lose it: those
// that need it, because they serve gRPC, and the others. A workload that has its proxy from a restart of create's, and that
// create does not expose any more, has no need of it: its own delete left the proxy only because of its neighbours.
func (r *remover) injectedBy(namespace string, without *mesh.Snapshot) (needing, others []string) {
	for _, w := range workload.WorkloadsIn(r.after, namespace) {
		now := workload.Get(without, w.Key)
		switch {
		case slices.Contains(r.workloads, w.Key), now == nil, !proxy.HasAny(r.before, w), proxy.InjectionOf(without, now).Injected:
		case r.servesGRPC(w) && (!isRestartedByCreate(w) || madeFor(r.after)[w.Key]):
			needing = append(needing, w.Key.Argument())
		default:
			others = append(others, w.Key.Argument())
		}
	}
	return needing, others
}

func isRestartedByCreate(w *workload.Workload) bool {
	return strings.Contains(w.Object.GetAnnotations()[plan.UndoAnnotation], workload.RestartedAtAnnotation)
}

func (r *remover) servesGRPC(w *workload.Workload) bool {
	if len(exposure.GRPCCandidates(r.after, w)) > 0 {
		return true
	}
	return slices.ContainsFunc(workload.ServicesSelecting(r.after, w), func(service *core.Service) bool {
		return len(exposure.ExposedPortsOf(r.after, service)) > 0
	})
}

// restoreWorkloads restores the pod templates, which replaces the pods: last, and only where the new pods differ.
func (r *remover) restoreWorkloads() error {
	for _, namespace := range r.namespaces {
		for _, kind := range workload.Kinds {
			r.know(kind, namespace)
		}
		for _, workload := range workload.WorkloadsIn(r.before, namespace) {
			if err := r.restoreWorkload(workload); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *remover) restoreWorkload(workload *workload.Workload) error {
	asked := slices.Contains(r.workloads, workload.Key)
	if !asked && r.options.Restart != remedy.RestartNamespace {
		return nil
	}
	target, notes, err := r.notesOf(workload.Object)
	if err != nil {
		return err
	}
	change := plan.Change{Action: plan.Restart, Object: target, Undo: plan.Forget, Reason: "create restarted it for a proxy"}
	for _, note := range notes {
		switch {
		case !slices.Equal(note.Path, remedy.RestartedAt):
			if asked {
				change.Reason = "create labelled its pods"
				r.restoreField(&change, note)
			}
		case !r.keepsProxy(workload):
			r.restoreRestart(&change, workload, note)
		case !r.isLabelOurs(workload.Namespace()):
			// The next pods would have a proxy again: a restart would change nothing, now or later.
			change.Forgotten = append(change.Forgotten, note.Path)
		}
	}
	if len(change.Edits) == 0 && !asked && len(notes) == 0 && r.losesProxy(workload) {
		return r.restartAnew(workload)
	}
	if !projection.ChangesTemplate(change) {
		change.Action = plan.Update
	} else if r.options.Restart == remedy.RestartNone {
		r.note("%s keeps its proxies until its pods are restarted: --restart=none", workload.Key)
		return nil
	}
	r.addRestoring(change)
	if projection.ChangesTemplate(change) {
		r.rollOut(workload)
	}
	return nil
}

// isLabelOurs reports whether the namespace's injection label is still noted as create's after the removal: the last workload
// that needs it takes it away, and the proxies with it.
func (r *remover) isLabelOurs(name string) bool {
	namespace, ok := r.after.Namespaces().Get("", name)
	return ok && namespace.Annotations[plan.UndoAnnotation] != ""
}

// keepsProxy reports whether new pods of the workload get the proxy that the present ones have, as the labels are after the removal.
func (r *remover) keepsProxy(w *workload.Workload) bool {
	after := workload.Get(r.after, w.Key)
	if after == nil {
		return false
	}
	injection := proxy.InjectionOf(r.after, after)
	_, outdated := proxy.StalePods(r.before, w, injection)
	return injection.Injected && len(outdated) == 0
}

// losesProxy reports whether pods have a proxy that new ones would not have.
func (r *remover) losesProxy(workload *workload.Workload) bool {
	return !r.keepsProxy(workload) && proxy.InjectionOf(r.before, workload).Injected && proxy.HasAny(r.before, workload)
}

// restoreRestart takes the annotation of create's restart away, which makes the template what it was and so restarts the pods.
func (r *remover) restoreRestart(change *plan.Change, workload *workload.Workload, note plan.Note) {
	now, _ := note.Path.Get(change.Object.Object)
	if plan.Fulfilled(now, note.New) {
		r.restoreField(change, note)
		return
	}
	change.Forgotten = append(change.Forgotten, note.Path)
	r.note("Somebody has restarted %s since: its pods keep their proxies until they are restarted (kubectl rollout restart %s)",
		workload.Key, inert.Command(workload.Key.Argument(), "-n", workload.Namespace()))
}

// restartAnew restarts a workload that create did not restart, and that --restart=namespace means.
func (r *remover) restartAnew(workload *workload.Workload) error {
	if !workload.RollsOut() {
		return nil
	}
	change, err := remedy.Restart(r.before, workload, "its pods have proxies that new ones do not get any more")
	if err != nil {
		return err
	}
	r.removal.Plan.Changes = append(r.removal.Plan.Changes, change)
	r.removal.Rollouts = append(r.removal.Rollouts, workload.Key)
	return nil
}

// rollOut has the workload's pods waited for, unless they are not replaced by themselves.
func (r *remover) rollOut(workload *workload.Workload) {
	name := inert.Command(workload.Key.Argument(), "-n", workload.Namespace())
	switch {
	case workload.Paused:
		r.note("%s is paused: its pods stay as they are until it is resumed (kubectl rollout resume %s)", workload.Key, name)
	case workload.UpdatesOnDelete():
		r.note("The pods of %s stay as they are until you delete them, one by one: its update strategy is OnDelete", workload.Key)
	default:
		r.removal.Rollouts = append(r.removal.Rollouts, workload.Key)
	}
}
