package injection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// labelledRoute leads through Istio's gateway to the server of the other examples, with labels on the VirtualService.
func labelledRoute(labels string) string {
	return example.Mesh(example.Namespace("istio-injection: enabled"), example.Workload("", "", ""), fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: checkout, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [checkout.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: checkout
  namespace: shop
  labels: {%s}
spec:
  hosts: [checkout.example.com]
  gateways: [checkout]
  http:
  - route:
    - destination: {host: checkout, port: {number: 8000}}
`, labels))
}

var configOfOtherRevision = &checks.Check{
	ID:     "GX116",
	Slug:   "config-of-other-revision",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "istiod does not read an object, because of its revision label",
	What: "An object of Istio or a route of the Gateway API on the path of gRPC calls has the label istio.io/rev, and its value is not the " +
		"revision of the control plane that configures the gateway or the pods.",
	Why: "istiod reads objects without the label, and those that name its own revision. A revision tag (default, stable) is not a revision " +
		"here: tags count on namespaces, pods and Gateways of the Gateway API only.",
	Client:   "As if the object were not there: `UNIMPLEMENTED` for a route, `UNAVAILABLE` for a Gateway, and policies are not in force.",
	Bad:      labelledRoute("istio.io/rev: stable"),
	Good:     labelledRoute("istio.io/rev: default"),
	Reads:    istioObjectReads,
	Consults: istioObjectConsults,
	Since:    "v0.1.0",
	Run:      runConfigOfOtherRevision,
}

func runConfigOfOtherRevision(p *checks.Pass) {
	if !slices.ContainsFunc(candidates(p), func(object mesh.Object) bool { _, labelled := object.GetLabels()[proxy.LabelRevision]; return labelled }) {
		return
	}
	objects := istioObjectsOnPath(p)
	for _, object := range objects {
		reads := func(istiod proxy.Istiod, labels map[string]string) bool {
			return !istiod.ReadsKind(object.kind) || istiod.ReadsRevision(object.kind, labels)
		}
		if slices.ContainsFunc(object.istiods, func(istiod proxy.Istiod) bool { return reads(istiod, object.GetLabels()) }) ||
			isForOtherControlPlane(p, object, objects) {
			continue
		}
		reportOtherRevision(p, object)
	}
}

// isForOtherControlPlane reports whether the object is one of a pair: it is for another control plane that is there, and an object
// for the same thing is read in its place.
func isForOtherControlPlane(p *checks.Pass, object istioObject, objects []istioObject) bool {
	value := object.GetLabels()[proxy.LabelRevision]
	if !slices.ContainsFunc(proxy.IstiodsOf(p.Snapshot, value), func(istiod proxy.Istiod) bool { return istiod.Revision == value }) {
		return false
	}
	return slices.ContainsFunc(objects, func(other istioObject) bool {
		return other.kind == object.kind && mesh.KeyOf(other.Object) != mesh.KeyOf(object.Object) && isSameSubject(object.Object, other.Object) &&
			slices.ContainsFunc(object.istiods, func(istiod proxy.Istiod) bool { return istiod.ReadsRevision(other.kind, other.GetLabels()) })
	})
}

func reportOtherRevision(p *checks.Pass, object istioObject) {
	value := object.GetLabels()[proxy.LabelRevision]
	path := plan.Path{"metadata", "labels", proxy.LabelRevision}
	var revisions, evidence []string
	for _, istiod := range object.istiods {
		if !slices.Contains(revisions, istiod.Revision) {
			revisions = append(revisions, istiod.Revision)
			if slices.Contains(istiod.Tags, value) {
				evidence = append(evidence, fmt.Sprintf("%s is a tag of revision %s, and tags do not count here", value, istiod.Revision))
			}
		}
	}
	key := mesh.KeyOf(object.Object)
	p.Report(checks.Finding{
		Object: object.Object, Path: path, Level: p.LevelFor(object.relevance, checks.Error),
		Message: fmt.Sprintf("%s has the label %s=%s, but the control plane that would use it is revision %s: it does not read the object.",
			key, proxy.LabelRevision, value, strings.Join(revisions, " or ")),
		Evidence: append([]string{"istiod reads objects without the label, and those of its own revision"}, evidence...),
		Symptom:  symptomOfUnread(object.kind),
		Fix: checks.Fix{
			Text:    fmt.Sprintf("Remove the label %s from %s.", proxy.LabelRevision, key),
			Level:   checks.Ask,
			Changes: checks.SetField(p, object.Object, "istiod then reads the object", nil, path...),
		},
	})
}
