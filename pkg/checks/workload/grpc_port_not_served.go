package workload

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

var grpcPortNotServed = &checks.Check{
	ID:     "GX209",
	Slug:   "grpc-port-not-served",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No Service port leads to the gRPC port of the pods",
	What: "The containers of a workload have a gRPC port, and no port of the Service in front of them leads to it: its port leads to a number or a name that no " +
		"container declares, or its selector, nearly that of the pods, selects nothing. It is an error where a gateway leads to the Service, else a warning.",
	Why: "Without `targetPort`, a Service port leads to the port of the same number in the pods. The Service has endpoints all the " +
		"same, for Kubernetes does not look whether anything listens there.",
	Client: "`UNAVAILABLE`: the connection is refused.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{port: 8000}]
`,
	Good:     example.GreeterWorkload + example.GreeterService,
	Reads:    checks.ExposureReads,
	Consults: append([]mesh.Kind{mesh.KindIngress, mesh.KindServiceMonitor, mesh.KindEndpointSlice, mesh.KindWorkloadEntry}, checks.ExposureConsults...),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, w := range workload.Workloads(p.Snapshot) {
			if !gateway.IsInfrastructure(w) {
				reportNotServed(p, w)
			}
		}
		for _, service := range p.Services().All() {
			reportMissedSelector(p, service)
		}
	},
}

// reportNotServed looks for the gRPC ports from the workload's side: a Service port that misses them shows no sign of gRPC itself.
func reportNotServed(p *checks.Pass, w *workload.Workload) {
	services := workload.ServicesSelecting(p.Snapshot, w)
	if len(services) == 0 {
		return
	}
	candidates := unserved(p, w, services)
	if len(candidates) == 0 {
		return
	}
	for _, service := range services {
		if lost := lostPorts(p, service, w); len(lost) > 0 {
			reportServiceMisses(p, service, lost, w, candidates[0])
			return
		}
	}
}

// unserved are the ports of the workload with more than weak evidence to which none of the Services leads.
func unserved(p *checks.Pass, w *workload.Workload, services []*core.Service) []exposure.CandidatePort {
	served := map[int32]bool{}
	for _, service := range services {
		for i := range service.Spec.Ports {
			if number, _, ok := workload.TargetPort(&service.Spec.Ports[i], w.Template); ok {
				served[number] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(exposure.GRPCCandidates(p.Snapshot, w)), func(candidate exposure.CandidatePort) bool {
		return candidate.Evidence[0].Strength >= exposure.EvidenceWeak || served[candidate.Number]
	})
}

// lostPorts are the places of the Service's ports that lead to nothing that a container declares and are not exposed: of exposed ones
// GX201 is about.
func lostPorts(p *checks.Pass, service *core.Service, w *workload.Workload) []int {
	exposed := map[int]bool{}
	for _, port := range exposure.ExposedPortsOf(p.Snapshot, service) {
		exposed[port.Index] = true
	}
	var lost []int
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		if !exposed[i] && port.Protocol == core.ProtocolTCP && checks.TargetIn(port, w).Lacks() {
			lost = append(lost, i)
		}
	}
	return lost
}

func isRouted(p *checks.Pass, service *core.Service, port int32) bool {
	return len(gateway.RoutesTo(p.Snapshot, service, port)) > 0 || len(gatewayapi.RouteBackendsTo(p.Snapshot, service, port)) > 0
}

func reportServiceMisses(p *checks.Pass, service *core.Service, lost []int, w *workload.Workload, candidate exposure.CandidatePort) {
	at := lost[0]
	for _, i := range lost {
		if isRouted(p, service, service.Spec.Ports[i].Port) {
			at = i
			break
		}
	}
	port := &service.Spec.Ports[at]
	finding := notServed(p, service, candidate, port.Port)
	finding.Path = plan.PathOf("spec", "ports", at, "targetPort")
	finding.Message = fmt.Sprintf("Port %d of Service %s leads to port %s of %s, which no container declares; their gRPC port is %d, and no Service port leads there.",
		port.Port, service.Name, port.TargetPort.String(), w.Key, candidate.Number)
	finding.Symptom = "UNAVAILABLE: connection refused"
	finding.Fix.Text = fmt.Sprintf("Set targetPort: %v on port %d of Service %s, and name the port grpc.", targetOf(candidate), port.Port, service.Name)
	if len(lost) == 1 {
		finding.Fix.Level = checks.Ask
		finding.Fix.Changes = checks.Update(p, service, candidate.Evidence[0].Text, func(form *unstructured.Unstructured) []plan.Edit {
			at := remedy.PortPath(port.Port, port.Protocol)
			edits := []plan.Edit{plan.Set(form, targetOf(candidate), append(slices.Clone(at), "targetPort")...)}
			if !workload.ServicePortProtocol(port).IsHTTP2() {
				declare := workload.GRPCPortFix(p.Snapshot, service, port)
				edits = append(edits, plan.Set(form, declare.Value, append(slices.Clone(at), declare.Field)...))
			}
			return edits
		})
	}
	p.Report(finding)
}

func targetOf(candidate exposure.CandidatePort) any {
	if candidate.Name != "" {
		return candidate.Name
	}
	return int64(candidate.Number)
}

// notServed is a finding about a Service, with the evidence for the port that it misses.
func notServed(p *checks.Pass, service *core.Service, candidate exposure.CandidatePort, port int32) checks.Finding {
	finding := checks.Finding{Level: checks.Warning, Object: service}
	if isRouted(p, service, port) {
		finding.Level = checks.Error
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("a gateway routes to port %d of the Service", port))
	}
	for _, clause := range candidate.Evidence {
		finding.Evidence = append(finding.Evidence, clause.Text)
	}
	return finding
}

// reportMissedSelector is about a Service that selects nothing, shows no sign of gRPC, and has the name of a workload with a gRPC port
// whose pods have nearly the labels. Where the Service shows one, GX303 is about it.
func reportMissedSelector(p *checks.Pass, service *core.Service) {
	if len(service.Spec.Selector) == 0 || len(service.Spec.Ports) == 0 || len(exposure.ExposedPortsOf(p.Snapshot, service)) > 0 || !selectsNothing(p, service) {
		return
	}
	for _, kind := range workload.Kinds {
		w := workload.Get(p.Snapshot, mesh.Key{Kind: kind, Namespace: service.Namespace, Name: service.Name})
		if w == nil || gateway.IsInfrastructure(w) {
			continue
		}
		candidates := unserved(p, w, workload.ServicesSelecting(p.Snapshot, w))
		if len(candidates) == 0 {
			continue
		}
		finding := notServed(p, service, candidates[0], service.Spec.Ports[0].Port)
		finding.Path = plan.PathOf("spec", "selector")
		finding.Message = fmt.Sprintf("Service %s selects %s, which no pod has, while %s of that name has gRPC port %d and no Service in front of it.",
			service.Name, labels.FormatLabels(service.Spec.Selector), w.Key, candidates[0].Number)
		finding.Symptom = "UNAVAILABLE: no healthy upstream"
		finding.Fix.Text = fmt.Sprintf("Select the labels of the pods (%s), and let a port named grpc lead to %d.", labels.FormatLabels(w.Template.Labels), candidates[0].Number)
		p.Report(finding)
		return
	}
}

// selectsNothing reports whether no pod is known, or may be there unseen, that the Service selects.
func selectsNothing(p *checks.Pass, service *core.Service) bool {
	return !p.SelectsKnown(service) && !slices.ContainsFunc(checks.SelectedKinds, func(kind mesh.Kind) bool {
		_, unknown := p.Unknown(kind, service.Namespace, "")
		return unknown
	})
}
