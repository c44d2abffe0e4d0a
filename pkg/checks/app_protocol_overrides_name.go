package checks

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
)

var appProtocolOverridesName = &Check{
	ID:     "GX302",
	Slug:   "app-protocol-overrides-name",
	Levels: []Level{Error, Warning},
	Title:  "appProtocol says something else than the port's name, and wins",
	What: "The name of a Service port says gRPC, and its `appProtocol` is another protocol, or one that Istio does not know (`h2c`, " +
		"`k8s.io/grpc`). It is an error where a gateway leads to the port, else a warning.",
	Why: "Where `appProtocol` is set at all, Istio does not look at the name, not even if it does not know the value. It knows the names of " +
		"protocols, as in port names, and `kubernetes.io/h2c`, `kubernetes.io/ws` and `kubernetes.io/wss`.",
	Client: "`UNAVAILABLE` or `INTERNAL` through a gateway, which speaks HTTP/1.1 to the pods.",
	Bad: greeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, appProtocol: h2c, port: 8000, targetPort: 50051}]
` + greeterRoute,
	Good: greeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, appProtocol: kubernetes.io/h2c, port: 8000, targetPort: 50051}]
` + greeterRoute,
	Reads:    exposureReads,
	Consults: portProtocolConsults,
	Since:    "v0.1.0",
	Run: func(p *Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			if notHTTP2(p, port) && overridesName(port) {
				p.Report(Finding{
					Level:  routedLevel(port),
					Object: port.Service,
					Path:   portField(port, "appProtocol"),
					Message: fmt.Sprintf("%s of Service %s is gRPC by its name, but appProtocol %q wins over the name: %s.",
						upperFirst(portText(port)), port.Service.Name, *port.Port.AppProtocol, protocolText(port)),
					Evidence: evidenceOf(port),
					Symptom:  wrongProtocolSymptom(port),
					Fix:      declareGRPC(p, port),
				})
			}
		}
	},
}
