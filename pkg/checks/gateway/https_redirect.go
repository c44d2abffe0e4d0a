package gateway

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

var httpsRedirect = &checks.Check{
	ID:     "GX409",
	Slug:   "https-redirect",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "Every server that takes the route's host redirects to https",
	What: "Finds Gateways whose servers for a gRPC route's host all redirect to https, by `tls.httpsRedirect` of their own or, on the " +
		"same plaintext listener, of another Gateway. Beside an HTTPS server for the same host, which is common, there is no finding.",
	Why: "istiod makes the gateway answer 301 for every host of a redirecting plaintext server, whatever the routes. All plaintext " +
		"servers of a listener share one route table, so the redirect of one Gateway holds for the same host of another.",
	Client: "UNKNOWN: gRPC clients do not follow a 301.",
	Bad: example.Orders +
		example.Gateway("istio: ingressgateway", "{number: 80, name: http, protocol: HTTP}", "tls: {httpsRedirect: true}"),
	Good:     example.Orders + example.RedirectBesideHTTPS,
	Reads:    gatewayRouteReads,
	Consults: gatewayConsults(gatewayRouteReads),
	Since:    "v0.1.0",
	Run:      runHTTPSRedirect,
}

func runHTTPSRedirect(p *checks.Pass) {
	hosts := map[*networking.VirtualService][]*gateway.VirtualHost{}
	var order []*networking.VirtualService
	for _, workload := range servingWorkloads(p) {
		for _, host := range gateway.VirtualHosts(p.Snapshot, workload) {
			for _, route := range host.Routes {
				virtualService := route.VirtualService
				if hosts[virtualService] == nil {
					order = append(order, virtualService)
				}
				if known := hosts[virtualService]; len(known) == 0 || known[len(known)-1] != host {
					hosts[virtualService] = append(known, host)
				}
			}
		}
	}
	order = addDroppedRedirects(p, hosts, order)
	for _, virtualService := range order {
		// Whatever the scope: browsers follow a redirect.
		if p.VirtualServiceRelevance(virtualService) >= checks.LikelyGRPC {
			reportRedirects(p, virtualService, hosts[virtualService])
		}
	}
}

// addDroppedRedirects adds the hosts of redirecting servers that istiod leaves out because an older redirecting server has the
// host: that one redirects the calls.
func addDroppedRedirects(p *checks.Pass,
	hosts map[*networking.VirtualService][]*gateway.VirtualHost, order []*networking.VirtualService,
) []*networking.VirtualService {
	for _, server := range gatewayServers(p) {
		for _, on := range onWorkloads(p, server) {
			if on.Drop != gateway.DropHost || on.IsTLS() || !server.spec.GetTls().GetHttpsRedirect() {
				continue
			}
			for _, virtualService := range host.VirtualServicesForGateway(p.Snapshot, server.gateway, on.Workload.Namespace) {
				for _, name := range virtualService.Spec.Hosts {
					common, ok := host.ServerAccepts(server.gateway, server.spec, name, virtualService.Namespace)
					common = strings.ToLower(common) // as istiod writes virtual hosts
					known := slices.ContainsFunc(hosts[virtualService], func(host *gateway.VirtualHost) bool { return host.Host == common })
					if !ok || known {
						continue
					}
					if hosts[virtualService] == nil {
						order = append(order, virtualService)
					}
					hosts[virtualService] = append(hosts[virtualService], &gateway.VirtualHost{
						Workload: on.Workload, Servers: []*gateway.Server{on}, Host: common, RedirectsToHTTPS: true,
					})
				}
			}
		}
	}
	return order
}

// servingWorkloads are the gateway workloads that some Gateway selects, each once.
func servingWorkloads(p *checks.Pass) []*proxy.GatewayWorkload {
	var workloads []*proxy.GatewayWorkload
	seen := map[*proxy.GatewayWorkload]bool{}
	for _, gw := range p.Gateways().All() {
		for _, server := range gateway.ServersOf(p.Snapshot, gw) {
			if !seen[server.Workload] {
				seen[server.Workload] = true
				workloads = append(workloads, server.Workload)
			}
		}
	}
	return workloads
}

// reportRedirects reports the redirecting servers of those of a VirtualService's hosts that no other server takes.
func reportRedirects(p *checks.Pass, virtualService *networking.VirtualService, hosts []*gateway.VirtualHost) {
	for _, name := range hosts {
		served := slices.ContainsFunc(hosts, func(other *gateway.VirtualHost) bool {
			return !redirects(other) && host.HostMatches(name.Host, other.Host) && takesGRPC(p, other.Servers, virtualService)
		})
		if !redirects(name) || served || !takesGRPC(p, name.Servers, virtualService) || takenByTLS(p, virtualService, name) {
			continue
		}
		reportRedirect(p, virtualService, name)
	}
}

// takesGRPC reports whether what of the VirtualService is for one of the servers leads to a gRPC port.
func takesGRPC(p *checks.Pass, servers []*gateway.Server, virtualService *networking.VirtualService) bool {
	return slices.ContainsFunc(servers, func(server *gateway.Server) bool {
		return p.RelevanceAt(server.Gateway, server.Spec, virtualService) >= checks.LikelyGRPC
	})
}

// reportRedirect speaks of the server that the VirtualService is on, be it itself or another one that redirects the calls.
func reportRedirect(p *checks.Pass, virtualService *networking.VirtualService, host *gateway.VirtualHost) {
	redirecting := redirectingServer(host, host.Servers)
	taking := redirectingServer(host, serversTaking(p, virtualService, host))
	finding := checks.Finding{
		Object: taking.gateway, Path: taking.path("tls", "httpsRedirect"), Level: p.LevelFor(p.VirtualServiceRelevance(virtualService), checks.Error),
		Message: fmt.Sprintf("Gateway %s answers calls for %s with a redirect to https, and no other server takes them.",
			taking.gateway.Name, host.Host),
		Evidence: []string{fmt.Sprintf("VirtualService %s/%s leads to a gRPC port for that host on port %d of %s",
			virtualService.Namespace, virtualService.Name, host.Servers[0].ListenerPort, host.Workload)},
		Symptom: "UNKNOWN: the gateway answers 301, which gRPC clients do not follow",
		Fix:     checks.Fix{Text: "Add an HTTPS server for the host and call that, or take httpsRedirect away."},
	}
	if !taking.spec.GetTls().GetHttpsRedirect() {
		other := mesh.KeyOf(redirecting.gateway)
		finding.Path = taking.path("port")
		finding.Message = fmt.Sprintf("Gateway %s takes calls for %s on %s, but %s redirects them to https there.",
			taking.gateway.Name, host.Host, taking.text(), other)
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s of %s has httpsRedirect; both listen on port %d, where plaintext servers share one route table",
			redirecting.text(), other, host.Servers[0].ListenerPort))
		finding.Fix.Text = fmt.Sprintf("Add an HTTPS server for the host and call that, use another port, or take the host out of the redirect of %s.", other)
	}
	p.Report(finding)
}

// serversTaking are those of a route table's servers that the VirtualService is on for the host.
func serversTaking(p *checks.Pass, virtualService *networking.VirtualService, host *gateway.VirtualHost) []*gateway.Server {
	bound := checks.BoundServers(p.Snapshot, virtualService)
	return slices.DeleteFunc(slices.Clone(host.Servers), func(server *gateway.Server) bool {
		return !offersHost(server, virtualService.Namespace, host.Host) || !slices.ContainsFunc(bound, func(to checks.BoundServer) bool {
			return to.Gateway == server.Gateway && to.Index == server.Index
		})
	})
}

// offersHost reports whether the server offers a name of a route table, in which istiod writes all names in lower case, to a namespace.
func offersHost(server *gateway.Server, namespace, name string) bool {
	return slices.ContainsFunc(host.ServerHosts(server.Gateway, server.Spec, namespace), func(offer string) bool {
		return host.HostSubsetOf(name, strings.ToLower(offer))
	})
}

// takenByTLS reports whether an HTTPS server is there for the host. Where it does not live, that is the fault, not the redirect.
func takenByTLS(p *checks.Pass, virtualService *networking.VirtualService, name *gateway.VirtualHost) bool {
	return slices.ContainsFunc(checks.BoundServers(p.Snapshot, virtualService), func(bound checks.BoundServer) bool {
		return gateway.ServerIsTLS(bound.Server) && gateway.ServerIsHTTP(bound.Server) &&
			p.RelevanceAt(bound.Gateway, bound.Server, virtualService) >= checks.LikelyGRPC &&
			slices.ContainsFunc(host.ServerHosts(bound.Gateway, bound.Server, virtualService.Namespace), func(offered string) bool {
				return host.HostMatches(strings.ToLower(offered), name.Host)
			})
	})
}

// redirects reports whether plaintext calls to the host are redirected. On a server that takes TLS the setting does nothing.
func redirects(host *gateway.VirtualHost) bool {
	return host.RedirectsToHTTPS && !host.Servers[0].IsTLS()
}

// redirectingServer is the first of the servers that redirects and takes the host, else the first that redirects, else the
// first.
func redirectingServer(host *gateway.VirtualHost, servers []*gateway.Server) gatewayServer {
	var found *gateway.Server
	for _, server := range servers {
		if !server.Spec.GetTls().GetHttpsRedirect() {
			continue
		}
		takes := offersHost(server, server.Gateway.Namespace, host.Host)
		if found == nil || takes {
			found = server
		}
		if takes {
			break
		}
	}
	switch {
	case found != nil:
	case len(servers) > 0:
		found = servers[0]
	default:
		found = host.Servers[0]
	}
	return gatewayServer{found.Gateway, found.Index, found.Spec}
}
