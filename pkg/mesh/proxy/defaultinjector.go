package proxy

import (
	"fmt"

	admission "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultInjector is the webhooks of Istio's default revision, as its charts install them. It stands for the injector of a cluster that
// files are for, where nothing says otherwise.
// Source: Istio manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml.
func DefaultInjector() *admission.MutatingWebhookConfiguration {
	const in, notIn, absent = metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpDoesNotExist
	requires := func(key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelectorRequirement {
		return metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values}
	}
	selector := func(requirements ...metav1.LabelSelectorRequirement) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: requirements}
	}
	path, port, ignore := "/inject", int32(443), admission.Ignore
	configuration := &admission.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{
		Name: "istio-sidecar-injector", Labels: map[string]string{"app": "sidecar-injector", LabelRevision: "default"},
	}}
	add := func(name string, namespaces, pods *metav1.LabelSelector) {
		configuration.Webhooks = append(configuration.Webhooks, admission.MutatingWebhook{
			Name:              name + ".sidecar-injector.istio.io",
			NamespaceSelector: namespaces, ObjectSelector: pods, FailurePolicy: &ignore,
			ClientConfig: admission.WebhookClientConfig{Service: &admission.ServiceReference{
				Namespace: "istio-system", Name: "istiod", Path: &path, Port: &port,
			}},
			Rules: []admission.RuleWithOperations{{
				Operations: []admission.OperationType{admission.Create},
				Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		})
	}
	wanted := requires(LabelInject, notIn, "false")
	add("rev.namespace", selector(requires(LabelRevision, in, "default"), requires(LabelInjection, absent)), selector(wanted))
	add("rev.object", selector(requires(LabelRevision, absent), requires(LabelInjection, absent)), selector(wanted, requires(LabelRevision, in, "default")))
	add("namespace", selector(requires(LabelInjection, in, "enabled")), selector(wanted))
	add("object", selector(requires(LabelInjection, absent), requires(LabelRevision, absent)), selector(requires(LabelInject, in, "true"), requires(LabelRevision, absent)))
	return configuration
}

// DefaultInjectorText says what the default injector selects, for those who are told that it is assumed.
var DefaultInjectorText = fmt.Sprintf("the files hold no injector: Istio's default is assumed, which selects %s=enabled", LabelInjection)
