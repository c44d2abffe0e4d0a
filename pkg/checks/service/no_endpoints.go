package service

import (
	"fmt"
	"slices"

	networkingapi "istio.io/api/networking/v1alpha3"
	networking "istio.io/client-go/pkg/apis/networking/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var noEndpoints = &checks.Check{
	ID:     "GX313",
	Slug:   "no-endpoints",
	Levels: []checks.Level{checks.Error},
	Title:  "A routed Service or ServiceEntry has no endpoints",
	What: "Finds Services without a selector to whose gRPC port a gateway routes and that have no EndpointSlice, or none with the name of the port; and ServiceEntries " +
		"to which a gateway routes and whose `workloadSelector` selects no WorkloadEntry and no pod.",
	Why: "Kubernetes finds the pods of a Service by its selector. Without one somebody has to write the EndpointSlices, and their ports are found by the name " +
		"of the Service port. A ServiceEntry selects within its own namespace.",
	Client: "`UNAVAILABLE`: no healthy upstream.",
	Bad:    exampleByHand("web"),
	Good:   exampleByHand("grpc"),
	Reads: []mesh.Kind{
		mesh.KindService, mesh.KindEndpointSlice, mesh.KindVirtualService, mesh.KindGateway, mesh.KindServiceEntry, mesh.KindWorkloadEntry,
	},
	Consults: checks.WithoutKinds(append([]mesh.Kind{mesh.KindPod}, checks.RouteConsults...), mesh.KindService, mesh.KindVirtualService, mesh.KindGateway, mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, port := range checks.PortsInScope(p) {
			if port.Routed {
				reportWithoutSlices(p, port)
			}
		}
		reportUnselected(p)
	},
}

func exampleByHand(name string) string {
	return `apiVersion: v1
kind: Service
metadata: {name: legacy, namespace: demo}
spec:
  ports: [{name: grpc, port: 8000, targetPort: 50051}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: legacy-1, namespace: demo, labels: {kubernetes.io/service-name: legacy}}
addressType: IPv4
ports: [{name: ` + name + `, port: 50051, protocol: TCP}]
endpoints: [{addresses: [192.0.2.7]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {istio-injection: enabled}}
` + routeTo("legacy")
}

func routeTo(service string) string {
	return `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ` + service + `, namespace: demo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8000, name: grpc, protocol: GRPC}
    hosts: [` + service + `.example.com]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ` + service + `, namespace: demo}
spec:
  hosts: [` + service + `.example.com]
  gateways: [` + service + `]
  http:
  - route: [{destination: {host: ` + service + `, port: {number: 8000}}}]
`
}

// reportWithoutSlices is about a Service whose endpoints somebody writes by hand.
// Source: Istio's pilot/pkg/serviceregistry/kube/controller/endpointslice.go (updateEndpointCacheForSlice): endpoints are filed under
// the name of their port.
func reportWithoutSlices(p *checks.Pass, port *exposure.ExposedPort) {
	service := port.Service
	if len(service.Spec.Selector) > 0 || service.Spec.Type == core.ServiceTypeExternalName || addressedByEntry(p, service) {
		return
	}
	slicesOf := workload.EndpointSlicesOf(p.Snapshot, service)
	finding := checks.Finding{
		Object: service, Path: plan.PathOf("spec"), Level: checks.ErrorUnlessWeak(port), Symptom: "UNAVAILABLE: no healthy upstream",
		Evidence: append([]string{"the Service has no selector", "a gateway routes to " + checks.PortText(port)}, checks.EvidenceOf(port)...),
	}
	switch {
	case len(slicesOf) == 0:
		if !p.Missing(mesh.KindEndpointSlice, service.Namespace, "") {
			return
		}
		finding.Message = fmt.Sprintf("Service %s has no selector and no EndpointSlice: nobody says where its calls go.", service.Name)
		finding.Fix = checks.Fix{Text: fmt.Sprintf("Give it a selector, or write an EndpointSlice with the label %s: %s.", discovery.LabelServiceName, service.Name)}
	case !slices.ContainsFunc(slicesOf, func(slice *discovery.EndpointSlice) bool { return hasEndpointPort(slice, port.Port.Name) }):
		finding.Path = checks.PortField(port, "name")
		finding.Message = fmt.Sprintf("No EndpointSlice of Service %s has a port named %q, by which the endpoints of %s are found.", service.Name, port.Port.Name, checks.PortText(port))
		finding.Fix = checks.Fix{Text: fmt.Sprintf("Name the port %s in the EndpointSlices.", port.Port.Name)}
	default:
		return
	}
	p.Report(finding)
}

// addressedByEntry reports whether a ServiceEntry has the Service's host, and gives its endpoints.
func addressedByEntry(p *checks.Pass, service *core.Service) bool {
	return len(host.ServiceEntriesByHost(p.Snapshot, host.ServiceHost(service))) > 0
}

func hasEndpointPort(slice *discovery.EndpointSlice, name string) bool {
	return len(slice.Endpoints) > 0 && slices.ContainsFunc(slice.Ports, func(port discovery.EndpointPort) bool {
		return port.Name == nil && name == "" || port.Name != nil && *port.Name == name
	})
}

// reportUnselected is about ServiceEntries that select nothing.
// Source: Istio's pilot/pkg/serviceregistry/serviceentry/controller.go.
func reportUnselected(p *checks.Pass) {
	told := map[*networking.ServiceEntry]bool{}
	for _, vs := range p.VirtualServices().All() {
		if host.IsDelegate(vs) || len(p.GatewaysServing(vs)) == 0 {
			continue
		}
		for _, rule := range host.HTTPRules(p.Snapshot, vs) {
			of := p.RuleRelevance(rule)
			if !p.InScope(of) {
				continue
			}
			for _, destination := range host.Destinations(p.Snapshot, rule.Spec, rule.Holder.Namespace) {
				for _, entry := range host.ServiceEntriesByHost(p.Snapshot, destination.Host) {
					selector := entry.Spec.GetWorkloadSelector().GetLabels()
					if told[entry] || destination.Service != nil || len(selector) == 0 || entry.Spec.GetResolution() != networkingapi.ServiceEntry_STATIC {
						continue
					}
					told[entry] = true
					reportEntry(p, entry, selector, of)
				}
			}
		}
	}
}

func reportEntry(p *checks.Pass, entry *networking.ServiceEntry, selector map[string]string, of checks.Relevance) {
	selected := workload.SelectsWorkloadEntry(p.Snapshot, entry.Namespace, selector) || len(workload.PodsSelected(p.Snapshot, entry.Namespace, selector)) > 0 ||
		len(workload.WorkloadsSelected(p.Snapshot, entry.Namespace, selector)) > 0
	if selected || !p.Missing(mesh.KindWorkloadEntry, entry.Namespace, "") {
		return
	}
	p.Report(checks.Finding{
		Object: entry, Path: plan.PathOf("spec", "workloadSelector"), Level: p.LevelFor(of, checks.Error),
		Message:  fmt.Sprintf("The workloadSelector of ServiceEntry %s selects no WorkloadEntry and no pod of namespace %s.", entry.Name, entry.Namespace),
		Evidence: []string{"a gateway routes gRPC calls to it"},
		Symptom:  "UNAVAILABLE: no healthy upstream",
		Fix:      checks.Fix{Text: "Give the selector labels that a WorkloadEntry of the namespace has."},
	})
}
