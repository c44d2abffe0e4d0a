package gateway

import (
	"fmt"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
)

var credentialNotFound = &checks.Check{
	ID:     "GX411",
	Slug:   "credential-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The server's certificate is no Secret beside the gateway's pods",
	What: "Finds Gateway servers whose `credentialName` (or one of `credentialNames`) is not a Secret in the namespace of the gateway's " +
		"pods, and says so where it is in the Gateway's own namespace. A name such as `qcloud-xyz` is that of a certificate of Tencent " +
		"Cloud's SSL platform, which Tencent Cloud Mesh takes from there.",
	Why: "istiod gives a gateway only Secrets of the namespace in which its pods run, whatever the namespace of the Gateway. Without " +
		"the certificate the listener waits and takes no connection.",
	Client: "UNAVAILABLE: the TLS handshake fails.",
	Bad: example.Orders + example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}"),
	Good: example.Orders + example.Gateway("istio: ingressgateway", "{number: 443, name: https, protocol: HTTPS}",
		"tls: {mode: SIMPLE, credentialName: orders-cert}") + example.Certificate,
	Reads:    gatewaySecretReads,
	Consults: gatewayConsults(gatewaySecretReads),
	Since:    "v0.1.0",
	Run:      runCredentialNotFound,
}

func runCredentialNotFound(p *checks.Pass) {
	for _, server := range tlsServers(p) {
		findCredentials(p, server)
	}
}

func findCredentials(p *checks.Pass, server tlsServer) {
	for _, credential := range server.credentials {
		if isOfTencentCloud(credential.Name) {
			continue
		}
		evidence, missing := missingSecret(p, server, credential)
		if !missing {
			continue
		}
		p.Report(checks.Finding{
			Object: server.gateway, Path: server.path("tls", credential.Steps), Level: server.level(p, checks.Error),
			Message: fmt.Sprintf("Gateway %s takes its certificate from Secret %s, which is not in namespace %s, where the gateway's pods are.",
				server.gateway.Name, credential.Name, server.workload.Namespace),
			Evidence: evidence,
			Symptom:  symptomHandshake,
			Fix: checks.Fix{Text: fmt.Sprintf("Create the Secret in namespace %s: kubectl create -n %s secret tls %s --cert=FILE --key=FILE.",
				server.workload.Namespace, inert.Word(server.workload.Namespace), inert.Argument(credential.Name))},
		})
	}
}

// isOfTencentCloud reports whether a credential is a certificate of Tencent Cloud's SSL platform, by its ID: no Secret has to be there.
// It is a convention of Tencent Cloud Mesh; Istio itself knows nothing of it.
func isOfTencentCloud(credential string) bool {
	id, ok := strings.CutPrefix(credential, "qcloud-")
	return ok && id != ""
}

func missingSecret(p *checks.Pass, server tlsServer, credential gateway.Credential) (evidence []string, missing bool) {
	pods := server.workload.Namespace
	evidence = []string{"the server is on the pods of " + server.workload.String()}
	if credential.Namespace != pods {
		return append(evidence, fmt.Sprintf("istiod gives no gateway a Secret of another namespace (%s)", credential.Namespace)), true
	}
	if _, found := p.Secrets().Get(pods, credential.Name); found || !p.Missing(mesh.KindSecret, pods, credential.Name) {
		return nil, false
	}
	if _, elsewhere := p.Secrets().Get(server.gateway.Namespace, credential.Name); elsewhere {
		evidence = append(evidence, inGatewaysNamespace(server, credential.Name))
	}
	return evidence, true
}

func inGatewaysNamespace(server tlsServer, secret string) string {
	return fmt.Sprintf("a Secret %s is in %s, the Gateway's own namespace", secret, server.gateway.Namespace)
}
