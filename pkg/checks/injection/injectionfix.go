package injection

import (
	"fmt"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// labelNamespace is the fix that sets an injection label on a namespace in place of those that it has, and makes the pods of
// its exposed workloads anew that are not as they would be then.
func labelNamespace(p *checks.Pass, namespace exposedNamespace, label proxy.InjectionLabel, level checks.FixLevel) checks.Fix {
	changed := proxy.WithInjectionLabel(namespace.Labels, label)
	text := fmt.Sprintf("Set the label %s on namespace %s", label, namespace.Name)
	for _, key := range []string{proxy.LabelInjection, proxy.LabelRevision} {
		if _, had := namespace.Labels[key]; had && key != label.Key {
			text += " and remove " + key
		}
	}
	reason := fmt.Sprintf("the injector webhook of revision %s selects this label", label.Revision)
	var changes []plan.Change
	if object, ok := p.Namespaces().Get("", namespace.Name); ok {
		changes = checks.Remedy(remedy.LabelNamespace(p.Snapshot, object, label, reason))
	}
	return relabel(p, namespace, changed, text, level, changes)
}

// dropNamespaceLabel is the fix that removes a label from a namespace, with the same care for its pods.
func dropNamespaceLabel(p *checks.Pass, namespace exposedNamespace, key, reason string) checks.Fix {
	text := fmt.Sprintf("Remove the label %s from namespace %s", key, namespace.Name)
	changes := checks.NamespaceLabels(p, namespace.Name, reason, proxy.InjectionLabel{Key: key})
	return relabel(p, namespace, withoutLabels(namespace.Labels, key), text, checks.Ask, changes)
}

// relabel completes a change of a namespace's labels: pods of exposed workloads that would be injected otherwise are made anew.
func relabel(p *checks.Pass, namespace exposedNamespace, changed map[string]string, text string, level checks.FixLevel, changes []plan.Change) checks.Fix {
	possible := len(changes) > 0
	var restarts []plan.Change
	for _, workload := range namespace.Workloads {
		injection := proxy.InjectionIn(p.Snapshot, namespace.Name, changed, workload.Template)
		if injection.Injected && !checks.GetsProxy(p, workload.Workload) {
			if why := checks.FailsWithProxy(p, workload.Workload, workload.Ports, injection.Revision); why != "" {
				return checks.Fix{Text: text + fmt.Sprintf(". Before that: %s.", why)}
			}
		}
		without, outdated := proxy.StalePods(p.Snapshot, workload.Workload, injection)
		if !injection.Injected || len(without)+len(outdated) == 0 {
			continue
		}
		possible = possible && workload.RenewsAllPods() && proxy.BlockedBy(p.Snapshot, injection) == nil
		restarts = append(restarts, checks.Restart(p, workload.Workload, "its pods are to be injected anew")...)
	}
	if len(restarts) > 0 {
		text += ", and restart the workloads there that serve gRPC"
	}
	if !possible {
		return checks.Fix{Text: text + ".", Level: checks.Words}
	}
	return checks.Fix{Text: text + ".", Level: level, Changes: append(changes, restarts...)}
}

// labelTemplate is the fix that sets an injection label on a pod template in place of those that it has, which makes the pods
// anew by itself. An annotation that says something else about injection goes.
func labelTemplate(p *checks.Pass, w exposedWorkload, label proxy.InjectionLabel, level checks.FixLevel) checks.Fix {
	text := fmt.Sprintf("Set the label %s on the pod template of %s", label, w.Key)
	for _, key := range []string{proxy.LabelInject, proxy.LabelRevision} {
		if _, had := w.Template.Labels[key]; had && key != label.Key {
			text += " and remove the label " + key
		}
	}
	if dropsAnnotation(w) {
		text += " and remove the annotation " + proxy.LabelInject
	}
	fix := checks.Fix{Text: text + ".", Level: level}
	if why := checks.FailsWithProxy(p, w.Workload, w.Ports, label.Revision); why != "" {
		return checks.Fix{Text: fix.Text + fmt.Sprintf(" Before that: %s.", why)}
	}
	if w.weak() && level == checks.Safe {
		fix.Level = checks.Ask
	}
	if !w.RenewsAllPods() {
		fix.Level = checks.Words
		return fix
	}
	reason := fmt.Sprintf("the injector webhook of revision %s selects this label of pods", label.Revision)
	fix.Changes = checks.Remedy(remedy.LabelTemplate(p.Snapshot, w.Workload, label, reason))
	if len(fix.Changes) > 0 && dropsAnnotation(w) {
		change := &fix.Changes[0]
		change.Edits = append(change.Edits, plan.Set(change.Object, nil, templateAnnotationPath(proxy.LabelInject)...))
	}
	return fix
}

// dropsAnnotation reports whether the template has an annotation that says something else about injection than that it is wanted.
func dropsAnnotation(w exposedWorkload) bool {
	value, had := w.Template.Annotations[proxy.LabelInject]
	return had && value != "true"
}

// removeFromTemplate is the fix that removes fields from a pod template, which makes the pods anew by itself; injection is what
// happens to them then.
func removeFromTemplate(p *checks.Pass, w exposedWorkload, injection proxy.Injection, text, reason string, fields ...plan.Path) checks.Fix {
	fix := checks.Fix{Text: text, Level: checks.Words}
	if why := checks.FailsWithProxy(p, w.Workload, w.Ports, injection.Revision); injection.Injected && why != "" {
		return checks.Fix{Text: text + fmt.Sprintf(" Before that: %s.", why)}
	}
	if by := proxy.BlockedBy(p.Snapshot, injection); by != nil {
		fix.Text = fmt.Sprintf("Bring the injector of revision %s back first: until then no pod of %s with a proxy can be made. Then %s%s",
			by.Revision, w.Key, strings.ToLower(text[:1]), text[1:])
		return fix
	}
	if !w.RenewsAllPods() {
		return fix
	}
	fix.Level = checks.Ask
	fix.Changes = checks.Update(p, w.Object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		var edits []plan.Edit
		for _, field := range fields {
			if _, there := field.Get(form.Object); there {
				edits = append(edits, plan.Set(form, nil, field...))
			}
		}
		return edits
	})
	return fix
}

// restartWorkload is the fix that makes a workload's pods anew, where they can be.
func restartWorkload(p *checks.Pass, w exposedWorkload) checks.Fix {
	by := proxy.BlockedBy(p.Snapshot, proxy.InjectionOf(p.Snapshot, w.Workload))
	switch {
	case by != nil:
		return checks.Fix{Text: fmt.Sprintf("Bring the injector of revision %s back first, then restart %s: until then no new pod of it can be made.", by.Revision, w.Key)}
	case w.Paused:
		return checks.Fix{Text: fmt.Sprintf("Resume the rollout of %s, and restart it.", w.Key)}
	case w.Partition() > 0:
		return checks.Fix{Text: fmt.Sprintf("Set the partition in the update strategy of %s to 0 once all its pods may have the present template, and restart it: "+
			"with partition %d a restart leaves the pods with lower ordinals as they are.", w.Key, w.Partition())}
	case !w.RenewsAllPods():
		return checks.Fix{Text: fmt.Sprintf("Delete the pods of %s one by one: its update strategy is OnDelete.", w.Key)}
	default:
		return checks.Fix{Text: fmt.Sprintf("Restart %s.", w.Key), Level: checks.Safe, Changes: checks.Restart(p, w.Workload, "new pods get the proxy that the injector gives now")}
	}
}

// podNames lists pods as evidence, the first few of them.
func podNames(pods []*core.Pod) string {
	const few = 3
	text := ""
	for i, pod := range pods {
		switch {
		case i == few:
			return fmt.Sprintf("%s and %d more", text, len(pods)-few)
		case i > 0:
			text += ", "
		}
		text += pod.Name
	}
	return text
}
