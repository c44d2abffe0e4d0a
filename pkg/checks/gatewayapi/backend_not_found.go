package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var backendNotFound = &checks.Check{
	ID:     "GX804",
	Slug:   "backend-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A route's backend Service or port does not exist",
	What: "A `backendRef` of a GRPCRoute (or of an HTTPRoute that may lead to gRPC) names a Service that does not exist, or a port that the " +
		"Service does not have, or, with kind Hostname, a host that no Service or ServiceEntry has; or a GRPCRoute mirrors calls to what " +
		"does not exist. Backends of weight 0 take no calls.",
	Why: "A backendRef takes the Service's own name, not a DNS name, and the number of a Service port, not of a container port. For calls that " +
		"would go to a backend that is not found the gateway answers 500.",
	Client: "UNKNOWN (500); UNIMPLEMENTED (404) where istiod leaves the whole route out: for a reference without port or with a DNS name, and for a " +
		"mirror of a GRPCRoute.",
	Bad: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs: [{name: orders, port: 50051}]
`,
	Good: example.ShopServer + example.ShopAPIGateway + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs: [{name: orders, port: 8000}]
`,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindService, mesh.KindServiceEntry),
	Consults: checks.WithoutKinds(apiRouteConsults, mesh.KindService, mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runBackendNotFound,
}

func runBackendNotFound(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		of := p.APIRouteRelevance(route)
		if !p.LostInScope(of) {
			continue
		}
		for _, backend := range slices.Concat(route.Backends, route.Mirrors) {
			service, _, _ := gatewayapi.BackendService(p.Snapshot, route, backend)
			if !isLostBackend(p, route, backend) || backend.Mirror && service != nil {
				continue
			}
			if finding, missing := judgeBackend(p, route, backend, service); missing {
				finding.Level = p.LevelFor(of, checks.Error)
				p.Report(finding)
			}
		}
	}
}

// isLostBackend reports whether a reference to a Service, or to a host, is to none with that port. Which ports a ServiceEntry has is not
// looked at, and a Hostname with a namespace or without a port istiod refuses by itself.
func isLostBackend(p *checks.Pass, route *gatewayapi.APIRoute, backend gatewayapi.APIBackend) bool {
	_, _, ok := gatewayapi.BackendService(p.Snapshot, route, backend)
	isHost := backend.IsHostname() && backend.Reference.Namespace == nil && backend.Reference.Port != nil &&
		len(host.ServiceEntriesByHost(p.Snapshot, string(backend.Reference.Name))) == 0
	return !ok && (backend.IsService() || isHost)
}

// judgeBackend says what is wrong with a reference that leads nowhere; missing is false where that cannot be known.
func judgeBackend(p *checks.Pass, route *gatewayapi.APIRoute, backend gatewayapi.APIBackend, service *core.Service) (finding checks.Finding, missing bool) {
	name, namespace := string(backend.Reference.Name), backend.Namespace(route)
	finding = checks.Finding{Object: route.Object, Path: backendField(backend, "name"), Symptom: "UNKNOWN: the gateway answers 500" + partOfCalls(route, backend)}
	if backend.Mirror {
		finding.Symptom = routeNotServed
		finding.Evidence = []string{"calls are mirrored to it, and istiod leaves the whole GRPCRoute out where a mirror is not found"}
	}
	switch {
	case backend.IsHostname() && service == nil:
		finding.Message = fmt.Sprintf("No Service and no ServiceEntry has the host %s.", name)
		for _, meant := range checks.ServicesMeant(p, name) {
			finding.Evidence = append(finding.Evidence, "there is "+mesh.KeyOf(meant).String())
		}
		finding.Fix.Text = "Write the full name of an existing Service (name.namespace.svc.cluster.local), or a host of a ServiceEntry."
		return finding, checks.IsHostMissing(p, name)
	case backend.Reference.Port == nil:
		finding.Path = backendField(backend)
		finding.Symptom = routeNotServed
		finding.Message = fmt.Sprintf("The reference to Service %s/%s has no port.", namespace, name)
		finding.Fix.Text = "Name a port of the Service."
	case service != nil:
		finding.Path = backendField(backend, "port")
		finding.Message = fmt.Sprintf("Service %s/%s has no port %d.", service.Namespace, service.Name, *backend.Reference.Port)
		finding.Evidence = portsEvidence(service, *backend.Reference.Port)
		finding.Fix.Text = "Name a port of the Service, not of its containers."
	case strings.Contains(name, "."):
		finding.Symptom = routeNotServed
		finding.Message = fmt.Sprintf("%q is no name of a Service: a backendRef takes the name alone, and the namespace beside it.", name)
		finding.Fix.Text = "Write the Service's name in name and its namespace in namespace."
	default:
		finding.Message = fmt.Sprintf("Service %s/%s does not exist.", namespace, name)
		finding.Fix.Text = "Name an existing Service, with its namespace where that is not the route's own."
		return finding, p.Missing(mesh.KindService, namespace, name)
	}
	return finding, true
}

// partOfCalls says which calls go to a backend, where they are not all that the route takes.
func partOfCalls(route *gatewayapi.APIRoute, backend gatewayapi.APIBackend) string {
	others, all := false, int32(0)
	for _, other := range route.Backends {
		if others = others || other.Rule != backend.Rule; other.Rule == backend.Rule {
			all += other.Weight
		}
	}
	switch {
	case all > backend.Weight && others:
		return fmt.Sprintf(", to %d of %d calls that rule %d takes", backend.Weight, all, backend.Rule)
	case all > backend.Weight:
		return fmt.Sprintf(", to %d of %d calls", backend.Weight, all)
	case others:
		return fmt.Sprintf(", to calls that rule %d takes", backend.Rule)
	default:
		return ""
	}
}

// portsEvidence says which ports the Service has, and where the wrong number may come from.
func portsEvidence(service *core.Service, wrong int32) []string {
	const few = 10
	var evidence []string
	for i, port := range service.Spec.Ports {
		if len(evidence) == few {
			return append(evidence, fmt.Sprintf("it has %d more ports", len(service.Spec.Ports)-i))
		}
		if port.TargetPort.IntVal == wrong {
			evidence = append(evidence, fmt.Sprintf("%d is the targetPort of port %d", wrong, port.Port))
		} else {
			evidence = append(evidence, fmt.Sprintf("it has port %d", port.Port))
		}
	}
	return evidence
}
