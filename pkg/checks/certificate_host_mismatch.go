package checks

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

var certificateHostMismatch = &Check{
	ID:     "GX413",
	Slug:   "certificate-host-mismatch",
	Levels: []Level{Warning},
	Title:  "The certificate is not for the server's host",
	What: "Finds Gateway servers with a host that no subject alternative name of their certificates covers. A common name covers " +
		"nothing, and a wildcard exactly one label. The host `*` says nothing about names and is left out.",
	Why: "Istio does not compare them; the client does, with the name that it calls.",
	Client: "UNAVAILABLE: the client refuses the certificate, unless it is told another name to expect " +
		"(`grpc.ssl_target_name_override`).",
	Bad: exampleOrders + exampleGateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + exampleOtherCertificate,
	Good: exampleOrders + exampleGateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + exampleCertificate,
	Reads:    gatewaySecretReads,
	Consults: gatewayConsults(gatewaySecretReads),
	Since:    "v0.1.0",
	Run:      runCertificateHostMismatch,
}

func runCertificateHostMismatch(p *Pass) {
	for _, server := range p.tlsServers() {
		p.compareHosts(server)
	}
}

func (p *Pass) compareHosts(server tlsServer) {
	certificates, names := p.certificatesOf(server)
	if len(certificates) == 0 {
		return
	}
	for index, host := range server.spec.GetHosts() {
		name := host[strings.LastIndexByte(host, '/')+1:]
		if slices.ContainsFunc(certificates, func(c *x509.Certificate) bool { return mesh.CertificateCovers(c, name) }) {
			continue
		}
		p.Report(Finding{
			Object: server.gateway, Path: server.path("hosts", strconv.Itoa(index)),
			Message:  fmt.Sprintf("Gateway %s takes calls for %s with a certificate that is not for that name.", server.gateway.Name, name),
			Evidence: names,
			Symptom:  "UNAVAILABLE: clients refuse the certificate",
			Fix:      Fix{Text: fmt.Sprintf("Get a certificate with %s as subject alternative name.", name)},
		})
	}
}

// certificatesOf are the certificates of a server, none if one of them is not known or cannot be used, and what each is for.
func (p *Pass) certificatesOf(server tlsServer) (certificates []*x509.Certificate, names []string) {
	for _, credential := range server.credentials {
		secret, ok := p.secretOf(server, credential)
		if !ok {
			return nil, nil
		}
		pair, problem := mesh.SecretKeyPair(secret)
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
