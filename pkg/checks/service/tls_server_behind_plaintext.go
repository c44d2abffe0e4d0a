package service

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
)

var tlsServerBehindPlaintext = &checks.Check{
	ID:     "GX311",
	Slug:   "tls-server-behind-plaintext",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The server ends TLS itself, and plaintext is sent to it",
	What: "The server behind an exposed port ends TLS itself, as the port's name or an HTTPS probe shows, and no DestinationRule that " +
		"its callers use begins TLS. It is an error where a gateway leads to the port, else a warning.",
	Why: "A proxy calls a server in plaintext (Istio's mutual TLS between proxies ends at the server's proxy) unless a DestinationRule " +
		"says otherwise. Another name of the port does not change that: renamed to `grpc`, it breaks clients that speak TLS themselves.",
	Client: "`UNAVAILABLE`: the server takes the plaintext for a broken TLS handshake and closes the connection.",
	Bad: example.GreeterWorkload + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  selector: {app: greeter}
  ports: [{name: https, port: 8000, targetPort: 50051}]
` + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    checks.ExposureReads,
	Consults: checks.PortProtocolConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		streamed := streamedServices(p)
		for _, port := range exposure.ExposedPorts(p.Snapshot) {
			clause := plaintextToTLS(p, port)
			if clause == "" || !port.Routed && streamed[host.ServiceHost(port.Service)] {
				continue
			}
			level := checks.Warning
			if port.Routed {
				level = checks.ErrorUnlessWeak(port)
			}
			p.Report(checks.Finding{
				Level:  level,
				Object: port.Service,
				Path:   checks.PortField(port, ""),
				Message: fmt.Sprintf("The server behind %s of Service %s ends TLS itself, and proxies send it plaintext.",
					checks.PortText(port), port.Service.Name),
				Evidence: append([]string{clause}, checks.EvidenceOf(port)...),
				Symptom:  tlsServerSymptom(port),
				Fix: checks.Fix{Text: fmt.Sprintf("Serve plaintext gRPC and name the port grpc, since the proxies encrypt already; or let a DestinationRule for "+
					"Service %s set tls (mode SIMPLE), and name the port grpc.", port.Service.Name)},
			})
		}
	},
}

func tlsServerSymptom(port *exposure.ExposedPort) string {
	if port.Routed {
		return "UNAVAILABLE: the server closes the gateway's connections"
	}
	return "UNAVAILABLE for clients that call in plaintext; calls of those that speak TLS themselves stay on one pod"
}

// plaintextToTLS says why the server of a port ends TLS itself, where one of its callers sends plaintext; else it is empty.
func plaintextToTLS(p *checks.Pass, port *exposure.ExposedPort) string {
	if port.Port.Protocol != core.ProtocolTCP || port.Service.Spec.Type == core.ServiceTypeExternalName {
		return ""
	}
	clause := exposure.TLSServer(p.Snapshot, port.Service, port.Port)
	if clause == "" {
		return ""
	}
	// A BackendTLSPolicy may have the gateways of the Gateway API begin TLS. That kind is not read.
	if len(gatewayapi.RouteBackendsTo(p.Snapshot, port.Service, port.Port.Port)) > 0 {
		return ""
	}
	for _, way := range checks.CallPathsTo(p, port) {
		rule := policy.DestinationRuleFor(p.Snapshot, way.Client, host.ServiceHost(port.Service), port.Service.Namespace)
		mode := policy.TrafficPolicyFor(p.Snapshot, rule, port.Port.Port, way.Subset).TLS.GetMode()
		if mode != networkingapi.ClientTLSSettings_SIMPLE && mode != networkingapi.ClientTLSSettings_MUTUAL {
			return clause
		}
	}
	return ""
}

// streamedServices are the hosts to which tcp and tls routes lead: what is encrypted from client to server passes them as it is.
func streamedServices(p *checks.Pass) map[string]bool {
	hosts := map[string]bool{}
	for _, vs := range p.VirtualServices().All() {
		for _, destination := range checks.StreamDestinations(vs) {
			hosts[host.ResolveHost(destination.GetHost(), vs.Namespace)] = true
		}
	}
	return hosts
}
