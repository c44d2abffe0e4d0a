package service

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var selectorMatchesNothing = &checks.Check{
	ID:     "GX303",
	Slug:   "selector-matches-nothing",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The Service selects no pods",
	What:   "The selector of a Service with an exposed port matches no pod, and the pod template of no workload, in its namespace.",
	Why: "A Service selects pods by their own labels, those of the workload's pod template, not by those of the workload. One label that " +
		"differs is enough for a Service without endpoints.",
	Client: "`UNAVAILABLE`, with the message `no healthy upstream`.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter-api}
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
` + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    append([]mesh.Kind{mesh.KindPod}, checks.ExposureReads...),
	Consults: append([]mesh.Kind{mesh.KindWorkloadEntry}, checks.ExposureConsults...),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, service := range p.Services().All() {
			ports := exposure.ExposedPortsOf(p.Snapshot, service)
			if len(ports) > 0 && workload.HasEndpoints(service) && p.Wants(service) && selectsNothing(p, service) {
				reportSelectorMatchesNothing(p, service, ports)
			}
		}
	},
}

func selectsNothing(p *checks.Pass, service *core.Service) bool {
	return !p.SelectsKnown(service) && !slices.ContainsFunc(checks.SelectedKinds, func(kind mesh.Kind) bool { return !p.Missing(kind, service.Namespace, "") })
}

func reportSelectorMatchesNothing(p *checks.Pass, service *core.Service, ports []*exposure.ExposedPort) {
	finding := checks.Finding{
		Level:  checks.ErrorUnlessWeak(ports...),
		Object: service,
		Path:   plan.PathOf("spec", "selector"),
		Message: fmt.Sprintf("Service %s selects %s, and no pod or pod template in namespace %s has these labels.",
			service.Name, labels.FormatLabels(service.Spec.Selector), service.Namespace),
		Evidence: checks.EvidenceOf(ports[0]),
		Symptom:  "UNAVAILABLE: no healthy upstream",
		Fix:      checks.Fix{Text: fmt.Sprintf("Let the selector of Service %s match the labels of the pods that serve it.", service.Name)},
	}
	if workload, key := onlyNearMiss(p, service, ports); workload != nil {
		value := workload.Template.Labels[key]
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("the pods of %s have %s=%s", workload.Key, key, value))
		finding.Fix = checks.Fix{
			Text:    fmt.Sprintf("Select %s=%s, the label of the pods of %s.", key, value, workload.Key),
			Level:   checks.Ask,
			Changes: checks.SetField(p, service, "the pods have this label", value, "spec", "selector", key),
		}
	}
	if namespace := selectedElsewhere(p, service); namespace != "" {
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("pods with these labels are in namespace %s, and a Service selects in its own only", namespace))
	}
	p.Report(finding)
}

// selectedElsewhere is the first namespace, by name, in which the selector would match; empty if there is none.
func selectedElsewhere(p *checks.Pass, service *core.Service) string {
	found := ""
	for _, workload := range workload.Workloads(p.Snapshot) {
		if namespace := workload.Namespace(); (found == "" || namespace < found) && mesh.HasLabels(workload.Template.Labels, service.Spec.Selector) {
			found = namespace
		}
	}
	return found
}

// onlyNearMiss is the one workload with the exposed ports whose pods would be selected if one label had another value, and that
// label's key.
func onlyNearMiss(p *checks.Pass, service *core.Service, ports []*exposure.ExposedPort) (near *workload.Workload, key string) {
	for _, workload := range workload.WorkloadsIn(p.Snapshot, service.Namespace) {
		differing, differs := onlyDifference(service.Spec.Selector, workload.Template.Labels)
		if !differs || gateway.IsInfrastructure(workload) || lacksAny(ports, workload) {
			continue
		}
		if near != nil {
			return nil, ""
		}
		near, key = workload, differing
	}
	return near, key
}

func onlyDifference(selector, labels map[string]string) (key string, only bool) {
	for wanted, value := range selector {
		has, there := labels[wanted]
		switch {
		case there && has == value:
		case !there || key != "":
			return "", false
		default:
			key = wanted
		}
	}
	return key, key != ""
}

func lacksAny(ports []*exposure.ExposedPort, workloads ...*workload.Workload) bool {
	for _, port := range ports {
		if slices.ContainsFunc(workloads, func(w *workload.Workload) bool { return checks.TargetIn(port.Port, w).Lacks() }) {
			return true
		}
	}
	return false
}
