package proxy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

const (
	// byNamespace and byPod are how the webhooks of a revision, or of a tag, select; plainByNamespace and plainByPod are
	// those that only the default revision has.
	byNamespace = `
  namespaceSelector: {matchExpressions: [{key: istio.io/rev, operator: In, values: [%s]}, {key: istio-injection, operator: DoesNotExist}]}
  objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}]}`
	byPod = `
  namespaceSelector: {matchExpressions: [{key: istio.io/rev, operator: DoesNotExist}, {key: istio-injection, operator: DoesNotExist}]}
  objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}, {key: istio.io/rev, operator: In, values: [%s]}]}`
	plainByNamespace = `
  namespaceSelector: {matchExpressions: [{key: istio-injection, operator: In, values: [enabled]}]}
  objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ["false"]}]}`
	plainByPod = `
  namespaceSelector: {matchExpressions: [{key: istio-injection, operator: DoesNotExist}, {key: istio.io/rev, operator: DoesNotExist}]}
  objectSelector: {matchExpressions: [{key: sidecar.istio.io/inject, operator: In, values: ["true"]}, {key: istio.io/rev, operator: DoesNotExist}]}`
	switchedOff = `
  namespaceSelector: {matchLabels: {istio.io/deactivated: never-match}}
  objectSelector: {matchLabels: {istio.io/deactivated: never-match}}`
)

// webhooks is a webhook configuration as Istio's chart makes it for a revision, or for a tag of one.
func webhooks(name, revision, tag string, selectors ...string) string {
	service := "istiod"
	if revision != proxy.DefaultRevision {
		service += "-" + revision
	}
	selected := revision
	labels := "app: sidecar-injector, istio.io/rev: " + revision
	if tag != "" {
		selected = tag
		labels += ", istio.io/tag: " + tag
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: %s, labels: {%s}}
webhooks:`, name, labels)
	for i, selector := range selectors {
		if strings.Contains(selector, "%s") {
			selector = fmt.Sprintf(selector, selected)
		}
		fmt.Fprintf(&b, `
- name: w%d.sidecar-injector.istio.io
  clientConfig: {service: {name: %s, namespace: istio-system, path: /inject, port: 443}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]%s`, i, service, selector)
	}
	return b.String()
}

var (
	defaultRevision = webhooks("istio-sidecar-injector", proxy.DefaultRevision, "", byNamespace, byPod, plainByNamespace, plainByPod)
	revisionOnly    = webhooks("istio-sidecar-injector-1-18-5", "1-18-5", "", byNamespace, byPod)
	canary          = webhooks("istio-sidecar-injector-canary", "canary", "", byNamespace, byPod)
	tagProd         = webhooks("istio-revision-tag-prod", "canary", "prod", byNamespace, byPod)
	defaultIsOff    = webhooks("istio-sidecar-injector", proxy.DefaultRevision, "", switchedOff, switchedOff)
	defaultTag      = webhooks("istio-revision-tag-default", "canary", proxy.DefaultRevision, byNamespace, byPod, plainByNamespace, plainByPod)
)

func namespaceYAML(labels string) string {
	return fmt.Sprintf("\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {%s}}", labels)
}

// deploymentYAML has the pod template's labels (beside app), annotations and whatever else its spec is to have.
func deploymentYAML(labels, annotations, spec string) string {
	return fmt.Sprintf(`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: shop}
spec:
  selector: {matchLabels: {app: checkout}}
  template:
    metadata: {labels: {app: checkout%s}, annotations: {%s}}
    spec: {%s containers: [{name: checkout, image: checkout}]}`, labels, annotations, spec)
}

var checkoutKey = mesh.Key{Kind: mesh.KindDeployment, Namespace: "shop", Name: "checkout"}

func TestInjectionOf(t *testing.T) {
	notSelected := "no injector webhook selects its pods"
	cases := []struct {
		name      string
		webhooks  string
		namespace string
		labels    string
		notes     string
		spec      string
		more      string
		// revision is that of the proxy; empty with a reason why there is none.
		revision string
		reason   string
		by       string
	}{
		{name: "no webhook", namespace: "istio-injection: enabled", reason: notSelected},
		{name: "no label", webhooks: defaultRevision, reason: notSelected},
		{name: "istio-injection", webhooks: defaultRevision, namespace: "istio-injection: enabled", revision: "default", by: "istio-sidecar-injector"},
		{name: "istio-injection disabled", webhooks: defaultRevision, namespace: "istio-injection: disabled", labels: `, sidecar.istio.io/inject: "true"`, reason: notSelected},
		{name: "revision of the namespace", webhooks: defaultRevision + canary, namespace: "istio.io/rev: canary", revision: "canary", by: "istio-sidecar-injector-canary"},
		{name: "istio-injection over revision", webhooks: defaultRevision + canary, namespace: "istio.io/rev: canary, istio-injection: enabled", revision: "default", by: "istio-sidecar-injector"},
		{name: "both labels, revisions only", webhooks: revisionOnly, namespace: "istio.io/rev: 1-18-5, istio-injection: enabled", reason: notSelected},
		{name: "istio-injection, revisions only", webhooks: revisionOnly, namespace: "istio-injection: enabled", reason: notSelected},
		{name: "revision of the pod", webhooks: defaultRevision + canary, labels: ", istio.io/rev: canary", revision: "canary", by: "istio-sidecar-injector-canary"},
		{name: "revision of the pod under one of the namespace", webhooks: defaultRevision + canary, namespace: "istio.io/rev: default", labels: ", istio.io/rev: canary", revision: "default", by: "istio-sidecar-injector"},
		{name: "inject on the pod", webhooks: defaultRevision, labels: `, sidecar.istio.io/inject: "true"`, revision: "default", by: "istio-sidecar-injector"},
		{name: "inject on the pod, revisions only", webhooks: revisionOnly, labels: `, sidecar.istio.io/inject: "true"`, reason: notSelected},
		{name: "inject as annotation", webhooks: defaultRevision, notes: `sidecar.istio.io/inject: "true"`, reason: notSelected},
		{name: "inject with another value", webhooks: defaultRevision, labels: ", sidecar.istio.io/inject: enabled", reason: notSelected},
		{name: "opt-out by label", webhooks: defaultRevision, namespace: "istio-injection: enabled", labels: `, sidecar.istio.io/inject: "false"`, reason: notSelected},
		{name: "opt-out by annotation", webhooks: defaultRevision, namespace: "istio-injection: enabled", notes: `sidecar.istio.io/inject: "false"`, by: "istio-sidecar-injector", reason: `the annotation sidecar.istio.io/inject of its pod template is "false"`},
		{name: "label over annotation", webhooks: defaultRevision, namespace: "istio-injection: enabled", labels: `, sidecar.istio.io/inject: "true"`, notes: `sidecar.istio.io/inject: "false"`, revision: "default", by: "istio-sidecar-injector"},
		{name: "host network", webhooks: defaultRevision, namespace: "istio-injection: enabled", spec: "hostNetwork: true,", by: "istio-sidecar-injector", reason: "its pods are on the host's network (hostNetwork: true), and those are never injected"},
		{name: "tag", webhooks: defaultRevision + canary + tagProd, namespace: "istio.io/rev: prod", revision: "canary", by: "istio-revision-tag-prod"},
		{name: "default tag beside webhooks that are off", webhooks: defaultIsOff + defaultTag, namespace: "istio-injection: enabled", revision: "canary", by: "istio-revision-tag-default"},
		{name: "two webhooks: the last proxy stays", webhooks: webhooks("a", "a", "", plainByNamespace) + webhooks("b", "b", "", plainByNamespace), namespace: "istio-injection: enabled", revision: "b", by: "b"},
		{
			name:      "two webhooks: the first is called again",
			webhooks:  webhooks("a", "a", "", plainByNamespace+"\n  reinvocationPolicy: IfNeeded") + webhooks("b", "b", "", plainByNamespace),
			namespace: "istio-injection: enabled", revision: "a", by: "a",
		},
		{
			name: "policy disabled", webhooks: defaultRevision, namespace: "istio-injection: enabled", more: injectorConfigYAML("policy: disabled"), by: "istio-sidecar-injector",
			reason: `the injector's policy is "disabled", so that only pods that ask for it are injected`,
		},
		{
			name: "no such policy", webhooks: defaultRevision, namespace: "istio-injection: enabled", more: injectorConfigYAML("policy: on-demand"), by: "istio-sidecar-injector",
			reason: `the injector's policy is "on-demand", which is none that it knows, and it then injects nothing`,
		},
		{name: "config without text", webhooks: defaultRevision, namespace: "istio-injection: enabled", more: injectorConfigYAML(""), by: "istio-sidecar-injector", revision: "default"},
		{name: "policy disabled, pod asks", webhooks: defaultRevision, namespace: "istio-injection: enabled", labels: `, sidecar.istio.io/inject: "true"`, more: injectorConfigYAML("policy: disabled"), revision: "default", by: "istio-sidecar-injector"},
		{
			name: "never selector", webhooks: defaultRevision, namespace: "istio-injection: enabled", by: "istio-sidecar-injector",
			more:   injectorConfigYAML("{policy: enabled, neverInjectSelector: [{matchLabels: {app: checkout}}], alwaysInjectSelector: [{matchLabels: {app: checkout}}]}"),
			reason: "the injector's neverInjectSelector matches its pods",
		},
		{
			name: "always selector", webhooks: defaultRevision, namespace: "istio-injection: enabled", by: "istio-sidecar-injector", revision: "default",
			more: injectorConfigYAML("{policy: disabled, neverInjectSelector: [{}], alwaysInjectSelector: [{matchLabels: {app: checkout}}]}"),
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, c.webhooks+namespaceYAML(c.namespace)+deploymentYAML(c.labels, c.notes, c.spec)+c.more)
			injection := proxy.InjectionOf(s, workload.Get(s, checkoutKey))
			assert.Equal(t, c.revision != "", injection.Injected)
			assert.Equal(t, c.revision, injection.Revision)
			assert.Equal(t, c.reason, injection.Reason)
			if c.by == "" {
				assert.Nil(t, injection.By)
			} else {
				require.NotNil(t, injection.By)
				assert.Equal(t, c.by, injection.By.Configuration.Name)
			}
		})
	}
}

func injectorConfigYAML(config string) string {
	return fmt.Sprintf(`
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-sidecar-injector, namespace: istio-system}
data: {config: %q}`, config)
}

func TestIgnoredNamespaces(t *testing.T) {
	s := meshtest.Snapshot(t, defaultRevision+strings.ReplaceAll(namespaceYAML("istio-injection: enabled"), "shop", "kube-system"))
	injection := proxy.InjectionOfPod(s, "kube-system", &core.PodTemplateSpec{})
	assert.False(t, injection.Injected)
	assert.Equal(t, "the injector leaves out namespace kube-system", injection.Reason)
}

func TestInjectors(t *testing.T) {
	const webhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: w, labels: {%s}}
webhooks:
- name: w.example.com
  clientConfig: {%s}
  rules: [%s]`
	const (
		pods    = `{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}`
		service = "service: {name: istiod-asm-1, namespace: istio-system, path: /inject/net/n1}"
		other   = "service: {name: other, namespace: other, path: /mutate}"
	)
	cases := []struct {
		name, labels, client, rules string
		revision                    string
	}{
		{"by path, revision by the Service's name", "", service, pods, "asm-1"},
		{"by URL", "istio.io/rev: east", `url: "https://control.example.com:15017/inject/cluster/c1"`, pods, "east"},
		{"by label", "app: sidecar-injector", other, pods, "default"},
		{"all of everything", "", service, `{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"], scope: Namespaced}`, "asm-1"},
		{"another path", "", other, pods, ""},
		{"another mesh's injector", "", "service: {name: kuma, namespace: kuma-system, path: /inject-sidecar}", pods, ""},
		{"not for new pods", "", service, `{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}`, ""},
		{"not for pods", "app: sidecar-injector", service, `{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}`, ""},
		{"only their status", "", service, `{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods/status]}`, ""},
		{"cluster scope", "", service, `{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Cluster}`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			injectors := proxy.Injectors(meshtest.Snapshot(t, fmt.Sprintf(webhook, c.labels, c.client, c.rules)))
			if c.revision == "" {
				assert.Empty(t, injectors)
				return
			}
			require.Len(t, injectors, 1)
			assert.Equal(t, c.revision, injectors[0].Revision)
		})
	}
}

func TestInjectionLabels(t *testing.T) {
	cases := []struct {
		name, webhooks, namespace, labels string
		ofNamespace, ofTemplate           []string
	}{
		{
			name: "default revision", webhooks: defaultRevision,
			ofNamespace: []string{"istio-injection=enabled default", "istio.io/rev=default default"},
			ofTemplate:  []string{"sidecar.istio.io/inject=true default", "istio.io/rev=default default"},
		},
		{
			name: "revisions only, under the wrong label", webhooks: revisionOnly, namespace: "istio-injection: enabled",
			ofNamespace: []string{"istio.io/rev=1-18-5 1-18-5"},
		},
		{
			name: "tags before revisions", webhooks: defaultRevision + canary + tagProd,
			ofNamespace: []string{"istio-injection=enabled default", "istio.io/rev=prod canary", "istio.io/rev=canary canary", "istio.io/rev=default default"},
			ofTemplate:  []string{"sidecar.istio.io/inject=true default", "istio.io/rev=prod canary", "istio.io/rev=canary canary", "istio.io/rev=default default"},
		},
		{
			name: "webhooks that are off are no candidates", webhooks: defaultIsOff + defaultTag,
			ofNamespace: []string{"istio-injection=enabled canary", "istio.io/rev=default canary"},
			ofTemplate:  []string{"sidecar.istio.io/inject=true canary", "istio.io/rev=default canary"},
		},
		{
			name: "a pod that opts out", webhooks: revisionOnly, labels: `, sidecar.istio.io/inject: "false"`,
			ofTemplate: []string{"istio.io/rev=1-18-5 1-18-5"},
		},
		{name: "no webhook"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := meshtest.Snapshot(t, c.webhooks+namespaceYAML(c.namespace)+deploymentYAML(c.labels, "", ""))
			text := func(labels []proxy.InjectionLabel) (all []string) {
				for _, label := range labels {
					all = append(all, label.String()+" "+label.Revision)
				}
				return all
			}
			workload := workload.Get(s, checkoutKey)
			assert.Equal(t, c.ofNamespace, text(proxy.NamespaceInjectionLabels(s, workload)))
			assert.Equal(t, c.ofTemplate, text(proxy.TemplateInjectionLabels(s, workload)))
		})
	}
}
