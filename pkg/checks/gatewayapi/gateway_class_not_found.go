package gatewayapi

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

var gatewayClassNotFound = &checks.Check{
	ID:     "GX807",
	Slug:   "gateway-class-not-found",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "The Gateway's class does not exist or no controller takes it",
	What: "The `gatewayClassName` of a Gateway (of the Gateway API) on the way of gRPC calls names a GatewayClass that does not exist, or one " +
		"that its controller has not accepted.",
	Why:      "Without a class that a controller serves nobody makes proxies and listeners for the Gateway. Istio's class is `istio`.",
	Client:   "UNAVAILABLE: nothing listens.",
	Bad:      example.ShopServer + exampleClassGateway("istio-ingress") + example.ShopAPIRoute,
	Good:     example.ShopServer + exampleClassGateway("istio") + example.ShopAPIRoute,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindGatewayClass),
	Consults: checks.WithoutKinds(apiRouteConsults, mesh.KindGatewayClass),
	Since:    "v0.1.0",
	Run:      runGatewayClassNotFound,
}

func exampleClassGateway(class string) string {
	return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: ` + class + `
  listeners:
  - {name: grpc, port: 80, protocol: HTTP}
---
`
}

func runGatewayClassNotFound(p *checks.Pass) {
	relevances := checks.GatewaysOfGRPC(p)
	for _, gateway := range p.KubernetesGateways().All() {
		of, judged := relevances[gateway]
		if !judged || !p.LostInScope(of.All) {
			continue
		}
		name := string(gateway.Spec.GatewayClassName)
		finding := checks.Finding{
			Level: p.LevelFor(of.All, checks.Error), Object: gateway, Path: plan.PathOf("spec", "gatewayClassName"),
			Symptom: "UNAVAILABLE: nothing listens", Fix: checks.Fix{Text: "Name a class that a controller serves; Istio's is istio."},
		}
		class, found := p.GatewayClasses().Get("", name)
		_, served := gatewayapi.GatewayClassController(p.Snapshot, name)
		switch {
		case found && isRefusedClass(class):
			finding.Message = fmt.Sprintf("GatewayClass %s is not accepted by its controller (%s).", name, class.Spec.ControllerName)
			finding.Evidence = acceptedEvidence(class)
		case !served && p.Missing(mesh.KindGatewayClass, "", name):
			finding.Message = fmt.Sprintf("GatewayClass %q does not exist.", name)
			for _, other := range p.GatewayClasses().All() {
				finding.Evidence = append(finding.Evidence, "there is a GatewayClass "+other.Name)
			}
		default:
			continue
		}
		p.Report(finding)
	}
}

// isRefusedClass reports whether the class has a status, and that is not that of an accepted one. Manifests have none.
func isRefusedClass(class *gatewayv1.GatewayClass) bool {
	accepted := meta.FindStatusCondition(class.Status.Conditions, string(gatewayv1.GatewayClassConditionStatusAccepted))
	return accepted != nil && accepted.Status != metav1.ConditionTrue
}

func acceptedEvidence(class *gatewayv1.GatewayClass) []string {
	accepted := meta.FindStatusCondition(class.Status.Conditions, string(gatewayv1.GatewayClassConditionStatusAccepted))
	return []string{fmt.Sprintf("its condition Accepted is %s: %s %s", accepted.Status, accepted.Reason, accepted.Message)}
}
