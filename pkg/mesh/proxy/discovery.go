package proxy

import (
	"slices"

	meshapi "istio.io/api/mesh/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// discovers reports whether a control plane with this configuration looks at a namespace with these labels: discoverySelectors
// leave out those that none of them matches; without any, and with one that is invalid, all namespaces are looked at.
// Source: Istio's pkg/kube/namespace/filter.go (Filter, selectorsChanged).
func (c *MeshConfig) discovers(namespaceLabels map[string]string) bool {
	selectors := make([]labels.Selector, 0, len(c.GetDiscoverySelectors()))
	for _, selector := range c.GetDiscoverySelectors() {
		parsed, err := metav1.LabelSelectorAsSelector(labelSelectorOf(selector))
		if err != nil {
			return true
		}
		selectors = append(selectors, parsed)
	}
	return len(selectors) == 0 || slices.ContainsFunc(selectors, func(selector labels.Selector) bool {
		return selector.Matches(labels.Set(namespaceLabels))
	})
}

func labelSelectorOf(selector *meshapi.LabelSelector) *metav1.LabelSelector {
	if selector == nil {
		return nil
	}
	converted := &metav1.LabelSelector{MatchLabels: selector.GetMatchLabels()}
	for _, expression := range selector.GetMatchExpressions() {
		converted.MatchExpressions = append(converted.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: expression.GetKey(), Operator: metav1.LabelSelectorOperator(expression.GetOperator()), Values: expression.GetValues(),
		})
	}
	return converted
}

// Undiscovered are the mesh configs because of which no control plane looks at the namespace; none if one does.
func Undiscovered(s *mesh.Snapshot, namespace string) []*MeshConfig {
	namespaceLabels := NamespaceLabels(s, namespace)
	configs := MeshConfigs(s)
	if slices.ContainsFunc(configs, func(config *MeshConfig) bool { return config.discovers(namespaceLabels) }) {
		return nil
	}
	return configs
}

// DiscoveryLabels are labels that make the control plane look at a namespace that has these now: what the first of its
// discoverySelectors that can be met by adding labels asks for. ok is false if there is none such.
func (c *MeshConfig) DiscoveryLabels(namespaceLabels map[string]string) (missing map[string]string, ok bool) {
	for _, selector := range c.GetDiscoverySelectors() {
		missing := map[string]string{}
		for key, value := range selector.GetMatchLabels() {
			missing[key] = value
		}
		for _, expression := range selector.GetMatchExpressions() {
			if metav1.LabelSelectorOperator(expression.GetOperator()) == metav1.LabelSelectorOpIn && len(expression.GetValues()) > 0 {
				missing[expression.GetKey()] = expression.GetValues()[0]
			}
		}
		whole := labels.Merge(namespaceLabels, missing)
		if _, fixed := missing["kubernetes.io/metadata.name"]; !fixed && len(missing) > 0 && c.discovers(whole) {
			return missing, true
		}
	}
	return nil, false
}
