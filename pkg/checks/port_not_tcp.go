package checks

import (
	"fmt"
	"strconv"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var portNotTCP = &Check{
	ID:     "GX309",
	Slug:   "port-not-tcp",
	Levels: []Level{Error, Warning},
	Title:  "The Service port of a gRPC server is not TCP",
	What:   "An exposed port has `protocol: UDP` or `SCTP`.",
	Why: "gRPC runs over HTTP/2, and that over TCP. Istio's proxies have no UDP ports at all, so that the route leads to a cluster that does " +
		"not exist.",
	Client: "`UNAVAILABLE`.",
	Bad: greeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, port: 8000, protocol: UDP, targetPort: 50051}]
` + greeterRoute,
	Good:     greeterWorkload + greeterService + greeterRoute,
	Reads:    exposureReads,
	Consults: exposureConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		for _, port := range p.ExposedPorts() {
			if port.Port.Protocol != core.ProtocolTCP {
				p.Report(Finding{
					Level:    errorUnlessWeak(port),
					Object:   port.Service,
					Path:     portField(port, "protocol"),
					Message:  fmt.Sprintf("%s of Service %s has protocol %s, and gRPC needs TCP.", upperFirst(portText(port)), port.Service.Name, port.Port.Protocol),
					Evidence: evidenceOf(port),
					Symptom:  "UNAVAILABLE: Istio has no such port",
					Fix:      toTCP(port),
				})
			}
		}
	},
}

// toTCP changes the transport. The API server tells the ports of a Service apart by it, so the port is named by its place.
func toTCP(port *mesh.ExposedPort) Fix {
	fix := Fix{Text: fmt.Sprintf("Set protocol: TCP on %s of Service %s.", portText(port), port.Service.Name), Level: Safe}
	if !transportInUse(port) {
		fix.Changes = setField(port.Service, "gRPC needs TCP", "TCP", "spec", "ports", strconv.Itoa(port.Index), "protocol")
	}
	return fix
}

// transportInUse says that the port's own transport is in use: a container declares the target with it, or the Service has a TCP
// port of the same number already.
func transportInUse(port *mesh.ExposedPort) bool {
	for _, other := range port.Service.Spec.Ports {
		if other.Port == port.Port.Port && other.Protocol == core.ProtocolTCP {
			return true
		}
	}
	for _, workload := range port.Workloads {
		if _, container, _ := mesh.TargetPort(port.Port, workload.Template); container != nil {
			return true
		}
	}
	return false
}
