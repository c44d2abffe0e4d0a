package service

import (
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
)

var appProtocolOverridesName = &checks.Check{
	ID:     "GX302",
	Slug:   "app-protocol-overrides-name",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "appProtocol says something else than the port's name, and wins",
	What: "The name of a Service port says gRPC, and its `appProtocol` is another protocol, or one that Istio does not know (`h2c`, " +
		"`k8s.io/grpc`). It is an error where a gateway leads to the port, else a warning.",
	Why: "Where `appProtocol` is set at all, Istio does not look at the name, not even if it does not know the value. It knows the names of " +
		"protocols, as in port names, and `kubernetes.io/h2c`, `kubernetes.io/ws` and `kubernetes.io/wss`.",
	Client: "`UNAVAILABLE` or `INTERNAL` through a gateway, which speaks HTTP/1.1 to the pods.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, appProtocol: h2c, port: 8000, targetPort: 50051}]
` + example.GreeterRoute,
	Good: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: grpc, appProtocol: kubernetes.io/h2c, port: 8000, targetPort: 50051}]
` + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: checks.PortProtocolConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			if checks.NotHTTP2(p, port) && checks.OverridesName(port) && !isLeftAlone(p, port) {
				p.Report(checks.Finding{
					Level:  checks.LevelOfPort(port),
					Object: port.Service,
					Path:   checks.PortField(port, "appProtocol"),
					Message: fmt.Sprintf("%s of Service %s is gRPC by its name, but appProtocol %q wins over the name: %s.",
						checks.UpperFirst(checks.PortText(port)), port.Service.Name, *port.Port.AppProtocol, checks.ProtocolText(port)),
					Evidence: checks.EvidenceOf(port),
					Symptom:  checks.WrongProtocolSymptom(port),
					Fix:      checks.DeclareGRPC(p, port),
				})
			}
		}
	},
}
