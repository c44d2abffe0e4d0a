package proxy

import (
	"net/url"
	"slices"
	"strings"

	admission "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// The labels that Istio's injector webhooks select by, and those that say what a webhook configuration is.
const (
	// LabelInjection on a namespace turns injection on ("enabled") or off.
	LabelInjection = "istio-injection"
	// LabelRevision on a namespace or a pod names the revision, or the tag of one, that is to inject.
	LabelRevision = "istio.io/rev"
	// LabelTag on a webhook configuration names the revision tag that it stands for.
	LabelTag = "istio.io/tag"
	// LabelInject on a pod, and the annotation of the same name, asks for a proxy ("true") or for none ("false").
	LabelInject = "sidecar.istio.io/inject"
)

// DefaultRevision is what a control plane without a revision calls itself.
const DefaultRevision = "default"

// Injector is a webhook that injects proxies into pods.
type Injector struct {
	Configuration *admission.MutatingWebhookConfiguration
	Webhook       *admission.MutatingWebhook
	// Revision is the control plane revision whose proxies it injects (a tag is resolved).
	Revision string
	// Tag is the revision tag that the configuration stands for, empty for a revision's own webhooks.
	Tag string

	namespaces labels.Selector
	pods       labels.Selector
}

type injectorsMemory struct{}

// Injectors are all injector webhooks, by configuration and order, which is the order in which the API server calls them.
// An injector webhook is called when pods are made, at the path /inject or one below it; or its configuration says that it
// is one with the label app=sidecar-injector.
// Source: Istio's pkg/kube/inject/webhook.go (NewWebhook) for the paths, and its chart istio-discovery,
// templates/mutatingwebhook.yaml and revision-tags-mwc.yaml; for the order
// k8s.io/apiserver's pkg/admission/configuration/mutating_webhook_manager.go.
func Injectors(s *mesh.Snapshot) []*Injector {
	s.Read(mesh.KindWebhook)
	return mesh.Remember(s, injectorsMemory{}, func() []*Injector {
		var injectors []*Injector
		for _, configuration := range s.Webhooks().All() {
			for i := range configuration.Webhooks {
				webhook := &configuration.Webhooks[i]
				if isInjector(configuration, webhook) {
					injectors = append(injectors, newInjector(configuration, webhook))
				}
			}
		}
		return injectors
	})
}

func isInjector(configuration *admission.MutatingWebhookConfiguration, webhook *admission.MutatingWebhook) bool {
	if !slices.ContainsFunc(webhook.Rules, coversNewPods) {
		return false
	}
	path := webhookPath(webhook)
	return configuration.Labels["app"] == "sidecar-injector" || path == "/inject" || strings.HasPrefix(path, "/inject/")
}

func webhookPath(webhook *admission.MutatingWebhook) string {
	switch client := webhook.ClientConfig; {
	case client.Service != nil && client.Service.Path != nil:
		return *client.Service.Path
	case client.URL != nil:
		if parsed, err := url.Parse(*client.URL); err == nil {
			return parsed.Path
		}
	}
	return ""
}

// coversNewPods reports whether a webhook rule takes the creation of pods.
// Source: k8s.io/apiserver's pkg/admission/plugin/webhook/predicates/rules/rules.go.
func coversNewPods(rule admission.RuleWithOperations) bool {
	inNamespaces := rule.Scope == nil || *rule.Scope == admission.AllScopes || *rule.Scope == admission.NamespacedScope
	creates := slices.Contains(rule.Operations, admission.Create) || slices.Contains(rule.Operations, admission.OperationAll)
	return inNamespaces && creates && listsOrAll(rule.APIGroups, "") && listsOrAll(rule.APIVersions, "v1") &&
		slices.ContainsFunc(rule.Resources, func(resource string) bool {
			return resource == "*" || resource == "pods" || resource == "*/*" || resource == "pods/*"
		})
}

func listsOrAll(list []string, item string) bool {
	return slices.Contains(list, item) || slices.Contains(list, "*")
}

func newInjector(configuration *admission.MutatingWebhookConfiguration, webhook *admission.MutatingWebhook) *Injector {
	return &Injector{
		Configuration: configuration,
		Webhook:       webhook,
		Revision:      injectorRevision(configuration, webhook),
		Tag:           configuration.Labels[LabelTag],
		namespaces:    webhookSelector(webhook.NamespaceSelector),
		pods:          webhookSelector(webhook.ObjectSelector),
	}
}

// injectorRevision is the revision of the control plane behind a webhook: the label istio.io/rev of its configuration,
// which holds the revision even where the configuration is a tag's; else what follows istiod- in its Service's name.
func injectorRevision(configuration *admission.MutatingWebhookConfiguration, webhook *admission.MutatingWebhook) string {
	if revision := configuration.Labels[LabelRevision]; revision != "" {
		return revision
	}
	if service := webhook.ClientConfig.Service; service != nil {
		if revision, ok := strings.CutPrefix(service.Name, "istiod-"); ok && revision != "" {
			return revision
		}
	}
	return DefaultRevision
}

// webhookSelector is a webhook's selector; one that is not set selects everything, one that the API server would not take
// selects nothing.
func webhookSelector(selector *metav1.LabelSelector) labels.Selector {
	if selector == nil {
		return labels.Everything()
	}
	return workload.SelectorOf(selector)
}

// selects reports whether the API server calls the webhook for a new pod with these labels in a namespace with those. Match
// conditions, which Istio's webhooks do not have, are taken to hold.
func (i *Injector) selects(namespaceLabels, podLabels map[string]string) bool {
	return i.namespaces.Matches(labels.Set(namespaceLabels)) && i.pods.Matches(labels.Set(podLabels))
}

// FailsClosed reports whether no pod is made while the webhook cannot be called.
func (i *Injector) FailsClosed() bool {
	return i.Webhook.FailurePolicy == nil || *i.Webhook.FailurePolicy == admission.Fail
}

// Deactivated reports whether the webhook was switched off: istioctl gives the webhooks that a default tag replaces a selector
// that nothing is meant to match.
// Source: Istio's istioctl/pkg/util/common.go (NeverMatch).
func (i *Injector) Deactivated() bool {
	isOff := func(selector *metav1.LabelSelector) bool {
		return selector != nil && selector.MatchLabels["istio.io/deactivated"] == "never-match"
	}
	return isOff(i.Webhook.NamespaceSelector) || isOff(i.Webhook.ObjectSelector)
}

// SelectsNamespace reports whether the webhook is called for pods of a namespace with these labels, whatever theirs are, as far
// as the namespace decides.
func (i *Injector) SelectsNamespace(namespaceLabels map[string]string) bool {
	return i.namespaces.Matches(labels.Set(namespaceLabels))
}
