package traffic

import (
	"fmt"
	"maps"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var subsetSelectsNothing = &checks.Check{
	ID:     "GX605",
	Slug:   "subset-selects-nothing",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A subset that a route uses has no pods",
	What: "A route leads to a subset of an exposed port's host, and no pod of the Service (nor, where a workload has no pods yet, its pod " +
		"template) has the labels of the subset.",
	Why:    "istiod makes a cluster of its own for each subset, with those of the Service's pods that have the subset's labels.",
	Client: "UNAVAILABLE: no healthy upstream.",
	Bad: example.ShopServer + exampleShopSubsetRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  subsets:
  - {name: stable, labels: {version: v1}}
`,
	Good: example.ShopServer + exampleShopSubsetRoute + `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  subsets:
  - {name: stable, labels: {app: orders}}
`,
	Reads:    checks.PolicyReads(mesh.KindDestinationRule, mesh.KindVirtualService),
	Consults: append(checks.PolicyConsults(mesh.KindDestinationRule, mesh.KindVirtualService), mesh.KindWorkloadEntry),
	Since:    "v0.1.0",
	Run:      runSubsetSelectsNothing,
}

// exampleShopSubsetRoute is exampleShopRoute to a subset.
const exampleShopSubsetRoute = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: orders, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [orders.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders.example.com]
  gateways: [orders]
  http:
  - route:
    - destination: {host: orders, subset: stable, port: {number: 8000}}
---
`

func runSubsetSelectsNothing(p *checks.Pass) {
	for _, holder := range p.VirtualServices().All() {
		for _, rule := range holder.Spec.GetHttp() {
			for _, destination := range host.ServiceDestinations(p.Snapshot, rule, holder.Namespace) {
				if destination.Service == nil || destination.Spec.GetSubset() == "" {
					continue
				}
				if relevance := p.DestinationRelevance(destination); p.InScope(relevance) {
					judgeSubset(p, holder, destination, p.LevelFor(relevance, checks.Error))
				}
			}
		}
	}
}

// judgeSubset judges the subset as the gateways of the Service find it, and as a sidecar beside it does.
func judgeSubset(p *checks.Pass, holder *networking.VirtualService, destination host.Destination, level checks.Level) {
	service := destination.Service
	clients := []proxy.Client{}
	for _, gateway := range gatewaysOfService(p, service) {
		clients = append(clients, gateway.Client())
	}
	if len(clients) == 0 {
		clients = append(clients, proxy.Client{Namespace: service.Namespace})
	}
	for _, client := range clients {
		rule := policy.DestinationRuleFor(p.Snapshot, client, host.ServiceHost(service), service.Namespace)
		subset, ok := rule.Subset(destination.Spec.GetSubset())
		if !ok || selectsPods(p, service, subset.Spec.GetLabels()) || !selectsPods(p, service, nil) {
			continue
		}
		if p.Wants(subset.From) && p.Missing(mesh.KindPod, service.Namespace, "") {
			reportEmptySubset(p, holder, service, subset, level)
		}
	}
}

// selectsPods reports whether a pod that the Service selects has these labels too, or the template of a workload without pods. Labels
// that istiod gives to endpoints itself may have any value.
func selectsPods(p *checks.Pass, service *core.Service, wanted map[string]string) bool {
	if !workload.HasEndpoints(service) {
		return true // its endpoints are made by other hands
	}
	wanted = workload.LabelsOfPodsOnly(wanted)
	all := maps.Clone(service.Spec.Selector)
	maps.Copy(all, wanted)
	if p.SelectsUnread(service.Namespace, all) || workload.SelectsWorkloadEntry(p.Snapshot, service.Namespace, all) {
		return true
	}
	return slices.ContainsFunc(workload.WorkloadsOf(p.Snapshot, service), func(w *workload.Workload) bool {
		return len(workload.PodsOf(p.Snapshot, w)) == 0 && mesh.HasLabels(w.Template.Labels, wanted)
	}) || slices.ContainsFunc(workload.PodsSelected(p.Snapshot, service.Namespace, service.Spec.Selector), func(pod *core.Pod) bool {
		return mesh.HasLabels(pod.Labels, wanted)
	})
}

func reportEmptySubset(p *checks.Pass, holder *networking.VirtualService, service *core.Service, subset policy.HostSubset, level checks.Level) {
	p.Report(checks.Finding{
		Level:  level,
		Object: subset.From,
		Path:   plan.PathOf("spec", "subsets", subset.Index, "labels"),
		Message: fmt.Sprintf("No pod of Service %s/%s has the labels of subset %q (%s).",
			service.Namespace, service.Name, subset.Spec.GetName(), labels.Set(subset.Spec.GetLabels())),
		Evidence: []string{fmt.Sprintf("%s leads to the subset", mesh.KeyOf(holder))},
		Symptom:  "UNAVAILABLE: no healthy upstream",
		Fix:      checks.Fix{Text: "Give the subset labels that its pods have, or the pod templates the labels of the subset."},
	})
}
