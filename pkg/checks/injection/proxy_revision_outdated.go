package injection

import (
	"fmt"
	"maps"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var proxyRevisionOutdated = &checks.Check{
	ID:     "GX107",
	Slug:   "proxy-revision-outdated",
	Levels: []checks.Level{checks.Warning},
	Title:  "Pods run the proxy of another revision than new ones would get",
	What: "The proxy of running pods was injected by another control plane revision than the one that the webhooks would send new pods to " +
		"now; revision tags are resolved.",
	Why: "Moving a namespace to a revision, or a tag to another one, changes what new pods get. Pods that run keep their proxy, and its " +
		"connection to the old control plane, until they are made anew.",
	Client: "None as long as the old control plane runs. Once it is removed, these proxies get no more configuration: new endpoints and " +
		"routes do not reach them, and calls fail with UNAVAILABLE.",
	Bad:      example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Pod(example.Injected("1-24-0"))),
	Good:     example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), example.Pod(example.Injected("default"))),
	Reads:    injectionReadsAnd(mesh.KindPod),
	Consults: consultsBeside(injectionReadsAnd(mesh.KindPod), mesh.KindEndpointSlice),
	Since:    "v0.1.0",
	Accepts:  checks.WithoutRestart,
	Run:      runProxyRevisionOutdated,
}

func runProxyRevisionOutdated(p *checks.Pass) {
	for _, workload := range exposedWorkloads(p) {
		injection := proxy.InjectionOf(p.Snapshot, workload.Workload)
		if !injection.Injected {
			continue
		}
		outdated := outdatedByRevision(p, workload, injection)
		if len(outdated) == 0 || !knowsNamespace(p, workload.Namespace()) {
			continue
		}
		evidence := []string{injectedByText(p, workload)}
		if injection.By.Tag != "" {
			evidence = append(evidence, fmt.Sprintf("tag %s stands for revision %s", injection.By.Tag, injection.Revision))
		}
		revisions := slices.Sorted(maps.Keys(outdated))
		for _, revision := range revisions {
			evidence = append(evidence, fmt.Sprintf("on revision %s: %s", revision, podNames(outdated[revision])))
		}
		p.Report(checks.Finding{
			Object: workload.Object,
			Message: fmt.Sprintf("Pods of %s run the proxy of revision %s, but new ones would get that of %s.",
				workload.Key, revisions[0], injection.Revision),
			Evidence: append(evidence, workload.evidence()),
			Symptom:  "none while the old control plane runs; UNAVAILABLE for what changes after it is gone",
			Fix:      restartWorkload(p, workload),
		})
	}
}

// outdatedByRevision are the workload's pods with a proxy of another revision, by that revision.
func outdatedByRevision(p *checks.Pass, w exposedWorkload, injection proxy.Injection) map[string][]*core.Pod {
	_, outdated := proxy.StalePods(p.Snapshot, w.Workload, injection)
	byRevision := map[string][]*core.Pod{}
	for _, pod := range outdated {
		sidecar, _ := proxy.OfWorkload(p.Snapshot, pod)
		byRevision[sidecar.Revision] = append(byRevision[sidecar.Revision], pod)
	}
	return byRevision
}
