package route

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var sidecarIngressProtocol = &checks.Check{
	ID:     "GX519",
	Slug:   "sidecar-ingress-protocol",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A Sidecar resource takes the gRPC port for something else",
	What: "Finds `ingress` listeners of Sidecar resources that take the place of a gRPC port and say HTTP/1.1 for its protocol, or hand its calls to a " +
		"`defaultEndpoint` on a port on which no container listens.",
	Why:      "A Sidecar resource with `ingress` replaces, in the sidecars of the pods that it selects, all that the Services say of their ports.",
	Client:   "UNAVAILABLE or INTERNAL: the sidecar speaks HTTP/1.1 to the gRPC server, or finds nobody there.",
	Bad:      example.RoutedServer + exampleIngress("HTTP"),
	Good:     example.RoutedServer + exampleIngress("GRPC"),
	Reads:    checks.PolicyReads(mesh.KindSidecar),
	Consults: append(checks.PolicyConsults(mesh.KindSidecar), mesh.KindDestinationRule, mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runSidecarIngressProtocol,
}

func exampleIngress(protocol string) string {
	return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: orders, namespace: shop}
spec:
  workloadSelector: {labels: {app: orders}}
  ingress:
  - port: {number: 50051, name: grpc, protocol: ` + protocol + `}
    defaultEndpoint: 127.0.0.1:50051
`
}

func runSidecarIngressProtocol(p *checks.Pass) {
	told := map[*networkingapi.IstioIngressListener]bool{}
	for _, port := range checks.PortsInScope(p) {
		for _, backend := range checks.BackendsOf(p, port) {
			if backend.Ambient || !backend.Enforces() {
				continue
			}
			template := *backend.Template
			template.Labels = backend.Labels
			if !replacesPort(p, backend.Namespace, &template, backend.Port) {
				continue
			}
			for _, inbound := range policy.InboundPorts(p.Snapshot, backend.Namespace, &template) {
				if inbound.Ingress == nil || inbound.Port != backend.Port || told[inbound.Ingress] {
					continue
				}
				if finding, ok := ingressFinding(p, port, backend, inbound); ok {
					told[inbound.Ingress] = true
					p.Report(finding)
				}
			}
		}
	}
}

// replacesPort reports whether the pods' Sidecar resource has an ingress listener for the port.
func replacesPort(p *checks.Pass, namespace string, template *core.PodTemplateSpec, number int32) bool {
	sidecar := policy.SidecarFor(p.Snapshot, namespace, template.Labels)
	return sidecar != nil && slices.ContainsFunc(sidecar.Spec.GetIngress(), func(ingress *networkingapi.IstioIngressListener) bool {
		return int32(ingress.GetPort().GetNumber()) == number
	})
}

// ingressFinding judges the ingress listener that stands for a gRPC port of some pods.
// Source: Istio's pilot/pkg/networking/core/listener_inbound.go (buildInboundChainConfigs) and cluster.go
// (buildInboundClustersFromSidecar).
func ingressFinding(p *checks.Pass, port *exposure.ExposedPort, backend checks.Backend, inbound policy.InboundPort) (checks.Finding, bool) {
	index := slices.Index(inbound.Sidecar.Spec.GetIngress(), inbound.Ingress)
	at := plan.PathOf("spec", "ingress", index)
	finding := checks.Finding{
		Object:   inbound.Sidecar,
		Level:    checks.ErrorUnlessWeak(port),
		Evidence: append([]string{fmt.Sprintf("%s of %s leads to port %d of %s", checks.PortText(port), mesh.KeyOf(port.Service), backend.Port, backend)}, checks.EvidenceOf(port)...),
	}
	endpoint, number := endpointOf(inbound.Ingress)
	switch {
	case number != backend.Port && number != 0 && declares(backend.Template, backend.Port) && !declares(backend.Template, number):
		right := net.JoinHostPort(endpoint, strconv.Itoa(int(backend.Port)))
		finding.Path = append(slices.Clone(at), "defaultEndpoint")
		finding.Message = fmt.Sprintf("The ingress listener for port %d, in which %s serves gRPC, hands its calls to %s, and no container declares port %d.",
			backend.Port, backend, inbound.Ingress.GetDefaultEndpoint(), number)
		finding.Symptom = "UNAVAILABLE: the sidecar cannot connect to the server"
		finding.Fix = checks.Fix{
			Text: fmt.Sprintf("Set defaultEndpoint to %s.", right), Level: checks.Ask, OnWordOf: checks.OnWordOf(port),
			Changes: checks.SetField(p, inbound.Sidecar, fmt.Sprintf("%s serves gRPC on port %d", backend, backend.Port), right,
				"spec", "ingress", strconv.Itoa(index), "defaultEndpoint"),
		}
	case !inbound.KeepsHTTP2(p.Snapshot, backend.Namespace, backend.Template):
		finding.Path = append(slices.Clone(at), "port", "protocol")
		finding.Message = fmt.Sprintf("The ingress listener for port %d says protocol %s, so that the sidecars of %s speak HTTP/1.1 to the gRPC server, whatever the Service says.",
			backend.Port, inbound.Ingress.GetPort().GetProtocol(), backend)
		finding.Symptom = "UNAVAILABLE or INTERNAL: the server does not understand what the sidecar sends"
		finding.Fix = checks.Fix{
			Text: "Set the protocol of the listener's port to GRPC.", Level: checks.Ask, OnWordOf: checks.OnWordOf(port),
			Changes: checks.SetField(p, inbound.Sidecar, fmt.Sprintf("%s serves gRPC on port %d", backend, backend.Port), "GRPC",
				"spec", "ingress", strconv.Itoa(index), "port", "protocol"),
		}
	default:
		return checks.Finding{}, false
	}
	return finding, true
}

// endpointOf is the address and port to which an ingress listener hands calls; 0 for its own port, or a socket.
func endpointOf(ingress *networkingapi.IstioIngressListener) (address string, port int32) {
	address, text, err := net.SplitHostPort(ingress.GetDefaultEndpoint())
	if err != nil {
		return "", 0
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0
	}
	return address, int32(number)
}

// declares reports whether a container has the port. Other ports may be open too: where it declares none, nobody knows.
func declares(template *core.PodTemplateSpec, number int32) bool {
	return slices.ContainsFunc(template.Spec.Containers, func(container core.Container) bool {
		return slices.ContainsFunc(container.Ports, func(port core.ContainerPort) bool { return port.ContainerPort == number })
	})
}
