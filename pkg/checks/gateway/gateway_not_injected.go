package gateway

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// injectedGateway is a gateway whose proxy the injector has to fill in, with these labels on its pod template besides.
func injectedGateway(labels string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-gateway, namespace: edge}
spec:
  selector: {matchLabels: {istio: edge}}
  template:
    metadata:
      labels: {istio: edge%s}
      annotations: {inject.istio.io/templates: gateway}
    spec:
      containers:
      - name: istio-proxy
        image: auto
---
apiVersion: v1
kind: Service
metadata: {name: edge-gateway, namespace: edge}
spec:
  type: LoadBalancer
  clusterIP: 10.96.10.31
  selector: {istio: edge}
  ports: [{name: grpc, port: 8000}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.31}]}}
`, labels) + example.Gateway("istio: edge", "{number: 8000, name: grpc, protocol: GRPC}")
}

var gatewayInjectionReads = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment, mesh.KindService, mesh.KindNamespace, mesh.KindWebhook}

var gatewayNotInjected = &checks.Check{
	ID:     "GX420",
	Slug:   "gateway-not-injected",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The gateway's pods wait for an injector that does not select them",
	What: "A gateway workload that gRPC calls come through has `image: auto`, which the injector is to replace, and no injector webhook " +
		"injects its pods.",
	Why: "With `image: auto`, as Istio's gateway chart has it, the pod template is no more than a frame: the webhook fills in the proxy. Where " +
		"it does not select the pods, the kubelet tries to pull an image named auto, and no pod starts.",
	Client:   "UNAVAILABLE: connection refused or timed out.",
	Bad:      example.Orders + injectedGateway(""),
	Good:     example.Orders + injectedGateway(`, sidecar.istio.io/inject: "true"`),
	Reads:    gatewayInjectionReads,
	Consults: append(gatewayConsults(gatewayInjectionReads), mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Run:      runGatewayNotInjected,
}

func runGatewayNotInjected(p *checks.Pass) {
	for _, gateway := range usedGateways(p) {
		w := gateway.Workload
		if w == nil || !isFrame(w.Template) || len(proxy.Injectors(p.Snapshot)) == 0 {
			continue
		}
		injection := proxy.InjectionOf(p.Snapshot, w)
		_, known := p.Namespaces().Get("", w.Namespace())
		if injection.Injected || !known && !p.Missing(mesh.KindNamespace, "", w.Namespace()) || !p.Missing(mesh.KindWebhook, "", "") {
			continue
		}
		level, starts := p.LevelFor(gateway.relevance, checks.Error), "its pods never start"
		if slices.ContainsFunc(workload.LivePodsOf(p.Snapshot, w), func(pod *core.Pod) bool { return !isFrame(workload.PodTemplate(pod)) }) {
			level, starts = checks.Warning, "new pods never start, while those that run keep their proxy"
		}
		p.Report(checks.Finding{
			Object: w.Object, Path: framePath(w), Level: level,
			Message:  fmt.Sprintf("The gateway %s has image: auto, which the injector is to replace, but %s: %s.", w.Key, injection.Reason, starts),
			Evidence: []string{gatewayLabelsText(p, w)},
			Symptom:  "UNAVAILABLE: connection refused or timed out",
			Fix:      fixGatewayNotInjected(p, w),
		})
	}
}

// isFrame reports whether the injector is to fill in the proxy's image.
// Source: Istio's pkg/kube/inject/webhook.go (AutoImage), manifests/charts/gateway/templates/deployment.yaml.
func isFrame(template *core.PodTemplateSpec) bool {
	return slices.ContainsFunc(template.Spec.Containers, func(container core.Container) bool { return container.Image == "auto" })
}

// framePath is the field with the image.
func framePath(w *workload.Workload) plan.Path {
	for i := range w.Template.Spec.Containers {
		if container := &w.Template.Spec.Containers[i]; container.Image == "auto" {
			return checks.ContainerField(w, container, "image")
		}
	}
	return nil
}

// gatewayLabelsText says what webhooks have to go by.
func gatewayLabelsText(p *checks.Pass, w *workload.Workload) string {
	stated := func(labels map[string]string, keys ...string) string {
		for _, key := range keys {
			if value, has := labels[key]; has {
				return key + "=" + value
			}
		}
		return "no injection label"
	}
	return fmt.Sprintf("its pod template has %s, namespace %s has %s", stated(w.Template.Labels, proxy.LabelInject, proxy.LabelRevision),
		w.Namespace(), stated(proxy.NamespaceLabels(p.Snapshot, w.Namespace()), proxy.LabelInjection, proxy.LabelRevision))
}

// fixGatewayNotInjected labels the pod template with what a webhook selects, in place of the injection labels that it has.
func fixGatewayNotInjected(p *checks.Pass, w *workload.Workload) checks.Fix {
	label, level, ok := checks.ChooseLabel(p, proxy.TemplateInjectionLabels(p.Snapshot, w), proxy.LabelInject)
	if !ok {
		return checks.Fix{Text: fmt.Sprintf("Label namespace %s, or the pod template of %s, with what an injector webhook selects (%s=\"true\" or %s=<revision>).",
			w.Namespace(), w.Key, proxy.LabelInject, proxy.LabelRevision)}
	}
	text := fmt.Sprintf("Set the label %s on the pod template of %s", label, w.Key)
	var gone []string
	for _, key := range []string{proxy.LabelInject, proxy.LabelRevision} {
		if _, had := w.Template.Labels[key]; had && key != label.Key {
			gone = append(gone, key)
			text += " and remove the label " + key
		}
	}
	if !w.RenewsAllPods() {
		return checks.Fix{Text: text + "."}
	}
	at := func(key string) plan.Path { return plan.Path{"spec", "template", "metadata", "labels", key} }
	reason := fmt.Sprintf("the injector webhook of revision %s selects this label of pods", label.Revision)
	return checks.Fix{Text: text + ".", Level: level, Changes: checks.Update(p, w.Object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		edits := []plan.Edit{plan.Set(form, label.Value, at(label.Key)...)}
		for _, key := range gone {
			edits = append(edits, plan.Set(form, nil, at(key)...))
		}
		return edits
	})}
}
