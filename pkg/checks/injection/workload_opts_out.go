package injection

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var workloadOptsOut = &checks.Check{
	ID:     "GX108",
	Slug:   "workload-opts-out",
	Levels: []checks.Level{checks.Warning},
	Title:  "A workload that serves gRPC opts out of injection",
	What: "A workload behind an exposed gRPC port has sidecar.istio.io/inject \"false\" on its pod template, as label or annotation, in a " +
		"namespace whose pods are injected.",
	Why: "With the label the webhook does not select the pods; with the annotation the injector leaves them as they are. The label counts " +
		"before the annotation.",
	Client: "A gateway balances calls to these pods per request all the same. Clients in these pods balance per connection, and where " +
		"mutual TLS is demanded of them their calls fail with UNAVAILABLE.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload(`, sidecar.istio.io/inject: "false"`, "", "")),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", "")),
	Reads:    injectionReads,
	Consults: consultsBeside(injectionReads, mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies,
	Run:      runWorkloadOptsOut,
}

func runWorkloadOptsOut(p *checks.Pass) {
	for _, workload := range exposedWorkloads(p) {
		if absenceOf(p, workload) != optsOut || !knowsNamespace(p, workload.Namespace()) {
			continue
		}
		_, at := injectChoice(workload)
		kind := "annotation"
		if isLabelOfTemplate(at) {
			kind = "label"
		}
		p.Report(checks.Finding{
			Object: workload.Object,
			Path:   at,
			Message: fmt.Sprintf("%s serves gRPC, but the %s %s=\"false\" on its pod template keeps the proxy out: %s.",
				workload.Key, kind, proxy.LabelInject, newPodsWithoutProxy(p, "its pods get none", workload)),
			Evidence: []string{
				fmt.Sprintf("without it, pods in namespace %s are injected", workload.Namespace()), workload.evidence(),
			},
			Symptom: symptomOfNewPods(p, workload),
			Fix: removeFromTemplate(p, workload, proxy.InjectionOfPod(p.Snapshot, workload.Namespace(), withoutChoice(workload)), fmt.Sprintf("Remove %s from the pod template of %s.", proxy.LabelInject, workload.Key),
				"it keeps the proxy out", templateLabelPath(proxy.LabelInject), templateAnnotationPath(proxy.LabelInject)),
		})
	}
}
