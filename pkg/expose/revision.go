package expose

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// chooseLabel takes the one that --revision names, else istio-injection=enabled if a webhook selects it, else the only
// revision there is.
func (d *draft) chooseLabel(labels []proxy.InjectionLabel, onTemplate bool) (proxy.InjectionLabel, error) {
	if d.intent.Revision != "" {
		for _, label := range labels {
			if label.Value == d.intent.Revision || label.Key != proxy.LabelRevision && label.Revision == d.intent.Revision {
				return label, nil
			}
		}
		return proxy.InjectionLabel{}, refuse("Name one of them with --revision", "no injector webhook selects revision %q; there are:", d.intent.Revision).choices(revisionChoices(labels))
	}
	switch {
	case len(labels) == 0:
		return proxy.InjectionLabel{}, d.notInjectable(proxy.WhyNoLabelInjects(d.snapshot, d.workload, onTemplate))
	case labels[0].Key != proxy.LabelRevision || sameRevision(labels):
		return labels[0], nil
	}
	return proxy.InjectionLabel{}, refuse("Say which one: --revision NAME", "the mesh has several revisions that could inject %s:", d.workload.Key).choices(revisionChoices(labels))
}

// notInjectable refuses a workload that no label gets a proxy; reason says why, where the workload itself does not ask for none.
func (d *draft) notInjectable(reason string) error {
	if d.workload.Template.Labels[proxy.LabelInject] == "false" {
		reason = fmt.Sprintf("its pod template has the label %s=false", proxy.LabelInject)
	}
	return refuse("Change that in the workload, or go on without a proxy in the pods with --inject=none (the gateway balances all the same)",
		"no label makes an injector select the pods of %s: %s", d.workload.Key, reason)
}

func sameRevision(labels []proxy.InjectionLabel) bool {
	return !slices.ContainsFunc(labels, func(l proxy.InjectionLabel) bool { return l.Revision != labels[0].Revision })
}

func revisionChoices(labels []proxy.InjectionLabel) []string {
	var choices []string
	for _, label := range labels {
		choice := fmt.Sprintf("--revision %s   label %s=%s", label.Value, label.Key, label.Value)
		if label.Key != proxy.LabelRevision {
			choice = fmt.Sprintf("--revision %s   label %s=%s", label.Revision, label.Key, label.Value)
		} else if label.Revision != label.Value {
			choice += ", a tag of revision " + label.Revision
		}
		choices = append(choices, choice)
	}
	return choices
}
