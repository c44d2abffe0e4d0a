package workload

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const strictMutualTLS = `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: demo}
spec: {mtls: {mode: STRICT}}
`

func greeterWithProbe(annotation string) string {
	return example.GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: greeter}}
  template:
    metadata:
      labels: {app: greeter}
      annotations: {` + annotation + `}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
` + example.GreeterService + strictMutualTLS
}

var probeAgainstMTLS = &checks.Check{
	ID:     "GX208",
	Slug:   "probe-against-mtls",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The kubelet's probe meets mutual TLS",
	What: "Probe rewriting is off for a workload with a sidecar (by the annotation `sidecar.istio.io/rewriteAppHTTPProbers: \"false\"`, or by the " +
		"injector's default), mutual TLS is STRICT, and a container has a grpc or httpGet probe of a port that the proxy takes.",
	Why: "The kubelet has no certificate of the mesh. The injector therefore makes it ask the agent, which asks the application from inside the " +
		"pod. Without that, the kubelet's plaintext connection reaches the proxy, and STRICT refuses it.",
	Client:   "`UNAVAILABLE`: the pods do not become ready, or restart again and again.",
	Bad:      greeterWithProbe(`sidecar.istio.io/rewriteAppHTTPProbers: "false"`),
	Good:     greeterWithProbe(`sidecar.istio.io/rewriteAppHTTPProbers: "true"`),
	Reads:    slices.Concat(checks.ExposureReads, []mesh.Kind{mesh.KindWebhook, mesh.KindPeerAuthentication}),
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for w, ports := range exposure.EachWorkload(p.Snapshot) {
			if checks.GetsProxy(p, w) {
				reportProbeAgainstMTLS(p, w, ports)
			}
		}
	},
}

func reportProbeAgainstMTLS(p *checks.Pass, w *workload.Workload, ports []*exposure.ExposedPort) {
	rewrites, annotation, because := proxy.RewritesProbes(p.Snapshot, w)
	if rewrites {
		return
	}
	probe, ok := checks.RefusedProbe(p, w)
	if !ok {
		return
	}
	off := because
	finding := checks.Finding{
		Object: w.Object, Path: probe.Path, Level: checks.ErrorUnlessWeak(ports...),
		Symptom: "UNAVAILABLE: no pod becomes ready",
		Fix: checks.Fix{Text: fmt.Sprintf("Set sidecar.istio.io/rewriteAppHTTPProbers: \"true\" on the pod template of %s, or make port %d PERMISSIVE in a PeerAuthentication.",
			w.Key, probe.Port)},
	}
	if annotation != "" {
		off = fmt.Sprintf("the annotation %s is %q on its pod template", annotation, w.Template.Annotations[annotation])
		path := plan.Path{"spec", "template", "metadata", "annotations", annotation}
		finding.Path = path
		if because == "" && w.RenewsAllPods() {
			finding.Fix = checks.Fix{
				Text:    fmt.Sprintf("Remove the annotation %s from the pod template of %s.", annotation, w.Key),
				Level:   checks.Ask,
				Changes: checks.SetField(p, w.Object, "the kubelet's probes then go to the agent, which needs no mutual TLS", nil, path...),
			}
		}
	}
	finding.Message = fmt.Sprintf("The %s of container %s of %s is refused: it is not rewritten, and the proxy takes nothing but mutual TLS on port %d.",
		probe.Name, probe.Container, w.Key, probe.Port)
	finding.Evidence = []string{off}
	if _, from := policy.PeerAuthenticationFor(p.Snapshot, w.Namespace(), w.Template.Labels, probe.Port); from != nil {
		finding.Evidence = append(finding.Evidence, mesh.KeyOf(from).String()+" demands STRICT mutual TLS")
	}
	finding.Evidence = append(finding.Evidence, ports[0].Evidence[0].Text)
	p.Report(finding)
}
