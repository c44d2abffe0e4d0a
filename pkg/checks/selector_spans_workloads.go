package checks

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var selectorSpansWorkloads = &Check{
	ID:     "GX304",
	Slug:   "selector-spans-workloads",
	Levels: []Level{Warning},
	Title:  "The Service also selects pods that do not serve the port",
	What: "The selector of a Service matches the pods of several workloads, and some of them do not have the target of an exposed " +
		"port.",
	Why: "If the target is a number, every pod that the selector matches is an endpoint and gets its share of the calls, whether or not " +
		"anything listens there. If it is a name, pods without it are no endpoints: the selector then only says something that is not so.",
	Client:   "`UNAVAILABLE`, connection refused, for the share of calls that goes to the wrong pods; it looks like a flaky server.",
	Bad:      greeterWorkload + greeterWorker + greeterService,
	Good:     greeterWorkload + strings.ReplaceAll(greeterWorker, "app: greeter,", "app: greeter-worker,") + greeterService,
	Reads:    exposureReads,
	Consults: exposureConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		for _, port := range p.ExposedPorts() {
			reportSpansWorkloads(p, port)
		}
	},
}

const greeterWorker = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeter-worker, namespace: demo}
spec:
  replicas: 1
  selector: {matchLabels: {app: greeter, role: worker}}
  template:
    metadata: {labels: {app: greeter, role: worker}}
    spec:
      containers:
      - name: worker
        image: registry.example.com/greeter-worker:1.0
        ports: [{name: metrics, containerPort: 9090}]
        readinessProbe: {tcpSocket: {port: 9090}}
`

func reportSpansWorkloads(p *Pass, port *mesh.ExposedPort) {
	var serving, lacking []string
	for _, workload := range port.Workloads {
		if targetIn(port.Port, workload).lacks() {
			lacking = append(lacking, workload.Key.String())
		} else {
			serving = append(serving, workload.Key.String())
		}
	}
	if len(serving) == 0 || len(lacking) == 0 {
		return
	}
	symptom := "UNAVAILABLE for the share of calls that goes to these pods"
	if port.Port.TargetPort.Type == intstr.String {
		symptom = "none as long as these pods do not declare the name; from then on they get a share of the calls"
	}
	p.Report(Finding{
		Object: port.Service,
		Path:   ".spec.selector",
		Message: fmt.Sprintf("The selector of Service %s matches the pods of %s, which do not have port %s, to which %s leads.",
			port.Service.Name, strings.Join(lacking, " and "), port.Port.TargetPort.String(), portText(port)),
		Evidence: append(evidenceOf(port), "the port is there in "+strings.Join(serving, " and ")),
		Symptom:  symptom,
		Fix: Fix{Text: fmt.Sprintf("Add a label to the selector of Service %s that only the pods of %s have.",
			port.Service.Name, strings.Join(serving, " and "))},
	})
}
