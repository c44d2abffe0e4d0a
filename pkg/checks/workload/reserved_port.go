package workload

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var reservedPort = &checks.Check{
	ID:     "GX207",
	Slug:   "reserved-port",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The application listens on a port of its proxy",
	What: "A container port, or the target of an exposed Service port, of a workload with a sidecar is one on which the proxy listens: 15000, " +
		"15001, 15004, 15006, 15020, 15021, 15090, with HBONE 15008, with Istio's DNS 15053.",
	Why: "The containers of a pod share one network. Of two processes that want the same port, the second one cannot bind it and exits. " +
		"The mesh config and annotations can move some of these ports; the check uses the ports that are configured.",
	Client: "`UNAVAILABLE`: the pods do not become ready.",
	Bad: example.GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 2
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        ports: [{name: grpc, containerPort: 50051}, {name: admin, containerPort: 15001}]
        readinessProbe: {grpc: {port: 50051}}
` + example.GreeterService,
	Good:     example.GreeterWorkload + example.GreeterService,
	Reads:    slices.Concat(checks.ExposureReads, []mesh.Kind{mesh.KindWebhook}),
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for w, ports := range exposure.EachWorkload(p.Snapshot) {
			if checks.GetsProxy(p, w) {
				reportReservedPort(p, w, ports)
			}
		}
	},
}

func reportReservedPort(p *checks.Pass, w *workload.Workload, ports []*exposure.ExposedPort) {
	for _, reserved := range proxy.ReservedPorts(p.Snapshot, proxy.InjectionOf(p.Snapshot, w).Revision, w.Template) {
		what, path := checks.ListensOn(w, ports, reserved.Number)
		if what == "" {
			continue
		}
		p.Report(checks.Finding{
			Object: w.Object, Path: path, Level: checks.ErrorUnlessWeak(ports...),
			Message: fmt.Sprintf("%s is port %d, on which the proxy in the same pod listens (for %s): one of the two cannot bind the port, so the pods of %s do not become ready.",
				checks.UpperFirst(what), reserved.Number, reserved.Use, w.Key),
			Evidence: []string{"its pods get a proxy", ports[0].Evidence[0].Text},
			Symptom:  "UNAVAILABLE: no pod is ready",
			Fix:      checks.Fix{Text: fmt.Sprintf("Let the server listen on another port than %d, and change the container port, its probes and the targetPort with it.", reserved.Number)},
		})
		return
	}
}
