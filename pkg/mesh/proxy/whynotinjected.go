package proxy

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// WhyNoLabelInjects says, as a clause, what keeps every injector webhook from the workload's pods whatever injection label its
// namespace or template gets: what the injector itself goes by, or the selector of the webhook that comes nearest. It names the
// label, annotation or webhook.
func WhyNoLabelInjects(s *mesh.Snapshot, w *workload.Workload, onTemplate bool) string {
	injectors := slices.DeleteFunc(slices.Clone(Injectors(s)), (*Injector).Deactivated)
	if len(injectors) == 0 {
		return "every injector webhook is switched off (its selectors match nothing)"
	}
	namespaceLabels := NamespaceLabels(s, w.Namespace())
	var nearest []string
	for _, injector := range injectors {
		onNamespace, onPods := namespaceLabels, w.Template.Labels
		if onTemplate {
			onPods = withLabelsOf(injector.pods, onPods)
		} else {
			onNamespace = withLabelsOf(injector.namespaces, onNamespace)
		}
		failing := append(unmet(injector.namespaces, onNamespace, "namespace "+w.Namespace()), unmet(injector.pods, onPods, "the pod template")...)
		if len(failing) == 0 {
			if why := injectorConfigOf(s, injector).leavesOut(w.Namespace(), w.Template); why != "" {
				return why
			}
			continue
		}
		for i := range failing {
			failing[i] = fmt.Sprintf("webhook %s of %s %s", injector.Webhook.Name, injector.Configuration.Name, failing[i])
		}
		if nearest == nil || len(failing) < len(nearest) {
			nearest = failing
		}
	}
	return strings.Join(nearest, "; ")
}

// withLabelsOf are labels with the injection labels that a selector asks for, and without those that it shuts out.
func withLabelsOf(selector labels.Selector, now map[string]string) map[string]string {
	requirements, _ := selector.Requirements()
	for _, requirement := range requirements {
		key := requirement.Key()
		if !slices.Contains([]string{LabelInjection, LabelRevision, LabelInject}, key) {
			continue
		}
		set := map[string]string{}
		for name, value := range now {
			set[name] = value
		}
		switch {
		case asksForValue(requirement):
			set[key] = requirement.ValuesUnsorted()[0]
		case requirement.Operator() == selection.DoesNotExist && key != LabelInject:
			delete(set, key)
		}
		now = set
	}
	return now
}

// unmet are the requirements of a selector that the labels do not meet, as clauses about whose labels they are.
func unmet(selector labels.Selector, have map[string]string, whose string) []string {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return []string{"has a selector that matches nothing"}
	}
	var failing []string
	for _, requirement := range requirements {
		if requirement.Matches(labels.Set(have)) {
			continue
		}
		is := "has no label " + requirement.Key()
		if value, there := have[requirement.Key()]; there {
			is = fmt.Sprintf("has the label %s=%s", requirement.Key(), value)
		}
		failing = append(failing, fmt.Sprintf("selects by %q, and %s %s", requirement.String(), whose, is))
	}
	return failing
}
