package oracle

import (
	"fmt"
	"math/rand/v2"

	admission "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	injectionLabel = "istio-injection"
	revisionLabel  = "istio.io/rev"
	injectLabel    = "sidecar.istio.io/inject"
)

// NewInjectionMesh makes a random set of injector webhooks with their configuration, a namespace and a pod to be made in it.
func NewInjectionMesh(seed uint64) (m *Mesh, pod *core.Pod) {
	maker := &maker{Rand: rand.New(rand.NewPCG(seed, 0x696e6a656374)), mesh: &Mesh{Seed: seed}}
	namespace := &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pick(maker, "shop", "shop", "shop", "kube-system", "kube-public")}}
	namespace.Labels = maker.injectionLabels()
	namespace.Labels[core.LabelMetadataName] = namespace.Name
	maker.mesh.Objects = append(maker.mesh.Objects, namespace)
	for _, revision := range some(maker, 3, "", "canary", "stable") {
		maker.mesh.Objects = append(maker.mesh.Objects, maker.injectorWebhooks(revision), maker.injectorConfig(revision))
	}
	pod = &core.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "server", Labels: maker.injectionLabels()}}
	pod.Labels["app"] = "server"
	if maker.chance(30) {
		pod.Annotations = map[string]string{injectLabel: pick(maker, "true", "false", "yes", "")}
	}
	pod.Spec = core.PodSpec{HostNetwork: maker.chance(10), Containers: []core.Container{{Name: "server", Image: "server"}}}
	return maker.mesh, pod
}

func (m *maker) injectionLabels() map[string]string {
	labels := map[string]string{}
	if m.chance(40) {
		labels[injectionLabel] = pick(m, "enabled", "disabled", "")
	}
	if m.chance(40) {
		labels[revisionLabel] = pick(m, "canary", "stable", "default", "nosuch")
	}
	if m.chance(25) {
		labels[injectLabel] = pick(m, "true", "false", "yes", "")
	}
	return labels
}

func (m *maker) injectorWebhooks(revision string) *admission.MutatingWebhookConfiguration {
	configuration := &admission.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: m.unique("injector")}}
	configuration.Labels = map[string]string{"app": "sidecar-injector", revisionLabel: orDefault(revision)}
	path := "/inject"
	for i := range m.between(1, 3) {
		configuration.Webhooks = append(configuration.Webhooks, admission.MutatingWebhook{
			Name:              fmt.Sprintf("w%d.injector.istio.io", i),
			ClientConfig:      admission.WebhookClientConfig{Service: &admission.ServiceReference{Namespace: rootNamespace, Name: "istiod", Path: &path}},
			NamespaceSelector: m.injectionSelector(revision),
			ObjectSelector:    m.injectionSelector(revision),
			Rules:             []admission.RuleWithOperations{m.webhookRule()},
		})
	}
	return configuration
}

func orDefault(revision string) string {
	if revision == "" {
		return "default"
	}
	return revision
}

func (m *maker) webhookRule() admission.RuleWithOperations {
	scope := pick(m, admission.AllScopes, admission.NamespacedScope, admission.NamespacedScope, admission.NamespacedScope)
	if m.chance(3) {
		scope = admission.ClusterScope
	}
	return admission.RuleWithOperations{
		Operations: pick(m, []admission.OperationType{admission.Create}, []admission.OperationType{admission.Create},
			[]admission.OperationType{admission.Create}, []admission.OperationType{admission.OperationAll}, []admission.OperationType{admission.Update}),
		Rule: admission.Rule{
			APIGroups:   pick(m, []string{""}, []string{""}, []string{""}, []string{""}, []string{"*"}, []string{"apps"}),
			APIVersions: pick(m, []string{"v1"}, []string{"v1"}, []string{"v1"}, []string{"v1"}, []string{"*"}, []string{"v2"}),
			Resources:   pick(m, []string{"pods"}, []string{"pods"}, []string{"pods"}, []string{"pods"}, []string{"*"}, []string{"*/*"}, []string{"pods/*"}, []string{"services"}),
			Scope:       &scope,
		},
	}
}

func (m *maker) injectionSelector(revision string) *metav1.LabelSelector {
	if m.chance(35) {
		return nil
	}
	selector := &metav1.LabelSelector{}
	for _, key := range some(m, pick(m, 1, 1, 2), injectionLabel, revisionLabel, injectLabel) {
		requirement := metav1.LabelSelectorRequirement{Key: key, Operator: pick(m, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpIn,
			metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
		if requirement.Operator == metav1.LabelSelectorOpIn || requirement.Operator == metav1.LabelSelectorOpNotIn {
			requirement.Values = pick(m, []string{"enabled"}, []string{orDefault(revision)}, []string{"true"}, []string{"false", "disabled"})
		}
		selector.MatchExpressions = append(selector.MatchExpressions, requirement)
	}
	if m.chance(5) {
		selector.MatchLabels = map[string]string{core.LabelMetadataName: "shop"}
	}
	return selector
}

// injectorConfig is the ConfigMap by which an injector decides.
func (m *maker) injectorConfig(revision string) *core.ConfigMap {
	name := "istio-sidecar-injector"
	if revision != "" {
		name += "-" + revision
	}
	text := "policy: " + pick(m, "enabled", "enabled", "enabled", "disabled", "off") + "\n"
	if m.chance(25) {
		text += "neverInjectSelector: [{matchLabels: {app: " + pick(m, "server", "other") + "}}]\n"
	}
	if m.chance(25) {
		text += "alwaysInjectSelector: [{matchExpressions: [{key: app, operator: " + pick(m, "Exists", "DoesNotExist") + "}]}, {}]\n"
	}
	text += "defaultTemplates: [sidecar]\ntemplates: {sidecar: \"metadata: {annotations: {injected: yes-it-is}}\"}\n"
	return &core.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: rootNamespace, Name: name},
		Data:       map[string]string{"config": text, "values": "{}"},
	}
}
