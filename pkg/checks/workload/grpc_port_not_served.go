package workload

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var grpcPortNotServed = &checks.Check{
	ID:     "GX209",
	Slug:   "grpc-port-not-served",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No Service port leads to the gRPC port of the pods",
	What: "The containers of a workload have a gRPC port, a Service selects their pods, and a port of it leads to a number that no container " +
		"declares, while none leads to the gRPC port. It is an error where a gateway leads to the Service, else a warning.",
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
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, w := range workload.Workloads(p.Snapshot) {
			if !gateway.IsInfrastructure(w) {
				reportNotServed(p, w)
			}
		}
	},
}

// reportNotServed looks for the gRPC ports from the workload's side: a Service port that misses them shows no sign of gRPC itself.
func reportNotServed(p *checks.Pass, w *workload.Workload) {
	services := workload.ServicesSelecting(p.Snapshot, w)
	if len(services) == 0 {
		return
	}
	for _, candidate := range exposure.GRPCCandidates(p.Snapshot, w) {
		if candidate.Evidence[0].Strength >= exposure.EvidenceWeak || slices.ContainsFunc(services, func(service *core.Service) bool {
			return slices.ContainsFunc(service.Spec.Ports, func(port core.ServicePort) bool {
				number, _, ok := workload.TargetPort(&port, w.Template)
				return ok && number == candidate.Number
			})
		}) {
			continue
		}
		for _, service := range services {
			if at := missingTarget(p, service, w); at >= 0 {
				reportServiceMisses(p, service, at, w, candidate)
				break
			}
		}
	}
}

// missingTarget is the place of the Service's port that leads to a number that no container declares, where there is just one and it is
// not exposed: of an exposed one target-port-not-found speaks. -1 for none.
func missingTarget(p *checks.Pass, service *core.Service, w *workload.Workload) int {
	found := -1
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		exposed := slices.ContainsFunc(exposure.ExposedPortsOf(p.Snapshot, service), func(e *exposure.ExposedPort) bool { return e.Index == i })
		if exposed || port.Protocol != core.ProtocolTCP || checks.TargetIn(port, w) != checks.TargetUndeclared {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

func reportServiceMisses(p *checks.Pass, service *core.Service, at int, w *workload.Workload, candidate exposure.CandidatePort) {
	port := &service.Spec.Ports[at]
	level := checks.Warning
	if len(gateway.RoutesTo(p.Snapshot, service, port.Port)) > 0 || len(gatewayapi.RouteBackendsTo(p.Snapshot, service, port.Port)) > 0 {
		level = checks.Error
	}
	var value any = int64(candidate.Number)
	if candidate.Name != "" {
		value = candidate.Name
	}
	var evidence []string
	for _, clause := range candidate.Evidence {
		evidence = append(evidence, clause.Text)
	}
	p.Report(checks.Finding{
		Level:  level,
		Object: service,
		Path:   plan.PathOf("spec", "ports", at, "targetPort"),
		Message: fmt.Sprintf("Port %d of Service %s leads to port %d of %s, which no container declares; their gRPC port is %d, and no Service port leads there.",
			port.Port, service.Name, port.TargetPort.IntVal, w.Key, candidate.Number),
		Evidence: evidence,
		Symptom:  "UNAVAILABLE: connection refused",
		Fix: checks.Fix{
			Text:    fmt.Sprintf("Set targetPort: %v on port %d of Service %s, and name the port grpc.", value, port.Port, service.Name),
			Level:   checks.Ask,
			Changes: checks.SetField(p, service, candidate.Evidence[0].Text, value, append(remedy.PortPath(port.Port, port.Protocol), "targetPort")...),
		},
	})
}
