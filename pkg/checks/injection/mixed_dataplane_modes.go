package injection

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var mixedDataplaneModes = &checks.Check{
	ID:     "GX114",
	Slug:   "mixed-dataplane-modes",
	Levels: []checks.Level{checks.Warning},
	Title:  "Pods are both in ambient mode and injected",
	What: "The labels of a namespace or a pod template put pods that serve gRPC into ambient mode, and an injector webhook selects the " +
		"same pods.",
	Why: "A pod with a sidecar is left out of ambient mode: Istio's node agent passes it by. The ambient label has no effect on these pods, " +
		"and a waypoint that they are meant to use is by-passed by callers with a sidecar.",
	Client: "Calls work, through the sidecar. Policies and routes that are attached to a waypoint do not hold for calls between sidecars.",
	Base:   "ambient",
	Bad: example.Mesh(example.Namespace("istio.io/dataplane-mode: ambient, istio-injection: enabled"),
		example.Workload("", "", "")),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads),
	Since:    "v0.1.0",
	Run:      runMixedDataplaneModes,
}

func runMixedDataplaneModes(p *checks.Pass) {
	for _, namespace := range exposedNamespaces(p) {
		namespaceReported := false
		for _, workload := range namespace.Workloads {
			if !proxy.AsksForAmbient(p.Snapshot, namespace.Name, workload.Template) || !proxy.InjectionOf(p.Snapshot, workload.Workload).Injected {
				continue
			}
			finding := checks.Finding{
				Object:   workload.Object,
				Path:     firstTemplateLabel(workload, proxy.LabelDataplaneMode, proxy.LabelInject, proxy.LabelRevision),
				Message:  fmt.Sprintf("The pods of %s are put into ambient mode and injected: they get a sidecar, and the ambient label has no effect on them.", workload.Key),
				Evidence: []string{ambientText(namespace, workload), injectedByText(p, workload), servingEvidence([]exposedWorkload{workload})[0]},
				Symptom:  "none by itself; policies and routes of a waypoint do not hold for these pods",
				Fix:      checks.Fix{Text: "Decide for one: remove the label " + proxy.LabelDataplaneMode + ", or the injection label, and restart the workloads."},
			}
			if namespaceInjects(p, workload) {
				if namespaceReported {
					continue
				}
				namespaceReported = true
				finding.Object = namespaceObject(p, namespace.Name)
				finding.Message = fmt.Sprintf("Namespace %s is in ambient mode and injected: its pods get a sidecar, and the ambient label has no effect on them.", namespace.Name)
				finding.Path = nil
				if _, onTemplate := workload.Template.Labels[proxy.LabelDataplaneMode]; onTemplate {
					finding.Message = fmt.Sprintf("Namespace %s is injected, and the pod template of %s asks for ambient mode: its pods get a sidecar, and the ambient label has no effect on them.",
						namespace.Name, workload.Key)
				}
				for _, key := range []string{proxy.LabelRevision, proxy.LabelInjection, proxy.LabelDataplaneMode} {
					if _, there := namespace.Labels[key]; there {
						finding.Path = namespaceLabelPath(key)
					}
				}
			}
			p.Report(finding)
		}
	}
}

// firstTemplateLabel is the path of the first of these labels that the pod template has.
func firstTemplateLabel(w exposedWorkload, keys ...string) plan.Path {
	for _, key := range keys {
		if _, there := w.Template.Labels[key]; there {
			return templateLabelPath(key)
		}
	}
	return nil
}

// namespaceInjects reports whether the pods would be injected without any label of their own.
func namespaceInjects(p *checks.Pass, w exposedWorkload) bool {
	template := withoutChoice(w)
	template.Labels = withoutLabels(template.Labels, proxy.LabelRevision)
	return proxy.InjectionOfPod(p.Snapshot, w.Namespace(), template).Injected
}

func ambientText(namespace exposedNamespace, w exposedWorkload) string {
	if mode, ok := w.Template.Labels[proxy.LabelDataplaneMode]; ok {
		return fmt.Sprintf("the pod template of %s has the label %s=%s", w.Key, proxy.LabelDataplaneMode, mode)
	}
	return labelText(namespace.Name, proxy.LabelDataplaneMode, namespace.Labels[proxy.LabelDataplaneMode])
}
