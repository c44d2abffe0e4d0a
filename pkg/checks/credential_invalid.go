package checks

import (
	"fmt"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// certificateNotice is how long before its end a certificate is warned about.
const certificateNotice = 30 * 24 * time.Hour

var credentialInvalid = &Check{
	ID:     "GX412",
	Slug:   "credential-invalid",
	Levels: []Level{Error, Warning},
	Title:  "The server's Secret holds no usable certificate",
	What: "Finds Secrets of Gateway servers without certificate or key, with ones that cannot be read or are not a pair, without a " +
		"certificate authority where the mode is MUTUAL, and with a certificate that is not valid now (errors) or ends within 30 " +
		"days (a warning).",
	Why: "istiod takes `cert` and `key`, else `tls.crt` and `tls.key`; for clients' certificates `cacert` or `ca.crt` of Secret " +
		"`<credentialName>-cacert`, else of the credential itself. What is missing it does not send, what does not fit Envoy refuses.",
	Client: "UNAVAILABLE: the TLS handshake fails, or the client refuses the certificate.",
	Bad: exampleOrders + exampleGateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + exampleCertificateWithoutKey,
	Good: exampleOrders + exampleGateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + exampleCertificate,
	Reads:    gatewaySecretReads,
	Consults: gatewayConsults(gatewaySecretReads),
	Since:    "v0.1.0",
	Run:      runCredentialInvalid,
}

func runCredentialInvalid(p *Pass) {
	for _, server := range p.tlsServers() {
		p.judgeCredentials(server)
	}
}

func (p *Pass) judgeCredentials(server tlsServer) {
	for _, credential := range server.credentials {
		p.judgeCredential(server, credential)
	}
	if ca, ok := mesh.ClientCA(server.spec, server.workload.Namespace); ok && ca.Namespace == server.workload.Namespace {
		p.judgeClientCA(server, ca)
	}
}

func (p *Pass) judgeCredential(server tlsServer, credential mesh.Credential) {
	secret, ok := p.secretOf(server, credential)
	if !ok {
		return
	}
	finding := Finding{
		Object: server.gateway, Path: server.path("tls") + "." + credential.Field, Level: server.level(p, Error),
		Symptom: symptomHandshake,
		Fix:     Fix{Text: fmt.Sprintf("Put a valid certificate and its key into Secret %s/%s.", secret.Namespace, secret.Name)},
	}
	pair, problem := mesh.SecretKeyPair(secret)
	if problem == "" {
		problem = mesh.Validity(pair.Leaf(), p.Now())
	}
	if problem == "" {
		left := pair.Leaf().NotAfter.Sub(p.Now())
		if left > certificateNotice {
			return
		}
		finding.Level = Warning
		finding.Symptom = "none yet; UNAVAILABLE from then on: clients refuse the certificate"
		problem = fmt.Sprintf("it expires on %s, in %d days", pair.Leaf().NotAfter.UTC().Format(time.DateOnly), int(left.Hours()/24))
	}
	finding.Message = fmt.Sprintf("Gateway %s takes its certificate from Secret %s/%s: %s.",
		server.gateway.Name, secret.Namespace, secret.Name, problem)
	p.Report(finding)
}

// judgeClientCA looks where istiod does: into the Secret of that name, and only where it is not there into the credential's.
func (p *Pass) judgeClientCA(server tlsServer, ca mesh.Credential) {
	names := []string{ca.Name}
	if _, own := p.Secrets().Get(ca.Namespace, ca.Name); !own {
		if !p.Missing(mesh.KindSecret, ca.Namespace, ca.Name) {
			return
		}
		names = append(names, ca.CAFallback())
	}
	name := names[len(names)-1]
	secret, ok := p.readableSecret(ca.Namespace, name)
	// A credential that is not there is GX411's.
	if !ok && ca.Field != "caCertCredentialName" || ok && mesh.SecretHoldsCA(secret) {
		return
	}
	if !ok && !p.Missing(mesh.KindSecret, ca.Namespace, name) {
		return
	}
	evidence := fmt.Sprintf("Secret %s/%s has neither ca.crt nor cacert", ca.Namespace, name)
	if !ok {
		evidence = fmt.Sprintf("there is no Secret %s/%s", ca.Namespace, name)
	}
	if len(names) > 1 && ok {
		evidence += ", and there is no Secret " + names[0]
	}
	p.Report(Finding{
		Object: server.gateway, Path: server.path("tls") + "." + ca.Field, Level: server.level(p, Error),
		Message: fmt.Sprintf("Gateway %s asks clients for certificates (mode %s), but has no certificate authority to check them with.",
			server.gateway.Name, server.spec.GetTls().GetMode()),
		Evidence: []string{evidence},
		Symptom:  symptomHandshake,
		Fix:      Fix{Text: fmt.Sprintf("Put the certificate authority into Secret %s/%s, key ca.crt.", ca.Namespace, names[0])},
	})
}
