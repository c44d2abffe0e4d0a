package checks

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// InjectionDisabled reports whether the namespace's label istio-injection is not in the way by being there, but by what it says.
func InjectionDisabled(namespaceLabels map[string]string) bool {
	return namespaceLabels[proxy.LabelInjection] == "disabled"
}

// overridesOptOut reports whether a change sets or removes a label of injection on a namespace with istio-injection=disabled, or on
// a pod template in one: somebody chose that, and no fix overrides it.
func overridesOptOut(snapshot *mesh.Snapshot, changes []plan.Change) bool {
	return slices.ContainsFunc(changes, func(change plan.Change) bool {
		touches := slices.ContainsFunc(change.Edits, func(edit plan.Edit) bool {
			on := edit.Path[:max(0, len(edit.Path)-1)]
			return slices.Contains(injectionKeys, edit.Path[len(edit.Path)-1]) && len(on) > 0 && slices.Contains([]string{"labels", "annotations"}, on[len(on)-1])
		})
		return touches && InjectionDisabled(proxy.NamespaceLabels(snapshot, NamespaceOf(change)))
	})
}

// injectionKeys are the labels by which pods are injected.
var injectionKeys = []string{proxy.LabelInjection, proxy.LabelRevision, proxy.LabelInject}
