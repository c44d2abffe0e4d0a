package injection

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

// istiodIgnoring is a control plane with that setting.
func istiodIgnoring(resources string) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: istiod
  namespace: istio-system
  labels: {app: istiod, istio.io/rev: default}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata:
      labels: {app: istiod, istio: pilot, istio.io/rev: default, sidecar.istio.io/inject: "false"}
    spec:
      containers:
      - name: discovery
        image: docker.io/istio/pilot:1.26.4
        args: [discovery]
        env:
        - {name: REVISION, value: default}
        - {name: PILOT_IGNORE_RESOURCES, value: "%s"}
`, resources)
}

var kindIgnored = &checks.Check{
	ID:     "GX117",
	Slug:   "kind-ignored",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "istiod is set up not to read objects of this kind",
	What: "PILOT_IGNORE_RESOURCES of the control plane lists the kind of an object on the path of gRPC calls, or its group, and " +
		"PILOT_INCLUDE_RESOURCES does not take it in again.",
	Why: "istiod does not watch such kinds. It is a setting of installations that serve the Gateway API only, where other control planes " +
		"share the resource definitions.",
	Client:   "As if the object were not there: `UNIMPLEMENTED` for a route, `UNAVAILABLE` for a Gateway, and policies are not in force.",
	Bad:      labelledRoute("") + istiodIgnoring("virtualservices.networking.istio.io"),
	Good:     labelledRoute("") + istiodIgnoring("wasmplugins.extensions.istio.io"),
	Reads:    istioObjectReads,
	Consults: istioObjectConsults,
	Since:    "v0.1.0",
	Run:      runKindIgnored,
}

func runKindIgnored(p *checks.Pass) {
	ignores := func(istiod proxy.Istiod) bool {
		return istiod.Template != nil && proxy.EnvironmentOf(istiod.Template, proxy.IgnoreResources) != ""
	}
	if !slices.ContainsFunc(proxy.Istiods(p.Snapshot), ignores) {
		return
	}
	for _, object := range istioObjectsOnPath(p) {
		if slices.ContainsFunc(object.istiods, func(istiod proxy.Istiod) bool { return istiod.ReadsKind(object.kind) }) {
			continue
		}
		key, template := mesh.KeyOf(object.Object), object.istiods[0].Template
		p.Report(checks.Finding{
			Object: object.Object, Level: p.LevelFor(object.relevance, checks.Error),
			Message:  fmt.Sprintf("The control plane does not read %s: %s leaves out its kind.", key, proxy.IgnoreResources),
			Evidence: []string{fmt.Sprintf("%s of istiod is %q, and %s is %q", proxy.IgnoreResources, proxy.EnvironmentOf(template, proxy.IgnoreResources), proxy.IncludeResources, proxy.EnvironmentOf(template, proxy.IncludeResources))},
			Symptom:  symptomOfUnread(object.kind),
			Fix: checks.Fix{Text: fmt.Sprintf("Say the same with objects that this control plane reads, or add %s.%s to %s of istiod.",
				object.kind.Info().Resource, object.kind.Info().Group, proxy.IncludeResources)},
		})
	}
}
