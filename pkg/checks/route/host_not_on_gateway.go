package route

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var hostNotOnGateway = &checks.Check{
	ID:     "GX502",
	Slug:   "host-not-on-gateway",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "No server of the Gateway takes a host of the VirtualService",
	What: "Finds hosts of a VirtualService that no server of any Gateway it is bound to accepts. Wildcards cover names with the same " +
		"ending, `namespace/host` is for VirtualServices of that namespace only, and upper and lower case differ.",
	Why: "A gateway serves only what the server's `hosts` and the VirtualService's `hosts` have in common; the rest of both is left out " +
		"without a word.",
	Client: "Calls for the host get UNIMPLEMENTED: the gateway has no virtual host or no route for them.",
	Bad: example.RoutedServer + strings.Replace(example.RoutingGateway, "orders.example.com", "grpc.example.com", 1) +
		example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Good: example.RoutedServer + example.RoutingGateway +
		example.RouteWith(`  - route: [{destination: {host: orders, port: {number: 8000}}}]
`),
	Reads:    checks.RouteReads,
	Consults: checks.RouteConsults,
	Since:    "v0.1.0",
	Run: func(p *checks.Pass) {
		for _, vs := range p.VirtualServices().All() {
			gateways, missing := host.GatewaysOf(p.Snapshot, vs)
			// Of a Gateway that is not found nobody knows what hosts it takes.
			if len(gateways) == 0 || len(missing) > 0 {
				continue
			}
			of := p.RelevanceForAny(gateways, vs)
			if !p.LostInScope(of) {
				continue
			}
			takesHost := host.ServersAccept(gateways, vs.Namespace)
			for i, name := range vs.Spec.Hosts {
				if takesHost(name) || isForMeshOnly(p, vs, name) {
					continue
				}
				finding := checks.Finding{
					Level:    p.LevelFor(of, checks.Error),
					Object:   vs,
					Path:     plan.PathOf("spec", "hosts", i),
					Message:  fmt.Sprintf("No server of %s takes host %s of %s.", gatewaysText(gateways), name, mesh.KeyOf(vs)),
					Evidence: hostsEvidence(gateways, vs, name),
					Symptom:  symptomNoRoute,
					Fix:      checks.Fix{Text: "Add the host to a server of the Gateway, or correct the host of the VirtualService."},
				}
				full := host.ResolveHost(name, vs.Namespace)
				if service := host.ServiceByHost(p.Snapshot, full); service != nil {
					finding.Evidence = append(finding.Evidence, fmt.Sprintf("it is the name of %s, and only with mesh among its gateways is the VirtualService for callers in the mesh",
						mesh.KeyOf(service)))
					finding.Symptom = "none for callers outside who use other hosts; callers in the mesh are not routed by the VirtualService"
					finding.Fix.Text = "Add mesh to the gateways of the VirtualService if it is meant for callers in the mesh, else take the host out of it."
				} else if host.BoundToMesh(vs) {
					finding.Evidence = append(finding.Evidence, fmt.Sprintf("no Service and no ServiceEntry has the name %s, so that callers in the mesh do not find it either", full))
				}
				p.Report(finding)
			}
		}
	},
}

// isForMeshOnly reports whether sidecars serve the host: the VirtualService is bound to them too, and the host is one of the mesh.
func isForMeshOnly(p *checks.Pass, vs *networking.VirtualService, name string) bool {
	if !host.BoundToMesh(vs) {
		return false
	}
	full := host.ResolveHost(name, vs.Namespace)
	if strings.HasPrefix(full, "*") {
		return mayCoverMeshHost(p, full)
	}
	return !checks.IsHostMissing(p, full)
}

// mayCoverMeshHost reports whether a wildcard covers a Service or a host of a ServiceEntry, or could cover one unseen.
// Source: Istio's pilot/pkg/model/virtualservice.go (SelectVirtualServices): a sidecar takes the VirtualServices whose hosts
// match those of its services.
func mayCoverMeshHost(p *checks.Pass, wildcard string) bool {
	for _, service := range p.Services().All() {
		if host.HostMatches(wildcard, host.ServiceHost(service)) {
			return true
		}
	}
	for _, entry := range p.ServiceEntries().All() {
		if slices.ContainsFunc(entry.Spec.Hosts, func(name string) bool { return host.HostMatches(wildcard, name) }) {
			return true
		}
	}
	if host.HostMatches(wildcard, "*.svc.cluster.local") && !p.Missing(mesh.KindService, "", "") {
		return true
	}
	return !p.Missing(mesh.KindServiceEntry, "", "")
}

func gatewaysText(gateways []*networking.Gateway) string {
	names := make([]string, 0, len(gateways))
	for _, gateway := range gateways {
		names = append(names, mesh.KeyOf(gateway).String())
	}
	return strings.Join(names, " or ")
}

// manyOffered is among how many hosts of a server one is looked for that looks like the one that is missing.
const manyOffered = 100

// hostsEvidence says what the servers take, and why a host that looks right is not taken.
func hostsEvidence(gateways []*networking.Gateway, vs *networking.VirtualService, host string) []string {
	var clauses []string
	for _, gateway := range gateways {
		for _, server := range gateway.Spec.Servers {
			hosts := firstOf(server.Hosts)
			clauses = append(clauses, fmt.Sprintf("the server on port %d of Gateway %s takes %s", server.GetPort().GetNumber(), gateway.Name, hosts))
			for _, offered := range server.Hosts[:min(manyOffered, len(server.Hosts))] {
				if clause, ok := nearMiss(offered, host, gateway.Namespace, vs.Namespace); ok {
					clauses = append(clauses, clause)
				}
			}
		}
	}
	slices.Sort(clauses)
	return slices.Compact(clauses)
}

// firstOf lists hosts, the first few of many.
func firstOf(hosts []string) string {
	const few = 20
	if len(hosts) <= few {
		return strings.Join(hosts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(hosts[:few], ", "), len(hosts)-few)
}

func nearMiss(offered, hostname, gatewayNamespace, namespace string) (clause string, ok bool) {
	of, name, prefixed := strings.Cut(offered, "/")
	if !prefixed {
		name = offered
	}
	if of == "." {
		of = gatewayNamespace
	}
	switch {
	case prefixed && host.HostMatches(name, host.ResolveHost(hostname, namespace)):
		return fmt.Sprintf("%s is for VirtualServices of namespace %s only, not of %s", offered, of, namespace), true
	case host.HostMatches(strings.ToLower(name), strings.ToLower(hostname)):
		return fmt.Sprintf("%s and %s differ in case, which counts to istiod", offered, hostname), true
	case strings.HasPrefix(name, "*.") && name[2:] == hostname:
		return fmt.Sprintf("%s does not cover %s itself", name, hostname), true
	default:
		return "", false
	}
}
