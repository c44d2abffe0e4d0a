package gateway

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	networkingapi "istio.io/api/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var tlsOnPlaintextServer = &checks.Check{
	ID:     "GX410",
	Slug:   "tls-on-plaintext-server",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A plaintext server has TLS settings",
	What: "Finds Gateway servers with protocol GRPC, HTTP, HTTP2 or GRPC-Web that have TLS settings. A redirect (`httpsRedirect`) without " +
		"a mode is fine.",
	Why: "The protocol of a server that ends TLS is HTTPS, for gRPC as well. istiod's webhook rejects a Gateway with TLS settings on a " +
		"plaintext protocol; where it lets a credential without mode pass, it ignores it and the server stays plaintext.",
	Client: "UNAVAILABLE: the Gateway never gets into the cluster, or the server does not answer the TLS handshake.",
	Bad: example.Orders +
		example.Gateway("istio: ingressgateway", "{number: 443, name: grpc, protocol: GRPC}", example.Files),
	Good:     example.Orders + example.TLSGateway,
	Reads:    gatewayReads,
	Consults: append(gatewayConsults(gatewayReads), mesh.KindSecret),
	Since:    "v0.1.0",
	Run:      runTLSOnPlaintextServer,
}

func runTLSOnPlaintextServer(p *checks.Pass) {
	for _, server := range gatewayServers(p) {
		if !gateway.ServerIsPlaintextHTTP(server.spec) {
			continue
		}
		evidence := strayTLS(server.spec.GetTls())
		if evidence == "" {
			continue
		}
		finding := checks.Finding{
			Object: server.gateway, Path: server.path("tls"), Level: server.level(p, checks.Error),
			Message: fmt.Sprintf("Gateway %s: %s has TLS settings, but its protocol is plaintext.",
				server.gateway.Name, server.text()),
			Evidence: []string{evidence},
			Symptom:  symptomHandshake,
		}
		if server.spec.GetTls().GetHttpsRedirect() {
			finding.Symptom = "UNAVAILABLE: a Gateway that is rejected gives none of its servers a listener"
			finding.Fix = redirectFix(p, server)
		} else {
			finding.Fix = httpsFix(p, server)
		}
		p.Report(finding)
	}
}

// redirectFix leaves a server that redirects nothing but that.
func redirectFix(p *checks.Pass, server gatewayServer) checks.Fix {
	const reason = "a redirect takes no TLS"
	return fixOf(checks.Ask, "Leave nothing but httpsRedirect in the tls of the server.", checks.Update(p, server.gateway, reason, func(form *unstructured.Unstructured) []plan.Edit {
		settings, _ := server.path("tls").Get(form.Object)
		fields, _ := settings.(map[string]any)
		var edits []plan.Edit
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if field != "httpsRedirect" {
				edits = append(edits, plan.Set(form, nil, server.path("tls", field)...))
			}
		}
		return edits
	}))
}

// httpsFix gives the server protocol HTTPS where its certificate is in order; elsewhere the user has to get one first.
func httpsFix(p *checks.Pass, server gatewayServer) checks.Fix {
	terminating := server
	terminating.spec = server.spec.DeepCopy()
	terminating.spec.Port.Protocol = "HTTPS"
	if gateway.ServerIsPassthrough(server.spec) {
		terminating.spec.Tls.Mode = networkingapi.ServerTLSSettings_SIMPLE
	}
	const text = "Give the server protocol HTTPS."
	if !checks.HasCertificate(terminating.spec.Tls) {
		return checks.Fix{Text: text + " It needs a certificate: tls mode SIMPLE with a credentialName."}
	}
	for _, on := range onWorkloads(p, server) {
		credentials := gateway.Credentials(terminating.spec, on.Workload.Namespace)
		faults := p.Try(func(trial *checks.Pass) {
			findCredentials(trial, tlsServer{terminating, on.Workload, credentials})
			judgeCredentials(trial, tlsServer{terminating, on.Workload, credentials})
			compareHosts(trial, tlsServer{terminating, on.Workload, credentials})
		})
		if len(faults) > 0 {
			return checks.Fix{Text: text + " Its certificate is not in order: " + faults[0].Message}
		}
	}
	reason := "HTTPS is the protocol of a server that ends TLS"
	return fixOf(checks.Ask, text, checks.Update(p, server.gateway, reason, func(form *unstructured.Unstructured) []plan.Edit {
		edits := []plan.Edit{plan.Set(form, "HTTPS", server.path("port", "protocol")...)}
		if gateway.ServerIsPassthrough(server.spec) {
			edits = append(edits, plan.Set(form, "SIMPLE", server.path("tls", "mode")...))
		}
		return edits
	}))
}

// strayTLS says what istiod makes of the TLS settings of a plaintext server, empty where they are only a redirect.
// Source: Istio pkg/config/validation/validation.go (validateServer).
func strayTLS(settings *networkingapi.ServerTLSSettings) string {
	mode := settings.GetMode()
	passthrough := mode == networkingapi.ServerTLSSettings_PASSTHROUGH || mode == networkingapi.ServerTLSSettings_AUTO_PASSTHROUGH
	switch {
	case settings == nil:
		return ""
	case !passthrough || settings.CaCertificates != "" || settings.PrivateKey != "" || settings.ServerCertificate != "":
		return "istiod's webhook rejects TLS settings on plaintext ports"
	case settings.HttpsRedirect:
		return "" // a redirect is all that a call meets, whatever else there is
	case settings.CredentialName != "" || len(settings.CredentialNames) > 0:
		return "the credential has no effect on a plaintext port"
	case !proto.Equal(settings, &networkingapi.ServerTLSSettings{}):
		return "the TLS settings have no effect on a plaintext port"
	default:
		return ""
	}
}
