package gateway

import (
	"fmt"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

// certificateNotice is how long before its end a certificate is warned about.
const certificateNotice = 30 * 24 * time.Hour

var credentialInvalid = &checks.Check{
	ID:     "GX412",
	Slug:   "credential-invalid",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The server's Secret holds no usable certificate",
	What: "Finds Secrets of Gateway servers without certificate or key, with ones that cannot be read or are not a pair, without a " +
		"certificate authority that can be read where the mode is MUTUAL, and with a certificate that is not valid now (errors) or ends within 30 " +
		"days (a warning).",
	Why: "istiod takes `cert` and `key`, else `tls.crt` and `tls.key`; for clients' certificates `cacert` or `ca.crt` of Secret " +
		"`<credentialName>-cacert`, else of the credential itself. What is missing it does not send, what does not fit Envoy refuses.",
	Client: "UNAVAILABLE: the TLS handshake fails, or the client refuses the certificate.",
	Bad: example.Orders + example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + example.CertificateWithoutKey,
	Good: example.Orders + example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + example.Certificate,
	Reads:    gatewaySecretReads,
	Consults: gatewayConsults(gatewaySecretReads),
	Since:    "v0.1.0",
	Run:      runCredentialInvalid,
}

func runCredentialInvalid(p *checks.Pass) {
	for _, server := range tlsServers(p) {
		judgeCredentials(p, server)
	}
}

func judgeCredentials(p *checks.Pass, server tlsServer) {
	for _, credential := range server.credentials {
		judgeCredential(p, server, credential)
	}
	if ca, ok := gateway.ClientCA(server.spec, server.workload.Namespace); ok && ca.Namespace == server.workload.Namespace {
		judgeClientCA(p, server, ca)
	}
}

func judgeCredential(p *checks.Pass, server tlsServer, credential gateway.Credential) {
	secret, ok := secretOf(p, server, credential)
	if !ok {
		return
	}
	finding := checks.Finding{
		Object: server.gateway, Path: server.path("tls", credential.Steps), Level: server.level(p, checks.Error),
		Symptom: symptomHandshake,
		Fix: checks.Fix{Text: fmt.Sprintf("Put a valid certificate, before those of its authorities, and its key into Secret %s/%s.",
			secret.Namespace, secret.Name)},
	}
	pair, problem := gateway.SecretKeyPair(secret)
	if problem == "" {
		problem = gateway.Validity(pair.Leaf(), p.Now())
	}
	if problem == "" {
		left := pair.Leaf().NotAfter.Sub(p.Now())
		if left > certificateNotice {
			return
		}
		finding.Level = checks.Warning
		finding.Symptom = "none yet; UNAVAILABLE from then on: clients refuse the certificate"
		problem = fmt.Sprintf("it expires on %s, in %d days", pair.Leaf().NotAfter.UTC().Format(time.DateOnly), int(left.Hours()/24))
	}
	finding.Message = fmt.Sprintf("Gateway %s takes its certificate from Secret %s/%s: %s.",
		server.gateway.Name, secret.Namespace, secret.Name, problem)
	finding.Evidence = gateway.SecretFacts(secret)
	if isGoodWithoutGenericKeys(p, secret) {
		finding.Fix.Text = fmt.Sprintf("Take the keys cert and key out of Secret %s/%s: its tls.crt and tls.key are in order.",
			secret.Namespace, secret.Name)
	}
	p.Report(finding)
}

// isGoodWithoutGenericKeys reports whether cert and key hide a certificate in tls.crt that is in order.
func isGoodWithoutGenericKeys(p *checks.Pass, secret *core.Secret) bool {
	if len(secret.Data["tls.crt"]) == 0 {
		return false
	}
	rest := secret.DeepCopy()
	delete(rest.Data, "cert")
	delete(rest.Data, "key")
	pair, problem := gateway.SecretKeyPair(rest)
	return problem == "" && gateway.Validity(pair.Leaf(), p.Now().Add(certificateNotice)) == ""
}

// judgeClientCA looks where istiod does: into the Secret of that name, and only where it is not there into the credential's.
func judgeClientCA(p *checks.Pass, server tlsServer, ca gateway.Credential) {
	name := ca.Name
	_, own := p.Secrets().Get(ca.Namespace, ca.Name)
	if !own {
		if !p.Missing(mesh.KindSecret, ca.Namespace, ca.Name) {
			return
		}
		name = ca.CAFallback()
	}
	secret, ok := readableSecret(p, ca.Namespace, name)
	// A credential that is not there is GX411's.
	if !ok && (ca.Steps[0] != "caCertCredentialName" || !p.Missing(mesh.KindSecret, ca.Namespace, name)) {
		return
	}
	evidence := fmt.Sprintf("there is no Secret %s/%s", ca.Namespace, name)
	fix := fmt.Sprintf("Put the certificate authority into Secret %s/%s, key ca.crt.", ca.Namespace, ca.Name)
	if ok {
		problem := gateway.SecretCAProblem(secret)
		if problem == "" {
			return
		}
		evidence = fmt.Sprintf("Secret %s/%s has %s", ca.Namespace, name, problem)
		if len(secret.Data["cacert"])+len(secret.Data["ca.crt"]) > 0 {
			fix = fmt.Sprintf("Put the certificate authority, as a certificate in PEM, into that key of Secret %s/%s.", ca.Namespace, name)
		}
	}
	p.Report(checks.Finding{
		Object: server.gateway, Path: server.path("tls", ca.Steps), Level: server.level(p, checks.Error),
		Message: fmt.Sprintf("Gateway %s asks clients for certificates (mode %s), but has no certificate authority to check them with.",
			server.gateway.Name, server.spec.GetTls().GetMode()),
		Evidence: append([]string{evidence}, otherClientCAs(p, server, ca, own)...),
		Symptom:  symptomHandshake,
		Fix:      checks.Fix{Text: fix},
	})
}

// otherClientCAs says where else a certificate authority was put, or may have been.
func otherClientCAs(p *checks.Pass, server tlsServer, ca gateway.Credential, own bool) []string {
	var evidence []string
	fallback := ca.CAFallback()
	if secret, there := readableSecret(p, ca.Namespace, fallback); own && there && fallback != ca.Name && gateway.SecretCAProblem(secret) == "" {
		evidence = append(evidence, fmt.Sprintf("while that Secret is there, istiod does not take the certificate authority in Secret %s", fallback))
	}
	if !own && fallback != ca.Name {
		evidence = append(evidence, fmt.Sprintf("there is no Secret %s in namespace %s, where the gateway's pods are", ca.Name, ca.Namespace))
	}
	if _, elsewhere := p.Secrets().Get(server.gateway.Namespace, ca.Name); elsewhere && !own {
		evidence = append(evidence, inGatewaysNamespace(server, ca.Name))
	}
	return evidence
}
