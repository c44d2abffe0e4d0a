package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	security "istio.io/client-go/pkg/apis/security/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var customProviderBroken = &checks.Check{
	ID:     "GX706",
	Slug:   "custom-provider-broken",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The authorization service of a CUSTOM policy cannot be used",
	What: "An AuthorizationPolicy with action CUSTOM applies to the pods behind an exposed port, or to their gateway, and istiod cannot use its " +
		"provider: the mesh config has none of that name for external authorization, no Service has the provider's host, or several policies for " +
		"the same pods name different providers.",
	Why: "A CUSTOM policy names one of `extensionProviders` in the mesh config. What the rules of the policy match istiod denies where it cannot " +
		"use the provider, so that a mistake does not open the door.",
	Client: "PERMISSION_DENIED: RBAC: access denied.",
	Bad:    example.ShopServer + example.ShopRoute + exampleCustomPolicy,
	Good: example.ShopServer + example.ShopRoute + exampleCustomPolicy + `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: opa
      envoyExtAuthzGrpc: {service: opa.policy.svc.cluster.local, port: 9191}
---
apiVersion: v1
kind: Service
metadata: {name: opa, namespace: policy}
spec:
  selector: {app: opa}
  ports: [{name: grpc, port: 9191}]
---
apiVersion: v1
kind: Namespace
metadata: {name: policy, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: opa, namespace: policy}
spec:
  replicas: 2
  selector: {matchLabels: {app: opa}}
  template:
    metadata: {labels: {app: opa}}
    spec:
      containers:
      - name: opa
        image: registry.example.com/policy/opa:1.0
        ports: [{name: grpc, containerPort: 9191}]
        readinessProbe: {grpc: {port: 9191}}
`,
	Reads:    checks.PolicyReads(mesh.KindAuthorizationPolicy, mesh.KindConfigMap),
	Consults: append(checks.PolicyConsults(mesh.KindAuthorizationPolicy, mesh.KindConfigMap), mesh.KindServiceEntry),
	Since:    "v0.1.0",
	Run:      runCustomProviderBroken,
}

const exampleCustomPolicy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  action: CUSTOM
  provider: {name: opa}
  rules: [{}]
`

func runCustomProviderBroken(p *checks.Pass) {
	reported := map[*security.AuthorizationPolicy]bool{}
	for _, port := range checks.PortsInScope(p) {
		for _, backend := range checks.BackendsOf(p, port) {
			if backend.Enforces() && !backend.Ambient {
				reportProviders(p, port, backend.Namespace, backend.Labels, backend.String(), access{port: port, backend: backend}.anyCall(), reported)
			}
		}
		for _, gateway := range exposure.GatewaysTo(p.Snapshot, port) {
			reportProviders(p, port, gateway.Namespace, gateway.Labels, checks.GatewayText(gateway), policy.Call{AnyCaller: true}, reported)
		}
	}
}

// reportProviders reports the policies for some pods whose providers cannot be used, and whose rules match calls.
func reportProviders(
	p *checks.Pass, port *exposure.ExposedPort, namespace string, labels map[string]string, pods string, call policy.Call,
	reported map[*security.AuthorizationPolicy]bool,
) {
	for _, provider := range policy.CustomProviders(p.Snapshot, namespace, labels) {
		if provider.Fault == policy.SeveralProviders && severalAllowed(p) {
			continue
		}
		for _, found := range provider.Policies {
			denies := policy.Matches(p.Snapshot, found, call)
			if provider.Fault == "" || denies == policy.Never || reported[found] || !providerKnown(p, provider) {
				continue
			}
			reported[found] = true
			p.Report(checks.Finding{
				Level: checks.ErrorUnlessWeak(port), Object: found, Path: plan.PathOf("spec", "provider", "name"),
				Message:  fmt.Sprintf("%s: istiod denies the calls to %s that the policy's rules match.", providerText(p, provider), pods),
				Evidence: append(providerEvidence(p, provider, namespace, labels), checks.EvidenceOf(port)...),
				Symptom:  "PERMISSION_DENIED: RBAC: access denied",
				Fix:      checks.Fix{Text: providerFix(provider)},
			})
		}
	}
}

// severalAllowed reports whether a control plane lets several providers stand for the same pods.
// Source: Istio's pilot/pkg/features (EnableMultipleCustomAuthzProviders).
func severalAllowed(p *checks.Pass) bool {
	return slices.ContainsFunc(proxy.IstiodsOf(p.Snapshot, ""), func(istiod proxy.Istiod) bool {
		if istiod.Template == nil {
			return false
		}
		allowed, _ := strconv.ParseBool(proxy.EnvironmentOf(istiod.Template, "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS"))
		return allowed
	})
}

// providerKnown reports whether the fault can be told from what was read: a mesh config, or a Service, may be there unseen.
func providerKnown(p *checks.Pass, provider policy.CustomProvider) bool {
	switch provider.Fault {
	case policy.ProviderServiceMissing:
		return p.Missing(mesh.KindService, "", "") && p.Missing(mesh.KindServiceEntry, "", "")
	case policy.ProviderMissing:
		config := proxy.DefaultMeshConfig(p.Snapshot)
		return config.ConfigMap != nil || p.Missing(mesh.KindConfigMap, config.GetRootNamespace(), "")
	}
	return true
}

func providerText(p *checks.Pass, provider policy.CustomProvider) string {
	switch provider.Fault {
	case policy.ProviderMissing:
		return fmt.Sprintf("The mesh config has no provider %q for external authorization", provider.Name)
	case policy.ProviderServiceMissing:
		host, _ := policy.ProviderService(p.Snapshot, provider.Name)
		return fmt.Sprintf("Provider %q calls %s, which is the host of no single Service or ServiceEntry", provider.Name, host)
	case policy.SeveralProviders:
		return "Several CUSTOM policies for the same pods name different providers, of which istiod allows only one"
	default:
		return fmt.Sprintf("Provider %q is invalid: its name must be a unique DNS label, and its port one from 1 to 65535", provider.Name)
	}
}

func providerEvidence(p *checks.Pass, provider policy.CustomProvider, namespace string, labels map[string]string) []string {
	var evidence []string
	switch provider.Fault {
	case policy.ProviderMissing:
		names := []string{}
		for _, known := range proxy.DefaultMeshConfig(p.Snapshot).GetExtensionProviders() {
			if known.GetEnvoyExtAuthzGrpc() != nil || known.GetEnvoyExtAuthzHttp() != nil {
				names = append(names, strconv.Quote(known.GetName()))
			}
		}
		if len(names) == 0 {
			return []string{"the mesh config has no such providers at all"}
		}
		return []string{"its providers for external authorization are " + strings.Join(names, ", ")}
	case policy.SeveralProviders:
		for _, other := range policy.CustomProviders(p.Snapshot, namespace, labels) {
			for _, found := range other.Policies {
				evidence = append(evidence, fmt.Sprintf("%s names provider %q", mesh.KeyOf(found), other.Name))
			}
		}
	}
	return evidence
}

func providerFix(provider policy.CustomProvider) string {
	switch provider.Fault {
	case policy.ProviderMissing:
		return "Name a provider of the mesh config's extensionProviders, or add one of that name."
	case policy.ProviderServiceMissing:
		return "Write the full name of an existing Service (name.namespace.svc.cluster.local) into the provider, or create the Service."
	case policy.SeveralProviders:
		return "Let all CUSTOM policies for the pods name the same provider."
	default:
		return "Correct the provider in the mesh config's extensionProviders."
	}
}
