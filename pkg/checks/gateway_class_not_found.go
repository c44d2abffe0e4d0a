package checks

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
)

var gatewayClassNotFound = &Check{
	ID:     "GX807",
	Slug:   "gateway-class-not-found",
	Levels: []Level{Error, Warning},
	Title:  "The Gateway's class does not exist or no controller takes it",
	What: "The `gatewayClassName` of a Gateway (of the Gateway API) on the way of gRPC calls names a GatewayClass that does not exist, or one " +
		"that its controller has not accepted.",
	Why:      "Without a class that a controller serves nobody makes proxies and listeners for the Gateway. Istio's class is `istio`.",
	Client:   "UNAVAILABLE: nothing listens.",
	Bad:      exampleShopServer + exampleClassGateway("istio-ingress") + exampleShopAPIRoute,
	Good:     exampleShopServer + exampleClassGateway("istio") + exampleShopAPIRoute,
	Reads:    append(append([]mesh.Kind{}, apiRouteReads...), mesh.KindGatewayClass),
	Consults: withoutKinds(apiRouteConsults, mesh.KindGatewayClass),
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

func runGatewayClassNotFound(p *Pass) {
	relevances := gatewaysOfGRPC(p)
	for _, gateway := range p.KubernetesGateways().All() {
		of, judged := relevances[gateway]
		if !judged || !p.speaksOfLost(of.all) {
			continue
		}
		name := string(gateway.Spec.GatewayClassName)
		finding := Finding{
			Level: p.levelFor(of.all, Error), Object: gateway, Path: ".spec.gatewayClassName",
			Symptom: "UNAVAILABLE: nothing listens", Fix: Fix{Text: "Name a class that a controller serves; Istio's is istio."},
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

// isRefusedClass says that the class has a status, and that is not that of an accepted one. Manifests have none.
func isRefusedClass(class *gatewayv1.GatewayClass) bool {
	accepted := meta.FindStatusCondition(class.Status.Conditions, string(gatewayv1.GatewayClassConditionStatusAccepted))
	return accepted != nil && accepted.Status != metav1.ConditionTrue
}

func acceptedEvidence(class *gatewayv1.GatewayClass) []string {
	accepted := meta.FindStatusCondition(class.Status.Conditions, string(gatewayv1.GatewayClassConditionStatusAccepted))
	return []string{fmt.Sprintf("its condition Accepted is %s: %s %s", accepted.Status, accepted.Reason, accepted.Message)}
}
