package plugin

import (
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// printResult says how things stand after create: the address, a line to try, and what is still wrong on the path.
func (o *createOptions) printResult(snapshot *mesh.Snapshot, result *expose.Result, exposure expose.Exposure, findings []checks.Finding, broken string) error {
	if o.write.Output != "" {
		report.PathFindings(o.streams.Err, findings)
		return o.printPlan(result, exposure)
	}
	w := o.streams.Out
	if broken != "" {
		report.Printf(w, "%s is not exposed yet, although everything is set up: %s\n\n", result.Workload.Key, broken)
	} else {
		report.Printf(w, "%s is exposed: %s\n\n", result.Workload.Key, podsText(snapshot, result.Workload.Key))
	}
	address := strings.Join(exposure.Addresses, ", ")
	if address == "" {
		address = "none outside yet; from here: " + exposure.Forward
	}
	report.Printf(w, "  address  %s\n", address)
	report.Printf(w, "  host     %s\n", hostsLine(exposure.Hosts))
	if exposure.Authority != "" {
		report.Printf(w, "  ca.crt   %s\n", exposure.Authority)
	}
	report.Printf(w, "  try      %s\n", exposure.Command)
	report.Printf(w, "  undo     %s\n", undoCommand(result.Workload))
	report.PathFindings(w, findings)
	return nil
}

// printPlan prints what was done, for machines; nothing without -o.
func (o *createOptions) printPlan(result *expose.Result, exposure any) error {
	switch o.write.Output {
	case "":
		return nil
	case "plan":
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: result.Plan, Exposure: exposure})
	default:
		return o.execution(result).PrintManifests()
	}
}

func hostsLine(hosts []string) string {
	if len(hosts) == 1 && hosts[0] == "*" {
		return "any"
	}
	return strings.Join(hosts, ", ")
}

// podsText counts a workload's pods and their proxies, as status does.
func podsText(snapshot *mesh.Snapshot, key mesh.Key) string {
	workload := workload.Get(snapshot, key)
	if workload == nil {
		return "it is gone"
	}
	return callpath.PodsText(snapshot, workload)
}
