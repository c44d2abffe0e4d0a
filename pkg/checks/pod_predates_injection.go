package checks

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var podPredatesInjection = &Check{
	ID:     "GX106",
	Slug:   "pod-predates-injection",
	Levels: []Level{Warning},
	Title:  "Pods run without the proxy that new ones would get",
	What:   "Pods of a workload that serves gRPC have no proxy, although an injector webhook selects them as they are labelled now.",
	Why: "Webhooks see pods only when they are made. A label that was set, or an injector that came up, after that changes nothing for pods " +
		"that run; they have to be made anew. A proxy may be a container, or as native sidecar an initContainer that runs on.",
	Client: "A gateway balances calls to these pods per request all the same. Inside the mesh they are without mutual TLS, and clients in " +
		"them keep all their calls on one server pod.",
	Bad:      exampleMesh(exampleNamespace("istio-injection: enabled"), exampleWorkload("", "", ""), examplePod("")),
	Good:     exampleMesh(exampleNamespace("istio-injection: enabled"), exampleWorkload("", "", ""), examplePod(exampleInjected("default"))),
	Reads:    injectionReadsAnd(mesh.KindPod),
	Consults: consultsBeside(injectionReadsAnd(mesh.KindPod), mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Run:      runPodPredatesInjection,
}

func runPodPredatesInjection(p *Pass) {
	for _, workload := range exposedWorkloads(p) {
		if !p.InjectionOf(workload.Workload).Injected {
			continue
		}
		without := podsWithoutProxy(p, workload)
		if len(without) == 0 || !knowsNamespace(p, workload.Namespace()) {
			continue
		}
		p.Report(Finding{
			Object: workload.Object,
			Message: fmt.Sprintf("%d of %d pods of %s run without a proxy, although new ones would get one.",
				len(without), len(p.PodsOf(workload.Workload)), workload.Key),
			Evidence: []string{injectedByText(p, workload), "without a proxy: " + podNames(without), workload.evidence()},
			Symptom:  inMeshSymptom,
			Fix:      restartWorkload(p, workload),
		})
	}
}
