package route

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var meshHostConflict = &checks.Check{
	ID:     "GX518",
	Slug:   "mesh-host-conflict",
	Levels: []checks.Level{checks.Error},
	Title:  "Two VirtualServices have the same host in the mesh",
	What: "Finds VirtualServices for `mesh` (which is the default where `gateways` is empty) that lead to a gRPC port and have a host that an older one has too, " +
		"as far as the same callers see both.",
	Why: "At a gateway, the routes of VirtualServices with one host are merged. In a sidecar they are not: the first one by visibility and age has the host, " +
		"and the others are dropped whole.",
	Client: "Callers in the mesh get none of the routes, timeouts and retries of the younger one.",
	Bad: example.RoutedServer + exampleMeshRoute("orders", "2026-01-05T10:00:00Z", "") + "---\n" +
		exampleMeshRoute("orders-retries", "2026-02-05T10:00:00Z", ", retries: {attempts: 3, retryOn: unavailable}"),
	Good:     example.RoutedServer + exampleMeshRoute("orders", "2026-01-05T10:00:00Z", ", retries: {attempts: 3, retryOn: unavailable}"),
	Reads:    []mesh.Kind{mesh.KindVirtualService, mesh.KindService},
	Consults: append([]mesh.Kind{mesh.KindSidecar, mesh.KindGateway}, checks.RouteConsults...),
	Since:    "v0.1.0",
	Run:      runMeshHostConflict,
}

func exampleMeshRoute(name, created, retries string) string {
	return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ` + name + `, namespace: shop, creationTimestamp: "` + created + `"}
spec:
  hosts: [orders]
  http:
  - {route: [{destination: {host: orders, port: {number: 8000}}}]` + retries + `}
`
}

func runMeshHostConflict(p *checks.Pass) {
	told := map[*networking.VirtualService]bool{}
	byHost := meshVirtualServices(p)
	for _, port := range checks.PortsInScope(p) {
		name := host.ServiceHost(port.Service)
		rivals := byHost[strings.ToLower(name)]
		if len(rivals) < 2 {
			continue
		}
		for _, namespace := range callerNamespaces(port, rivals) {
			routing := policy.MeshRoutingFor(p.Snapshot, proxy.Client{Namespace: namespace}, port.Service, port.Port.Port)
			for _, dropped := range routing.Dropped {
				if !told[dropped] {
					told[dropped] = true
					p.Report(meshConflict(dropped, routing.VirtualService, name, port))
				}
			}
		}
	}
}

// meshVirtualServices are those for callers in the mesh, by their hosts.
func meshVirtualServices(p *checks.Pass) map[string][]*networking.VirtualService {
	byHost := map[string][]*networking.VirtualService{}
	for _, vs := range p.VirtualServices().All() {
		if !host.BoundToMesh(vs) {
			continue
		}
		for _, name := range vs.Spec.Hosts {
			name = strings.ToLower(host.ResolveHost(name, vs.Namespace))
			byHost[name] = append(byHost[name], vs)
		}
	}
	return byHost
}

// callerNamespaces are those whose callers may see different VirtualServices: the Service's own, and those of the VirtualServices.
func callerNamespaces(port *exposure.ExposedPort, rivals []*networking.VirtualService) []string {
	namespaces := []string{port.Service.Namespace}
	for _, vs := range rivals {
		if !slices.Contains(namespaces, vs.Namespace) {
			namespaces = append(namespaces, vs.Namespace)
		}
	}
	return namespaces
}

// meshConflict is about the VirtualService that the sidecars drop.
// Source: Istio's pilot/pkg/networking/core/httproute.go (BuildSidecarOutboundVirtualHosts, dedupeDomains).
func meshConflict(dropped, kept *networking.VirtualService, name string, port *exposure.ExposedPort) checks.Finding {
	at := plan.PathOf("spec", "hosts")
	for i, own := range dropped.Spec.Hosts {
		if strings.EqualFold(host.ResolveHost(own, dropped.Namespace), name) {
			at = plan.PathOf("spec", "hosts", i)
			break
		}
	}
	return checks.Finding{
		Object: dropped, Path: at, Level: checks.ErrorUnlessWeak(port),
		Message: fmt.Sprintf("Sidecars drop this VirtualService: %s has host %s for the mesh already, and is before it by visibility or age.",
			mesh.KeyOf(kept), name),
		Evidence: append([]string{fmt.Sprintf("%s leads to %s", name, checks.PortText(port))}, checks.EvidenceOf(port)...),
		Symptom:  "none of its routes, timeouts and retries count for callers in the mesh; calls that only it routes get UNIMPLEMENTED",
		Fix:      checks.Fix{Text: fmt.Sprintf("Write both into one VirtualService for %s, or bind this one to its gateways only.", name)},
	}
}
