package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var sidecarIngressProtocol = &checks.Check{
	ID:     "GX519",
	Slug:   "sidecar-ingress-protocol",
	Levels: []checks.Level{checks.Error},
	Title:  "A Sidecar's ingress listener keeps gRPC calls from the server",
	What: "Finds Sidecar resources with an `ingress` listener for the port of a gRPC server whose protocol is plain HTTP, or whose `defaultEndpoint` is a port on " +
		"which no container listens.",
	Why: "Ingress listeners take the place of what istiod derives from the Services: with protocol HTTP the proxy sends HTTP/1.1 to the server, whatever the " +
		"Service port is called, and calls go to the default endpoint, whatever the Service's targetPort is.",
	Client: "`UNAVAILABLE` or `INTERNAL`: the server does not know HTTP/1.1, or nothing listens.",
	Bad:    example.RoutedServer + example.RoutingGateway + example.RouteWith("  - route: [{destination: {host: orders, port: {number: 8000}}}]\n") + exampleIngress("HTTP"),
	Good:   example.RoutedServer + example.RoutingGateway + example.RouteWith("  - route: [{destination: {host: orders, port: {number: 8000}}}]\n") + exampleIngress("GRPC"),
	Reads:  append([]mesh.Kind{mesh.KindSidecar}, checks.ExposureReads...),
	Consults: append([]mesh.Kind{mesh.KindWebhook, mesh.KindDestinationRule, mesh.KindServiceEntry, mesh.KindPeerAuthentication},
		checks.ExposureConsults...),
	Since: "v0.1.0",
	Run:   runSidecarIngressProtocol,
}

func exampleIngress(protocol string) string {
	return `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: orders, namespace: shop}
spec:
  workloadSelector: {labels: {app: orders}}
  ingress:
  - port: {number: 50051, name: server, protocol: ` + protocol + `}
    defaultEndpoint: 127.0.0.1:50051
`
}

func runSidecarIngressProtocol(p *checks.Pass) {
	told := map[*networkingapi.IstioIngressListener]bool{}
	for _, port := range checks.PortsInScope(p) {
		for _, w := range port.Workloads {
			number, _, ok := workload.TargetPort(port.Port, w.Template)
			if _, captured := proxy.InboundCapture(w.Template.Annotations, number); !ok || !captured || !checks.GetsProxy(p, w) {
				continue
			}
			for _, inbound := range policy.InboundPorts(p.Snapshot, w.Namespace(), w.Template) {
				if inbound.Ingress == nil || inbound.Port != number || told[inbound.Ingress] {
					continue
				}
				if finding, found := ingressFault(p, port, w, inbound); found {
					told[inbound.Ingress] = true
					p.Report(finding)
				}
			}
		}
	}
}

// ingressFault is what is wrong with the ingress listener for a port of gRPC pods.
// Source: Istio's pilot/pkg/networking/core/listener_inbound.go (buildInboundChainConfigs), cluster.go (buildInboundClustersFromSidecar).
func ingressFault(p *checks.Pass, port *exposure.ExposedPort, w *workload.Workload, inbound policy.InboundPort) (checks.Finding, bool) {
	index := slices.Index(inbound.Sidecar.Spec.GetIngress(), inbound.Ingress)
	at := plan.PathOf("spec", "ingress", index)
	finding := checks.Finding{
		Object: inbound.Sidecar, Level: checks.ErrorUnlessWeak(port),
		Evidence: append([]string{fmt.Sprintf("%s leads to port %d of %s", checks.PortText(port), inbound.Port, w.Key)}, checks.EvidenceOf(port)...),
	}
	protocol := inbound.Ingress.GetPort().GetProtocol()
	if !inbound.KeepsHTTP2(p.Snapshot, w.Namespace(), w.Template) {
		finding.Path = append(slices.Clone(at), "port", "protocol")
		finding.Message = fmt.Sprintf("The ingress listener for port %d has protocol %s: the proxies of %s send HTTP/1.1 to their gRPC server.", inbound.Port, protocol, w.Key)
		finding.Symptom = "UNAVAILABLE or INTERNAL: the server does not know HTTP/1.1"
		finding.Fix = checks.Fix{
			Text: "Give the ingress listener protocol GRPC.", Level: checks.Ask, OnWordOf: checks.OnWordOf(port),
			Changes: checks.SetField(p, inbound.Sidecar, "the server behind the port is gRPC", "GRPC", finding.Path...),
		}
		return finding, true
	}
	endpoint := inbound.Ingress.GetDefaultEndpoint()
	if to, elsewhere := forwardedTo(endpoint); elsewhere && to != inbound.Port && !listensOn(w, to) {
		finding.Path = append(slices.Clone(at), "defaultEndpoint")
		finding.Message = fmt.Sprintf("The ingress listener for port %d passes calls to %s, and no container of %s declares port %d.", inbound.Port, endpoint, w.Key, to)
		finding.Symptom = "UNAVAILABLE: connection refused"
		finding.Fix = checks.Fix{Text: fmt.Sprintf("Name the server's own port: 127.0.0.1:%d.", inbound.Port)}
		return finding, true
	}
	return checks.Finding{}, false
}

// forwardedTo is the port of a default endpoint; ok is false for a socket, or none.
func forwardedTo(endpoint string) (port int32, ok bool) {
	if strings.HasPrefix(endpoint, "unix://") {
		return 0, false
	}
	address, err := netip.ParseAddrPort(endpoint)
	return int32(address.Port()), err == nil
}

// listensOn reports whether a container may listen on a port: one declares it, or none declares any.
func listensOn(w *workload.Workload, number int32) bool {
	declares := false
	for _, container := range workload.AppContainers(w.Template) {
		if slices.ContainsFunc(container.Ports, func(port core.ContainerPort) bool { return port.ContainerPort == number }) {
			return true
		}
		declares = declares || len(container.Ports) > 0
	}
	return !declares
}
