package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayapibeta "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var referenceNotGranted = &checks.Check{
	ID:     "GX805",
	Slug:   "reference-not-granted",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "A reference into another namespace is not granted",
	What: "A `backendRef` of a route, or a `certificateRef` of a Gateway, leads into another namespace, and no ReferenceGrant there allows it for " +
		"the kind and namespace that it comes from.",
	Why: "References across namespaces are refused unless the namespace that is referred to agrees. A grant for HTTPRoutes says nothing of " +
		"GRPCRoutes, and one for routes nothing of Gateways.",
	Client: "UNKNOWN (the gateway answers 500) for a backend; UNAVAILABLE for a certificate, because the listener is not " +
		"programmed; where the first of two certificates is granted, only for clients that need the second.",
	Bad: example.ShopServer + exampleGrantedRoute,
	Good: example.ShopServer + exampleGrantedRoute + `---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: from-infra, namespace: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}]
  to: [{group: "", kind: Service, name: orders}]
`,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindReferenceGrant),
	Consults: checks.WithoutKinds(apiRouteConsults, mesh.KindReferenceGrant),
	Since:    "v0.1.0",
	Run:      runReferenceNotGranted,
}

// exampleGrantedRoute is a route in a Gateway's namespace to a Service in another.
var exampleGrantedRoute = exampleInfraAPIGateway("Same") + `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders, namespace: infra}
spec:
  parentRefs: [{name: edge}]
  hostnames: [orders.example.com]
  rules:
  - backendRefs: [{name: orders, namespace: shop, port: 8000}]
`

func runReferenceNotGranted(p *checks.Pass) {
	for _, route := range gatewayapi.APIRoutes(p.Snapshot) {
		of := p.APIRouteRelevance(route)
		if !route.ForGateways() || !p.LostInScope(of) {
			continue
		}
		for _, backend := range slices.Concat(route.Backends, route.Mirrors) {
			symptom := "UNKNOWN: the gateway answers 500" + partOfCalls(route, backend)
			if backend.Mirror {
				symptom = routeNotServed
			}
			reference := gatewayapi.BackendReference(route, backend)
			if backend.IsService() && isRefused(p, reference) {
				reportRefused(p, reference, checks.Finding{
					Object: route.Object, Path: backendField(backend, "namespace"), Level: p.LevelFor(of, checks.Error), Symptom: symptom,
				})
			}
		}
	}
	gateways := checks.GatewaysOfGRPC(p)
	for _, gateway := range p.KubernetesGateways().All() {
		of, judged := gateways[gateway]
		if !judged {
			continue
		}
		for i := range gateway.Spec.Listeners {
			listener := &gateway.Spec.Listeners[i]
			judgeCertificateReferences(p, ownedListener{gateway, i, listener, of.OfListener(listener.Name)})
		}
	}
	for _, listener := range listenersOfSets(p) {
		judgeCertificateReferences(p, listener)
	}
}

func judgeCertificateReferences(p *checks.Pass, listener ownedListener) {
	if !gatewayapi.ServesCertificateRefs(listener.listener) || !p.LostInScope(listener.of) {
		return
	}
	for j := range listener.listener.TLS.CertificateRefs {
		reference, ok := gatewayapi.CertificateReference(listener.owner, listener.listener.TLS.CertificateRefs[j])
		if ok && isRefused(p, reference) {
			reportRefused(p, reference, checks.Finding{
				Object: listener.owner, Path: listener.path("tls", "certificateRefs", j, "namespace"),
				Level:   p.LevelFor(listener.of, checks.Error),
				Symptom: symptomOfRefused(p, listener.owner, listener.listener.TLS.CertificateRefs, j),
			})
		}
	}
}

// symptomOfRefused is what clients see of a listener one of whose certificates is refused. The other of two is enough for it; istiod
// then takes the first of the certificateRefs, whichever it is.
// Source: Istio's pilot/pkg/config/kube/gateway/conversion.go (buildTLS); for a server without credentialName
// pilot/pkg/networking/core/listener.go (BuildListenerTLSContext).
func symptomOfRefused(p *checks.Pass, owner mesh.Object, certificates []gatewayv1.SecretObjectReference, refused int) string {
	const notProgrammed = "UNAVAILABLE: the listener is not programmed"
	if len(certificates) != 2 {
		return notProgrammed
	}
	other, isSecret := gatewayapi.CertificateReference(owner, certificates[1-refused])
	switch {
	case !isSecret || isRefused(p, other):
		return notProgrammed
	case refused == 0:
		return "UNAVAILABLE: the gateway presents its certificate of the mesh, because of two certificateRefs of which one is refused istiod takes the first"
	default:
		return fmt.Sprintf("none for clients that take the certificate of Secret %s/%s, as long as it is valid: the listener presents it alone; "+
			"UNAVAILABLE for the others", other.ToNamespace, other.ToName)
	}
}

func isRefused(p *checks.Pass, reference gatewayapi.Reference) bool {
	return !gatewayapi.Granted(p.Snapshot, reference) && p.Missing(mesh.KindReferenceGrant, reference.ToNamespace, "")
}

func reportRefused(p *checks.Pass, reference gatewayapi.Reference, finding checks.Finding) {
	from, to := reference.FromKind.Info(), reference.ToKind.Info()
	finding.Message = fmt.Sprintf("No ReferenceGrant in namespace %s lets a %s of namespace %s refer to %s %s.",
		reference.ToNamespace, from.Kind, reference.FromNamespace, to.Kind, reference.ToName)
	for _, grant := range p.ReferenceGrants().In(reference.ToNamespace) {
		finding.Evidence = append(finding.Evidence, fmt.Sprintf("%s is for others", mesh.KeyOf(grant)))
	}
	finding.Fix = grantFix(p, reference)
	p.Report(finding)
}

// grantFix is the ReferenceGrant. It is the consent of the namespace that is referred to, which nobody else can give: it is asked for
// where that namespace lets the other one refer to something already, and else left to whoever owns it.
func grantFix(p *checks.Pass, reference gatewayapi.Reference) checks.Fix {
	from, to := reference.FromKind.Info(), reference.ToKind.Info()
	isKnown := slices.ContainsFunc(p.ReferenceGrants().In(reference.ToNamespace), func(grant *gatewayapibeta.ReferenceGrant) bool {
		return slices.ContainsFunc(grant.Spec.From, func(from gatewayapibeta.ReferenceGrantFrom) bool {
			return string(from.Namespace) == reference.FromNamespace
		})
	})
	if !isKnown {
		return checks.Fix{Text: fmt.Sprintf("If namespace %s is to lend %s %s to namespace %s, let its owner create a ReferenceGrant there, from %s to %s.",
			reference.ToNamespace, to.Kind, reference.ToName, reference.FromNamespace, from.Kind, to.Kind)}
	}
	return checks.Fix{
		Text:  fmt.Sprintf("Create a ReferenceGrant in namespace %s, which grants %s %s to namespace %s.", reference.ToNamespace, to.Kind, reference.ToName, reference.FromNamespace),
		Level: checks.Ask,
		Changes: []plan.Change{{
			Action: plan.Create, Object: grantFor(p, reference),
			Reason: fmt.Sprintf("%s of namespace %s may then refer to %s %s", from.Kind, reference.FromNamespace, to.Kind, reference.ToName),
		}},
	}
}

// grantFor is the ReferenceGrant that allows just this reference, under a name that no other has.
func grantFor(p *checks.Pass, reference gatewayapi.Reference) *unstructured.Unstructured {
	from, to := reference.FromKind.Info(), reference.ToKind.Info()
	name := strings.ToLower(fmt.Sprintf("%s-%s-to-%s", reference.FromNamespace, from.Kind, reference.ToName))
	for taken := 2; ; taken++ {
		if _, exists := p.ReferenceGrants().Get(reference.ToNamespace, name); !exists {
			break
		}
		name = fmt.Sprintf("%s-%d", name, taken)
	}
	grant := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"from": []any{map[string]any{"group": from.Group, "kind": from.Kind, "namespace": reference.FromNamespace}},
		"to":   []any{map[string]any{"group": to.Group, "kind": to.Kind, "name": reference.ToName}},
	}}}
	grant.SetGroupVersionKind(mesh.KindReferenceGrant.Info().GroupVersionKind)
	grant.SetNamespace(reference.ToNamespace)
	grant.SetName(name)
	return grant
}
