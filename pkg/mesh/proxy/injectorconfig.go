package proxy

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// injectorConfig is what an injector decides by once a webhook has sent it a pod.
type injectorConfig struct {
	Policy               string                 `json:"policy"`
	NeverInjectSelector  []metav1.LabelSelector `json:"neverInjectSelector"`
	AlwaysInjectSelector []metav1.LabelSelector `json:"alwaysInjectSelector"`

	// rewritesProbes is what the injector's values say about probes, nil for nothing.
	rewritesProbes *bool
}

// injectorValues is the part of the injector's values that the model asks for.
type injectorValues struct {
	SidecarInjectorWebhook struct {
		RewriteAppHTTPProbe *bool `json:"rewriteAppHTTPProbe"`
	} `json:"sidecarInjectorWebhook"`
}

// The policies of an injector: whether it injects pods that say nothing.
const (
	policyEnabled  = "enabled"
	policyDisabled = "disabled"
)

// ignoredNamespaces are never injected, whatever their labels.
// Source: Istio's pkg/kube/inject/initializer.go (IgnoredNamespaces).
var ignoredNamespaces = []string{
	metav1.NamespaceSystem, metav1.NamespacePublic, core.NamespaceNodeLease, "local-path-storage",
}

// InjectorIgnores reports whether pods of the namespace never get a proxy.
func InjectorIgnores(namespace string) bool { return slices.Contains(ignoredNamespaces, namespace) }

type injectorConfigMemory struct{ namespace, name string }

// injectorConfig is the one of the control plane behind a webhook: the ConfigMap istio-sidecar-injector[-<revision>] beside
// it. Where that is not in the Snapshot, or cannot be read, it is as Istio installs it: injection is on and no selector set.
// Source: Istio's pilot/pkg/bootstrap/sidecarinjector.go (getInjectorConfigMapName), pkg/kube/inject/inject.go (Config).
func injectorConfigOf(s *mesh.Snapshot, injector *Injector) *injectorConfig {
	namespace := RootNamespace(s)
	if service := injector.Webhook.ClientConfig.Service; service != nil {
		namespace = service.Namespace
	}
	name := "istio-sidecar-injector"
	if injector.Revision != DefaultRevision {
		name += "-" + injector.Revision
	}
	s.Read(mesh.KindConfigMap)
	return mesh.Remember(s, injectorConfigMemory{namespace, name}, func() *injectorConfig {
		asInstalled := &injectorConfig{Policy: policyEnabled}
		configMap, ok := s.ConfigMaps().Get(namespace, name)
		if !ok || configMap.Data["config"] == "" {
			return asInstalled
		}
		config := &injectorConfig{}
		if err := yaml.Unmarshal([]byte(configMap.Data["config"]), config); err != nil {
			return asInstalled
		}
		var values injectorValues
		if yaml.Unmarshal([]byte(configMap.Data["values"]), &values) == nil { // the injector does not start with what cannot be read
			config.rewritesProbes = values.SidecarInjectorWebhook.RewriteAppHTTPProbe
		}
		return config
	})
}

// leavesOut says why the injector does not inject a pod that a webhook has sent it, as a clause; empty if it does.
// Source: Istio's pkg/kube/inject/inject.go (injectRequired).
func (c *injectorConfig) leavesOut(namespace string, template *core.PodTemplateSpec) string {
	if template.Spec.HostNetwork {
		return "its pods are on the host's network (hostNetwork: true), and those are never injected"
	}
	if InjectorIgnores(namespace) {
		return fmt.Sprintf("the injector leaves out namespace %s", namespace)
	}
	choice, where := template.Annotations[LabelInject], "annotation"
	if label, ok := template.Labels[LabelInject]; ok {
		choice, where = label, "label"
	}
	switch choice {
	case "true":
		return c.leavesOutWanted()
	case "false":
		return fmt.Sprintf(`the %s %s of its pod template is "false"`, where, LabelInject)
	}
	podLabels := labels.Set(template.Labels)
	switch {
	case anySelects(c.NeverInjectSelector, podLabels):
		return "the injector's neverInjectSelector matches its pods"
	case anySelects(c.AlwaysInjectSelector, podLabels):
		return c.leavesOutWanted()
	case c.Policy == policyDisabled:
		return fmt.Sprintf("the injector's policy is %q, so that only pods that ask for it are injected", c.Policy)
	default:
		return c.leavesOutWanted()
	}
}

// leavesOutWanted is leavesOut for pods that ask for a proxy: only an injector without a valid policy refuses them.
func (c *injectorConfig) leavesOutWanted() string {
	if c.Policy == policyEnabled || c.Policy == policyDisabled {
		return ""
	}
	return fmt.Sprintf("the injector's policy is %q, which is none that it knows, and it then injects nothing", c.Policy)
}

// anySelects leaves out empty selectors: to the injector they match nothing.
func anySelects(selectors []metav1.LabelSelector, podLabels labels.Set) bool {
	return slices.ContainsFunc(selectors, func(selector metav1.LabelSelector) bool {
		parsed := workload.SelectorOf(&selector)
		return !parsed.Empty() && parsed.Matches(podLabels)
	})
}
