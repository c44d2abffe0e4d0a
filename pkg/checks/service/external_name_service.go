package service

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var externalNameService = &checks.Check{
	ID:     "GX306",
	Slug:   "external-name-service",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A gateway route leads to an ExternalName Service",
	What: "The destination of a gateway route is a Service of type ExternalName. It is an error if no Service or ServiceEntry has the external " +
		"name as host, else a warning.",
	Why: "An ExternalName Service is only another name. Istio sends the calls to the cluster of the external name, which exists if a Service or " +
		"a ServiceEntry has that very host; a Service that is of type ExternalName itself has none. Where there is one, its ports, protocols and " +
		"DestinationRules count, and nothing that is said of the ExternalName Service.",
	Client: "`UNAVAILABLE` where the external name is unknown to the mesh.",
	Bad: example.GreeterNamespace + `---
apiVersion: v1
kind: Service
metadata: {name: greeter, namespace: demo}
spec:
  type: ExternalName
  externalName: greeter.example.net
  ports: [{name: grpc, port: 8000}]
` + example.GreeterRoute,
	Good:     example.GreeterWorkload + example.GreeterService + example.GreeterRoute,
	Reads:    append([]mesh.Kind{mesh.KindVirtualService, mesh.KindGateway}, checks.ExposureReads...),
	Consults: append([]mesh.Kind{mesh.KindServiceEntry}, checks.ExposureConsults...),
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, service := range p.Services().All() {
			if service.Spec.Type == core.ServiceTypeExternalName {
				reportExternalName(p, service)
			}
		}
	},
}

func reportExternalName(p *checks.Pass, service *core.Service) {
	evidence, leads := externalNameEvidence(p, service)
	if !leads {
		return
	}
	if meant := host.ServiceBehindAlias(p.Snapshot, service); meant != nil {
		reportOtherName(p, service, meant, evidence)
		return
	}
	name := service.Spec.ExternalName
	finding := checks.Finding{
		Level:  checks.Warning,
		Object: service,
		Path:   plan.PathOf("spec", "externalName"),
		Message: fmt.Sprintf("A gateway route leads to Service %s, which is only another name for %s: there are no pods to balance over.",
			service.Name, name),
		Evidence: evidence,
		Symptom:  "calls are balanced, encrypted and understood as the other side has it",
		Fix:      checks.Fix{Text: fmt.Sprintf("Let the route lead to %s itself.", name)},
	}
	if unknownToTheMesh(p, name) {
		finding.Level = checks.Error
		finding.Message = fmt.Sprintf("A gateway route leads to Service %s, which is another name for %s, and no Service or ServiceEntry has that host.",
			service.Name, name)
		finding.Symptom = "UNAVAILABLE: the cluster of the route does not exist"
		finding.Fix.Text = unknownNameFix(p, name)
		if alias := host.ServiceByHost(p.Snapshot, name); alias != nil {
			finding.Message = fmt.Sprintf("A gateway route leads to Service %s, which is another name for %s, and that is another name again: "+
				"the gateway takes one such step only.", service.Name, mesh.KeyOf(alias))
			finding.Fix.Text = "Let the route lead to the Service at the end of the names itself."
			if end := host.ServiceAtEnd(p.Snapshot, alias); end != nil {
				finding.Fix.Text = fmt.Sprintf("Let the route lead to %s itself.", host.ServiceHost(end))
			}
		} else if entry := checks.WildcardEntry(p, name); entry != "" {
			finding.Evidence = append(finding.Evidence, entry)
		}
	}
	p.Report(finding)
}

// unknownNameFix leads to the host that the external name means: of a Service, of a ServiceEntry, or of one that is to be made. An
// external name may end with a dot and leave out the cluster's domain; the host of a cluster does neither.
func unknownNameFix(p *checks.Pass, externalName string) string {
	name := strings.TrimSuffix(externalName, ".")
	if meant := serviceMeant(p, name); meant != nil {
		return fmt.Sprintf("Let the route lead to %s itself, the full host of %s.", host.ServiceHost(meant), mesh.KeyOf(meant))
	}
	if entries := host.ServiceEntriesByHost(p.Snapshot, name); len(entries) > 0 {
		return fmt.Sprintf("Let the route lead to %s, without the dot at the end, which is the host of %s.", name, mesh.KeyOf(entries[0]))
	}
	return fmt.Sprintf("Add a ServiceEntry with host %s and a port of protocol GRPC, and let the route lead to that host.", name)
}

// serviceMeant is the Service that a name in the cluster's DNS is for, whether or not it has the cluster's domain; nil for none, and
// for one that is an ExternalName Service again.
func serviceMeant(p *checks.Pass, host string) *core.Service {
	short := strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc")
	name, namespace, _ := strings.Cut(short, ".")
	service, found := p.Services().Get(namespace, name)
	if !found || service.Spec.Type == core.ServiceTypeExternalName {
		return nil
	}
	return service
}

// reportOtherName speaks of an ExternalName Service that stands for a Service of the cluster. If no route leads to a port that the
// real one has, GX504 has said so.
func reportOtherName(p *checks.Pass, service, meant *core.Service, evidence []string) {
	routes := exposure.ExternalNameRoutes(p.Snapshot)[mesh.KeyOf(service)]
	arrives := func(route *gateway.GatewayRoute) bool {
		return slices.ContainsFunc(host.Destinations(p.Snapshot, route.Spec, route.Holder.Namespace), func(destination host.Destination) bool {
			return destination.Host == host.ServiceHost(service) && checks.HasPort(meant, route.PortOf(destination))
		})
	}
	if len(routes) > 0 && !slices.ContainsFunc(routes, arrives) {
		return
	}
	p.Report(checks.Finding{
		Level:  checks.Warning,
		Object: service,
		Path:   plan.PathOf("spec", "externalName"),
		Message: fmt.Sprintf("A gateway route leads to Service %s, which is only another name for %s: the gateway calls that one, and takes nothing from %s.",
			service.Name, mesh.KeyOf(meant), service.Name),
		Evidence: evidence,
		Symptom:  fmt.Sprintf("none today; protocols, exportTo and DestinationRules that are set for %s have no effect", service.Name),
		Fix:      checks.Fix{Text: fmt.Sprintf("Let the route lead to %s itself.", host.ServiceHost(meant))},
	})
}

// externalNameEvidence says why the routes that lead to the Service carry gRPC; leads is false where none does.
func externalNameEvidence(p *checks.Pass, service *core.Service) (evidence []string, leads bool) {
	routes := exposure.ExternalNameRoutes(p.Snapshot)[mesh.KeyOf(service)]
	for _, route := range routes {
		evidence = append(evidence, fmt.Sprintf("%s leads to it", mesh.KeyOf(route.VirtualService)))
		for _, shown := range exposure.RouteEvidence(p.Snapshot, route) {
			evidence = append(evidence, shown.Text)
			leads = true
		}
		leads = leads || p.RuleInScope(route.HTTPRule())
	}
	for _, port := range exposure.ExposedPortsOf(p.Snapshot, service) {
		evidence = append(evidence, checks.EvidenceOf(port)...)
		leads = leads || port.Routed || len(routes) > 0
	}
	slices.Sort(evidence)
	return slices.Compact(evidence), leads
}

func unknownToTheMesh(p *checks.Pass, name string) bool {
	if alias := host.ServiceByHost(p.Snapshot, name); alias != nil && alias.Spec.Type != core.ServiceTypeExternalName {
		return false
	}
	return len(host.ServiceEntriesByHost(p.Snapshot, name)) == 0 &&
		p.Missing(mesh.KindServiceEntry, "", "") &&
		(host.ServiceByHost(p.Snapshot, name) != nil || missingService(p, name))
}

func missingService(p *checks.Pass, hostname string) bool {
	name, namespace, ok := host.SplitServiceHost(hostname)
	return !ok || p.Missing(mesh.KindService, namespace, name)
}
