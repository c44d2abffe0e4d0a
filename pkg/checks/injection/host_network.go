package injection

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var hostNetwork = &checks.Check{
	ID:     "GX109",
	Slug:   "host-network",
	Levels: []checks.Level{checks.Warning},
	Title:  "A workload that serves gRPC is on the host's network",
	What:   "A workload behind an exposed gRPC port has hostNetwork: true in its pod template.",
	Why: "The injector leaves pods on the host's network as they are, whatever their labels: the rules that lead a pod's traffic through its " +
		"proxy would be those of the whole node. Ambient mode leaves them out as well.",
	Client: "A gateway balances calls to these pods per request all the same. Calls that they make are balanced per connection, and where " +
		"mutual TLS is demanded of them they fail with UNAVAILABLE.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", "hostNetwork: true")),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", "")),
	Reads:    checks.ExposureReads,
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runHostNetwork,
}

func runHostNetwork(p *checks.Pass) {
	for _, workload := range exposedWorkloads(p) {
		if !workload.Template.Spec.HostNetwork {
			continue
		}
		p.Report(checks.Finding{
			Object: workload.Object,
			Path:   plan.PathOf("spec", "template", "spec", "hostNetwork"),
			Message: fmt.Sprintf("%s serves gRPC, and its pod template puts its pods on the host's network: %s.", workload.Key,
				newPodsWithoutProxy(p, "they never get a proxy", workload)),
			Evidence: []string{"hostNetwork: true", workload.evidence()},
			Symptom:  symptomOfNewPods(p, workload),
			Fix:      checks.Fix{Text: "Take the server off the host's network; where only its port has to be on the node, use hostPort or a Service."},
		})
	}
}
