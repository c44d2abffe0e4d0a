package injection

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var podPredatesInjection = &checks.Check{
	ID:     "GX106",
	Slug:   "pod-predates-injection",
	Levels: []checks.Level{checks.Warning},
	Title:  "Pods run without the proxy that new ones would get",
	What:   "Pods of a workload that serves gRPC have no proxy, although an injector webhook selects them as they are labelled now.",
	Why: "Webhooks see pods only when they are made. A label that was set, or an injector that came up, after that changes nothing for pods " +
		"that run; they have to be made anew. A proxy may be a container, or as native sidecar an initContainer that runs on.",
	Client: "A gateway balances calls to these pods per request all the same. Inside the mesh they are without mutual TLS, and clients in " +
		"them keep all their calls on one server pod.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Pod("")),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Pod(example.Injected("default"))),
	Reads:    injectionReadsAnd(mesh.KindPod),
	Consults: consultsBeside(injectionReadsAnd(mesh.KindPod), mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutProxies | checks.WithoutRestart,
	Run:      runPodPredatesInjection,
}

func runPodPredatesInjection(p *checks.Pass) {
	for _, w := range exposedWorkloads(p) {
		injection := proxy.InjectionOf(p.Snapshot, w.Workload)
		without, _ := proxy.StalePods(p.Snapshot, w.Workload, injection)
		if !injection.Injected || len(without) == 0 || !knowsNamespace(p, w.Namespace()) {
			continue
		}
		p.Report(checks.Finding{
			Object: w.Object,
			Message: fmt.Sprintf("%d of %d pods of %s run without a proxy, although new ones would get one.",
				len(without), len(workload.PodsOf(p.Snapshot, w.Workload)), w.Key),
			Evidence: []string{injectedByText(p, w), "without a proxy: " + podNames(without), w.evidence()},
			Symptom:  inMeshSymptom,
			Fix:      restartWorkload(p, w),
		})
	}
}
