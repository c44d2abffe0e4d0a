package checks

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
)

var tlsModeConflict = &Check{
	ID:     "GX601",
	Slug:   "tls-mode-conflict",
	Levels: []Level{Error, Warning},
	Title:  "The DestinationRule's TLS mode is not what the pods take",
	What: "A DestinationRule sets `tls` for the host of an exposed port to a mode that the pods refuse: `DISABLE` or `SIMPLE` where the " +
		"effective PeerAuthentication is `STRICT`, or `ISTIO_MUTUAL` where it is `DISABLE` or where pods have no proxy.",
	Why: "Without a `tls` block istiod chooses for each pod what it takes (auto mTLS). A `tls` block ends that. PeerAuthentications count by " +
		"port (`portLevelMtls`, keyed by the port of the pods), then workload, namespace and mesh; `portLevelSettings` of a DestinationRule are " +
		"keyed by the port of the Service, and replace everything else that the rule says.",
	Client: "UNAVAILABLE: the pods close the connection before any response.",
	Bad: exampleShopServer + exampleShopRoute + `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    tls: {mode: DISABLE}
`,
	Good: exampleShopServer + exampleShopRoute + `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: orders, namespace: shop}
spec:
  host: orders
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
`,
	Reads:    policyReads(mesh.KindDestinationRule, mesh.KindPeerAuthentication),
	Consults: policyConsults(mesh.KindDestinationRule, mesh.KindPeerAuthentication),
	Since:    "v0.1.0",
	Run:      runTLSModeConflict,
}

func runTLSModeConflict(p *Pass) {
	seen := map[string]bool{}
	for _, port := range judgedPorts(p) {
		subsets, backends := subsetsCalled(p, port), backendsOf(p, port)
		for _, caller := range callersOf(p, port) {
			for _, subset := range subsets {
				policy := policyOf(p, caller, port, subset)
				if policy.TLS == nil || policy.TLSAt.Rule == nil {
					continue
				}
				place := mesh.KeyOf(policy.TLSAt.Rule).String() + placePath(policy.TLSAt)
				for _, backend := range backends {
					if !seen[place] && isOfSubset(p, caller, port, subset, backend) {
						seen[place] = reportTLSConflict(p, caller, port, backend, policy)
					}
				}
			}
		}
	}
}

func reportTLSConflict(p *Pass, c caller, port *exposure.ExposedPort, b backend, rule policy.TrafficPolicy) (reported bool) {
	sent := rule.TLS.GetMode()
	wanted, from := policy.PeerAuthenticationFor(p.Snapshot, b.namespace, b.labels, b.port)
	var wrong string
	switch {
	case b.ambient:
		return false
	case sent == networkingapi.ClientTLSSettings_ISTIO_MUTUAL && b.bare:
		wrong = fmt.Sprintf("pods of %s have no proxy to take it", b)
	case sent == networkingapi.ClientTLSSettings_ISTIO_MUTUAL && b.enforces() && wanted == policy.MutualTLSDisable:
		wrong = fmt.Sprintf("the proxies of %s take plaintext only", b)
	case (sent == networkingapi.ClientTLSSettings_DISABLE || sent == networkingapi.ClientTLSSettings_SIMPLE) &&
		b.enforces() && wanted == policy.MutualTLSStrict:
		wrong = fmt.Sprintf("the proxies of %s take Istio's mutual TLS only", b)
	default:
		return false
	}
	evidence := []string{fmt.Sprintf("%s uses this rule for %s of Service %s/%s", c, portText(port), port.Service.Namespace, port.Service.Name)}
	if from != nil && !b.bare {
		evidence = append(evidence, fmt.Sprintf("%s makes port %d of the pods %s", mesh.KeyOf(from), b.port, wanted))
	}
	p.Report(Finding{
		Level:    errorUnlessWeak(port),
		Object:   rule.TLSAt.Rule,
		Path:     placePath(rule.TLSAt, "mode"),
		Message:  fmt.Sprintf("The rule sends TLS mode %s to %s, but %s.", sent, host.ServiceHost(port.Service), wrong),
		Evidence: append(evidence, evidenceOf(port)...),
		Symptom:  "UNAVAILABLE: upstream connect error or disconnect/reset before headers",
		Fix: Fix{
			Text:     "Remove the tls block: istiod then chooses for each pod what it takes.",
			Level:    Ask,
			OnWordOf: onWordOf(port),
			Changes:  removeFields(p, rule.TLSAt.Rule, "without tls, auto mTLS sends what each pod takes", rule.TLSAt.Steps),
		},
	})
	return true
}
