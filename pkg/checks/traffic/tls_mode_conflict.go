package traffic

import (
	"fmt"

	networkingapi "istio.io/api/networking/v1alpha3"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/host"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
)

var tlsModeConflict = &checks.Check{
	ID:     "GX601",
	Slug:   "tls-mode-conflict",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The DestinationRule's TLS mode is not what the pods take",
	What: "A DestinationRule sets `tls` for the host of an exposed port to a mode that the pods refuse: `DISABLE` or `SIMPLE` where the " +
		"effective PeerAuthentication is `STRICT`, or `ISTIO_MUTUAL` where it is `DISABLE` or where pods have no proxy.",
	Why: "Without a `tls` block istiod chooses for each pod what it takes (auto mTLS). A `tls` block ends that. PeerAuthentications count by " +
		"port (`portLevelMtls`, keyed by the port of the pods), then workload, namespace and mesh; `portLevelSettings` of a DestinationRule are " +
		"keyed by the port of the Service, and replace everything else that the rule says.",
	Client: "UNAVAILABLE: the pods close the connection before any response.",
	Bad: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
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
	Good: example.ShopServer + example.ShopRoute + `apiVersion: security.istio.io/v1
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
	Reads:    checks.PolicyReads(mesh.KindDestinationRule, mesh.KindPeerAuthentication),
	Consults: checks.PolicyConsults(mesh.KindDestinationRule, mesh.KindPeerAuthentication),
	Since:    "v0.1.0",
	Run:      runTLSModeConflict,
}

func runTLSModeConflict(p *checks.Pass) {
	seen := map[string]bool{}
	for _, port := range checks.PortsInScope(p) {
		subsets, backends := checks.SubsetsCalled(p, port), checks.BackendsOf(p, port)
		for _, caller := range checks.CallersOf(p, port) {
			for _, subset := range subsets {
				policy := checks.PolicyOf(p, caller, port, subset)
				if policy.TLS == nil || policy.TLSAt.Rule == nil {
					continue
				}
				place := mesh.KeyOf(policy.TLSAt.Rule).String() + checks.PlacePath(policy.TLSAt).String()
				for _, backend := range backends {
					if !seen[place] && checks.IsOfSubset(p, caller, port, subset, backend) {
						seen[place] = reportTLSConflict(p, caller, port, backend, policy)
					}
				}
			}
		}
	}
}

func reportTLSConflict(p *checks.Pass, c checks.Caller, port *exposure.ExposedPort, b checks.Backend, rule policy.TrafficPolicy) (reported bool) {
	sent := rule.TLS.GetMode()
	wanted, from := policy.PeerAuthenticationFor(p.Snapshot, b.Namespace, b.Labels, b.Port)
	var wrong string
	switch {
	case b.Ambient:
		return false
	case sent == networkingapi.ClientTLSSettings_ISTIO_MUTUAL && b.Bare:
		wrong = fmt.Sprintf("pods of %s have no proxy to take it", b)
	case sent == networkingapi.ClientTLSSettings_ISTIO_MUTUAL && b.Enforces() && wanted == policy.MutualTLSDisable:
		wrong = fmt.Sprintf("the proxies of %s take plaintext only", b)
	case (sent == networkingapi.ClientTLSSettings_DISABLE || sent == networkingapi.ClientTLSSettings_SIMPLE) &&
		b.Enforces() && wanted == policy.MutualTLSStrict:
		wrong = fmt.Sprintf("the proxies of %s take Istio's mutual TLS only", b)
	default:
		return false
	}
	evidence := []string{fmt.Sprintf("%s uses this rule for %s of Service %s/%s", c, checks.PortText(port), port.Service.Namespace, port.Service.Name)}
	if from != nil && !b.Bare {
		evidence = append(evidence, fmt.Sprintf("%s makes port %d of the pods %s", mesh.KeyOf(from), b.Port, wanted))
	}
	p.Report(checks.Finding{
		Level:    checks.ErrorUnlessWeak(port),
		Object:   rule.TLSAt.Rule,
		Path:     checks.PlacePath(rule.TLSAt, "mode"),
		Message:  fmt.Sprintf("The rule sends TLS mode %s to %s, but %s.", sent, host.ServiceHost(port.Service), wrong),
		Evidence: append(evidence, checks.EvidenceOf(port)...),
		Symptom:  "UNAVAILABLE: upstream connect error or disconnect/reset before headers",
		Fix: checks.Fix{
			Text:     "Remove the tls block: istiod then chooses for each pod what it takes.",
			Level:    checks.Ask,
			OnWordOf: checks.OnWordOf(port),
			Changes:  checks.RemoveFields(p, rule.TLSAt.Rule, "without tls, auto mTLS sends what each pod takes", rule.TLSAt.Steps),
		},
	})
	return true
}
