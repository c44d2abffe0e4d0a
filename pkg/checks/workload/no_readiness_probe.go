package workload

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

var noReadinessProbe = &checks.Check{
	ID:     "GX204",
	Slug:   "no-readiness-probe",
	Levels: []checks.Level{checks.Info},
	Title:  "The serving container has no readiness probe",
	What:   "The container that serves an exposed port has no `readinessProbe`.",
	Why: "Without one, Kubernetes takes a container for ready as soon as it runs, and gateways send calls to pods whose server does not " +
		"listen yet. Since Kubernetes 1.24 a probe can call the gRPC health service itself.",
	Client: "Some calls get `UNAVAILABLE` whenever pods start: on every rollout and scale-up.",
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
        ports: [{name: grpc, containerPort: 50051}]
` + example.GreeterService,
	Good:     example.GreeterWorkload + example.GreeterService,
	Reads:    checks.ExposureReads,
	Consults: checks.ExposureConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for workload, ports := range exposure.EachWorkload(p.Snapshot) {
			for _, port := range ports {
				if reportNoReadinessProbe(p, workload, port) {
					break
				}
			}
		}
	},
}

func reportNoReadinessProbe(p *checks.Pass, w *workload.Workload, port *exposure.ExposedPort) bool {
	container, number := checks.ServingContainer(port.Port, w)
	if container == nil || container.ReadinessProbe != nil {
		return false
	}
	p.Report(checks.Finding{
		Object:   w.Object,
		Path:     checks.ContainerField(w, container),
		Message:  fmt.Sprintf("Container %s of %s serves %s and has no readiness probe.", container.Name, w.Key, checks.PortsText([]*exposure.ExposedPort{port})),
		Evidence: checks.EvidenceOf(port),
		Symptom:  "UNAVAILABLE for calls to pods that have just started",
		Fix: checks.Fix{Text: fmt.Sprintf("Add a readinessProbe to container %s: \"grpc: {port: %d}\" where the server has the gRPC health service, "+
			"else \"tcpSocket: {port: %d}\".", container.Name, number, number)},
	})
	return true
}
