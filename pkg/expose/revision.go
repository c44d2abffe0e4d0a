package expose

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// chooseLabel takes the one that --revision names, else istio-injection=enabled if a webhook selects it, else the only
// revision there is.
func (b *builder) chooseLabel(labels []mesh.InjectionLabel, onTemplate bool) (mesh.InjectionLabel, error) {
	if b.intent.Revision != "" {
		for _, label := range labels {
			if label.Value == b.intent.Revision || label.Key != mesh.LabelRevision && label.Revision == b.intent.Revision {
				return label, nil
			}
		}
		return mesh.InjectionLabel{}, refuse("Name one of them with --revision", "no injector webhook selects revision %q; there are:", b.intent.Revision).choices(revisionChoices(labels))
	}
	switch {
	case len(labels) == 0:
		return mesh.InjectionLabel{}, b.notInjectable(b.snapshot.WhyNoLabelInjects(b.workload, onTemplate))
	case labels[0].Key != mesh.LabelRevision || sameRevision(labels):
		return labels[0], nil
	}
	return mesh.InjectionLabel{}, refuse("Say which one: --revision NAME", "the mesh has several revisions that could inject %s:", b.workload.Key).choices(revisionChoices(labels))
}

// notInjectable refuses a workload that no label gets a proxy; reason says why, where the workload itself does not ask for none.
func (b *builder) notInjectable(reason string) error {
	if b.workload.Template.Labels[mesh.LabelInject] == "false" {
		reason = fmt.Sprintf("its pod template has the label %s=false", mesh.LabelInject)
	}
	return refuse("Change that in the workload, or go on without a proxy in the pods with --inject=none (the gateway balances all the same)",
		"no label makes an injector select the pods of %s: %s", b.workload.Key, reason)
}

func sameRevision(labels []mesh.InjectionLabel) bool {
	return !slices.ContainsFunc(labels, func(l mesh.InjectionLabel) bool { return l.Revision != labels[0].Revision })
}

func revisionChoices(labels []mesh.InjectionLabel) []string {
	var choices []string
	for _, label := range labels {
		choice := fmt.Sprintf("--revision %s   label %s=%s", label.Value, label.Key, label.Value)
		if label.Key != mesh.LabelRevision {
			choice = fmt.Sprintf("--revision %s   label %s=%s", label.Revision, label.Key, label.Value)
		} else if label.Revision != label.Value {
			choice += ", a tag of revision " + label.Revision
		}
		choices = append(choices, choice)
	}
	return choices
}
