package service

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var selectorSpansWorkloads = &checks.Check{
	ID:     "GX304",
	Slug:   "selector-spans-workloads",
	Levels: []checks.Level{checks.Warning},
	Title:  "The Service also selects pods that do not serve the port",
	What: "The selector of a Service matches the pods of several workloads, and some of them do not have the target of an exposed " +
		"port.",
	Why: "If the target is a number, every pod that the selector matches is an endpoint and gets its share of the calls, whether or not " +
		"anything listens there. If it is a name, pods without it are no endpoints: the selector then only says something that is not so.",
	Client:   "`UNAVAILABLE`, connection refused, for the share of calls that goes to the wrong pods; it looks like a flaky server.",
	Bad:      example.GreeterWorkload + example.GreeterWorker + example.GreeterService,
	Good:     example.GreeterWorkload + strings.ReplaceAll(example.GreeterWorker, "app: greeter,", "app: greeter-worker,") + example.GreeterService,
	Reads:    checks.ExposureReads,
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			reportSpansWorkloads(p, port)
		}
	},
}

func reportSpansWorkloads(p *checks.Pass, port *exposure.ExposedPort) {
	var serving, lacking []*workload.Workload
	for _, workload := range port.Workloads {
		if checks.TargetIn(port.Port, workload).Lacks() {
			lacking = append(lacking, workload)
		} else {
			serving = append(serving, workload)
		}
	}
	if len(serving) == 0 || len(lacking) == 0 {
		return
	}
	servers := strings.Join(checks.WorkloadNames(serving), " and ")
	p.Report(checks.Finding{
		Object: port.Service,
		Path:   plan.PathOf("spec", "selector"),
		Message: fmt.Sprintf("The selector of Service %s matches the pods of %s, which do not have port %s, to which %s leads.",
			port.Service.Name, strings.Join(checks.WorkloadNames(lacking), " and "), port.Port.TargetPort.String(), checks.PortText(port)),
		Evidence: append(checks.EvidenceOf(port), "the port is there in "+servers),
		Symptom:  spansSymptom(port, lacking),
		Fix:      checks.Fix{Text: spansFix(p, port, lacking, servers)},
	})
}

func spansSymptom(port *exposure.ExposedPort, lacking []*workload.Workload) string {
	// How many pods a DaemonSet has is only in its status.
	hasPods := func(w *workload.Workload) bool {
		return w.Replicas > 0 || w.Key.Kind == mesh.KindDaemonSet && !w.HasStatus
	}
	switch {
	case port.Port.TargetPort.Type == intstr.String:
		return "none as long as these pods do not declare the name; from then on they get a share of the calls"
	case !slices.ContainsFunc(lacking, hasPods):
		return "none as long as there are none of these pods (0 replicas); from then on UNAVAILABLE for the share of calls that goes to them"
	default:
		return "UNAVAILABLE for the share of calls that goes to these pods"
	}
}

// spansFix narrows the selector, unless the pods that it would leave out serve another port of the Service.
func spansFix(p *checks.Pass, port *exposure.ExposedPort, lacking []*workload.Workload, servers string) string {
	for _, other := range exposure.ExposedPortsOf(p.Snapshot, port.Service) {
		for _, workload := range other.Workloads {
			if slices.Contains(lacking, workload) && !checks.TargetIn(other.Port, workload).Lacks() {
				return fmt.Sprintf("Give %s a Service of its own, whose selector only the pods of %s match: those of %s serve %s of Service %s.",
					checks.PortText(port), servers, workload.Key, checks.PortText(other), port.Service.Name)
			}
		}
	}
	return fmt.Sprintf("Add a label to the selector of Service %s that only the pods of %s have.", port.Service.Name, servers)
}
