package gateway

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
)

var certificateHostMismatch = &checks.Check{
	ID:     "GX413",
	Slug:   "certificate-host-mismatch",
	Levels: []checks.Level{checks.Warning},
	Title:  "The certificate is not for the server's host",
	What: "Finds Gateway servers with a host that no subject alternative name of their certificates covers. A common name covers " +
		"nothing, and a wildcard exactly one label. Of a wildcard host the names count that routes are there for. The host `*` says " +
		"nothing about names and is left out.",
	Why: "Istio does not compare them; the client does, with the name that it calls.",
	Client: "UNAVAILABLE: the client refuses the certificate, unless it is told another name to expect " +
		"(`grpc.ssl_target_name_override`).",
	Bad: example.Orders + example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + example.OtherCertificate,
	Good: example.Orders + example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + example.Certificate,
	Reads:    gatewaySecretReads,
	Consults: gatewayConsults(gatewaySecretReads),
	Since:    "v0.1.0",
	Run:      runCertificateHostMismatch,
}

func runCertificateHostMismatch(p *checks.Pass) {
	for _, server := range tlsServers(p) {
		compareHosts(p, server)
	}
}

func compareHosts(p *checks.Pass, server tlsServer) {
	certificates, evidence := certificatesOf(p, server)
	if len(certificates) == 0 {
		return
	}
	for index, host := range server.spec.GetHosts() {
		names := namesCalled(p, server, host)
		uncovered := slices.IndexFunc(names, func(name string) bool {
			return !slices.ContainsFunc(certificates, func(c *x509.Certificate) bool { return gateway.CertificateCovers(c, name) })
		})
		if uncovered < 0 {
			continue
		}
		name := names[uncovered]
		p.Report(checks.Finding{
			Object: server.gateway, Path: server.path("hosts", index),
			Message:  fmt.Sprintf("Gateway %s takes calls for %s with a certificate that is not for that name.", server.gateway.Name, name),
			Evidence: evidence,
			Symptom:  "UNAVAILABLE: clients refuse the certificate",
			Fix:      checks.Fix{Text: fmt.Sprintf("Get a certificate with %s as subject alternative name.", name)},
		})
	}
}

// namesCalled are the names for which clients call one of the server's hosts: the host itself; of a wildcard those that routes
// are there for, if there are any.
func namesCalled(p *checks.Pass, server tlsServer, hostname string) []string {
	name := hostname[strings.LastIndexByte(hostname, '/')+1:]
	if name == "*" || !strings.HasPrefix(name, "*") {
		return []string{name}
	}
	var names []string
	alone := &networkingapi.Server{Hosts: []string{hostname}}
	for _, virtualService := range host.VirtualServicesBoundTo(p.Snapshot, server.gateway) {
		if !p.InScope(p.RelevanceAt(server.gateway, server.spec, virtualService)) {
			continue
		}
		for _, own := range virtualService.Spec.Hosts {
			if common, ok := host.ServerAccepts(server.gateway, alone, own, virtualService.Namespace); ok && !slices.Contains(names, common) {
				names = append(names, common)
			}
		}
	}
	if len(names) == 0 {
		return []string{name}
	}
	return names
}

// certificatesOf are the certificates of a server, none if one of them is not known or cannot be used, and what each is for.
func certificatesOf(p *checks.Pass, server tlsServer) (certificates []*x509.Certificate, names []string) {
	for _, credential := range server.credentials {
		secret, ok := secretOf(p, server, credential)
		if !ok {
			return nil, nil
		}
		pair, problem := gateway.SecretKeyPair(secret)
		if problem != "" {
			return nil, nil
		}
		covers := strings.Join(pair.Leaf().DNSNames, ", ")
		if covers == "" {
			covers = "no subject alternative name"
		}
		certificates = append(certificates, pair.Leaf())
		names = append(names, fmt.Sprintf("Secret %s/%s is for %s", secret.Namespace, secret.Name, covers))
	}
	return certificates, names
}
