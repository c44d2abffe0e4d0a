package workload

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var singleReplica = &checks.Check{
	ID:     "GX203",
	Slug:   "single-replica",
	Levels: []checks.Level{checks.Info},
	Title:  "One replica: there is nothing to balance over",
	What:   "The only workload behind an exposed port has one replica, and no autoscaler keeps two or more.",
	Why: "Requests are balanced over the pods that there are. With one pod, all of them go there, and none arrives while it is " +
		"replaced.",
	Client: "Calls work; they fail with `UNAVAILABLE` while the pod restarts.",
	Bad: example.GreeterNamespace + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter, namespace: demo}
spec:
  replicas: 1
  selector: {matchLabels: {app: greeter}}
  template:
    metadata: {labels: {app: greeter}}
    spec:
      containers:
      - name: greeter
        image: registry.example.com/greeter:1.0
        ports: [{name: grpc, containerPort: 50051}]
        readinessProbe: {grpc: {port: 50051}}
` + example.GreeterService,
	Good:     example.GreeterWorkload + example.GreeterService,
	Reads:    checks.ExposureReads,
	Consults: slices.Concat(checks.ExposureConsults, workload.ScalingKinds),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for w, ports := range exposure.EachWorkload(p.Snapshot) {
			if w.Replicas != 1 || slices.ContainsFunc(ports, hasSeveralReplicas) ||
				workload.ScalingOf(p.Snapshot, w).AtLeast > 1 {
				continue
			}
			p.Report(checks.Finding{
				Object:   w.Object,
				Path:     plan.PathOf("spec", "replicas"),
				Message:  fmt.Sprintf("%s has one replica, so that there is nothing to balance the calls of %s over.", w.Key, checks.PortsText(ports)),
				Evidence: checks.EvidenceOf(ports[0]),
				Symptom:  "UNAVAILABLE while the only pod restarts",
				Fix:      checks.Fix{Text: fmt.Sprintf("Scale %s to two replicas or more.", w.Key)},
			})
		}
	},
}

func hasSeveralReplicas(port *exposure.ExposedPort) bool {
	var replicas int32
	for _, workload := range port.Workloads {
		replicas += workload.Replicas
	}
	return replicas > 1
}
