package service

import (
	"fmt"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var portNotGRPC = &checks.Check{
	ID:     "GX301",
	Slug:   "port-not-grpc",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Istio does not know that the Service port is gRPC",
	What: "A Service port behind which a gRPC server listens resolves to another protocol than GRPC, GRPC-Web or HTTP2. It is an error where a " +
		"gateway leads to the port, else a warning.",
	Why: "Istio reads the protocol from `appProtocol`, or else from the port's name up to the first dash: `grpc`, `grpc-api`, but neither " +
		"`grpcapi` nor `api-grpc`. A sidecar finds out what an undeclared port speaks; a gateway never does, and speaks HTTP/1.1 to every " +
		"port that is not declared to be HTTP/2. A DestinationRule with `useClientProtocol` or `h2UpgradePolicy: UPGRADE` makes up for it.",
	Client: "`UNAVAILABLE` or `INTERNAL` through a gateway, because a gRPC server does not speak HTTP/1.1. Inside the mesh, a port declared " +
		"as TCP is balanced per connection.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: http, port: 8000, targetPort: 50051}]
` + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: checks.PortProtocolConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			if checks.NotHTTP2(p, port) && !checks.OverridesName(port) && !isLeftAlone(p, port) {
				p.Report(checks.Finding{
					Level:  checks.LevelOfPort(port),
					Object: port.Service,
					Path:   declaringField(port),
					Message: fmt.Sprintf("%s of Service %s %s to a gRPC server, but %s: %s.",
						checks.UpperFirst(checks.PortText(port)), port.Service.Name, leadsText(port), checks.ProtocolText(port), whyProtocol(port)),
					Evidence: append(checks.EvidenceOf(port), checks.IneffectiveUpgrades(p, port)...),
					Symptom:  checks.WrongProtocolSymptom(port),
					Fix:      portNotGRPCFix(p, port),
				})
			}
		}
	},
}

// isLeftAlone reports whether the protocol of a port is not to be changed: its server ends TLS itself, of which GX311 speaks, or it was
// declared to be TCP on purpose, and no gateway leads there.
func isLeftAlone(p *checks.Pass, port *exposure.ExposedPort) bool {
	return port.MeantAsTCP && !port.Routed || plaintextToTLS(p, port) != ""
}

// portNotGRPCFix leaves a port alone to whose pods a DestinationRule has TLS spoken that is their own: the proxies of pods let that
// through only to ports that are not declared to be HTTP.
// Source: Istio's pilot/pkg/networking/core/filterchain_options.go (inboundPermissiveHTTPFilterChainMatchWithMxcOptions).
func portNotGRPCFix(p *checks.Pass, port *exposure.ExposedPort) checks.Fix {
	if port.Protocol().IsHTTP() {
		return checks.DeclareGRPC(p, port)
	}
	for _, way := range checks.CallPathsTo(p, port) {
		rule := policy.DestinationRuleFor(p.Snapshot, way.Client, host.ServiceHost(port.Service), port.Service.Namespace)
		policy := policy.TrafficPolicyFor(p.Snapshot, rule, port.Port.Port, way.Subset)
		mode := policy.TLS.GetMode()
		if mode == networkingapi.ClientTLSSettings_SIMPLE || mode == networkingapi.ClientTLSSettings_MUTUAL {
			return checks.Fix{Text: fmt.Sprintf("Leave the port as it is and set connectionPool.http.h2UpgradePolicy: UPGRADE beside tls (mode %s) in %s: "+
				"with a port named grpc the pods' proxies would refuse TLS that the pods end themselves.", mode, mesh.KeyOf(policy.TLSAt.Rule))}
		}
	}
	return checks.DeclareGRPC(p, port)
}

// leadsText is "leads", less sure where the evidence is weak.
func leadsText(port *exposure.ExposedPort) string {
	if port.Weak() {
		return "seems to lead"
	}
	return "leads"
}

// declaringField is the field that decides the port's protocol.
func declaringField(port *exposure.ExposedPort) plan.Path {
	switch {
	case port.Port.AppProtocol != nil:
		return checks.PortField(port, "appProtocol")
	case port.Port.Name != "":
		return checks.PortField(port, "name")
	default:
		return checks.PortField(port)
	}
}

// whyProtocol says how Istio comes to the protocol, as a clause.
func whyProtocol(port *exposure.ExposedPort) string {
	switch {
	case port.Port.AppProtocol != nil:
		return fmt.Sprintf("its appProtocol is %q", *port.Port.AppProtocol)
	case port.Port.Name == "":
		return "it has neither name nor appProtocol"
	case port.Protocol() == workload.ProtocolUnsupported && !strings.Contains(port.Port.Name, "-"):
		return fmt.Sprintf("its name, %q, is no protocol's", port.Port.Name)
	case port.Protocol() == workload.ProtocolUnsupported:
		return fmt.Sprintf("what stands before the first dash of %q is no protocol's name", port.Port.Name)
	default:
		return fmt.Sprintf("its name is %q", port.Port.Name)
	}
}
