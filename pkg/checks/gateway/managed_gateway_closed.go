package gateway

import (
	"fmt"
	"slices"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks/example"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gatewayapi"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// gatewayOnManaged is a Gateway of Istio's API on the pods of one of the Gateway API in namespace edge, with an istiod of 1.31.
func gatewayOnManaged(setting string) string {
	return example.Orders + fmt.Sprintf(`---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: istiod
  namespace: istio-system
  labels: {app: istiod, istio.io/rev: default}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata:
      labels: {app: istiod, istio: pilot, istio.io/rev: default, sidecar.istio.io/inject: "false"}
    spec:
      containers:
      - name: discovery
        image: docker.io/istio/pilot:1.31.0
        args: [discovery]
        env: [{name: REVISION, value: default}%s]
---
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec:
  gatewayClassName: istio
  listeners: [{name: web, port: 8000, protocol: HTTP}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-istio, namespace: edge}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: edge}}
  template:
    metadata:
      labels: {gateway.networking.k8s.io/gateway-name: edge, gateway.istio.io/managed: istio.io-gateway-controller, istio.io/rev: default, sidecar.istio.io/inject: "false"}
    spec:
      containers:
      - name: istio-proxy
        image: docker.io/istio/proxyv2:1.31.0
        args: [proxy, router]
---
apiVersion: v1
kind: Service
metadata: {name: edge-istio, namespace: edge}
spec:
  type: LoadBalancer
  clusterIP: 10.96.10.40
  selector: {gateway.networking.k8s.io/gateway-name: edge}
  ports: [{name: web, port: 8000}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.40}]}}
`, setting) + example.Gateway("gateway.networking.k8s.io/gateway-name: edge", "{number: 8000, name: grpc, protocol: GRPC}")
}

var managedGatewayReads = []mesh.Kind{mesh.KindGateway, mesh.KindDeployment, mesh.KindKubernetesGateway}

var managedGatewayClosed = &checks.Check{
	ID:     "GX419",
	Slug:   "managed-gateway-closed",
	Levels: []checks.Level{checks.Error, checks.Warning},
	Title:  "istiod leaves the Gateway out of a gateway that it made for the Gateway API",
	What: "A Gateway of Istio's API selects nothing but pods that istiod made for a Gateway of the Gateway API in another namespace, and the " +
		"control plane is 1.31 or newer.",
	Why: "So that one namespace cannot get at the certificates of another, istiod from 1.31 on merges Gateways of Istio's API into such pods " +
		"only if they are in the namespace of the pods. `PILOT_ENABLE_STRICT_GATEWAY_MERGING=false` switches that off.",
	Client:   "UNAVAILABLE or UNIMPLEMENTED: the gateway has no listener, or no route, for these calls.",
	Bad:      gatewayOnManaged(""),
	Good:     gatewayOnManaged(`, {name: PILOT_ENABLE_STRICT_GATEWAY_MERGING, value: "false"}`),
	Reads:    managedGatewayReads,
	Consults: append(gatewayConsults(managedGatewayReads), mesh.KindWebhook),
	Since:    "v0.1.0",
	Run:      runManagedGatewayClosed,
}

func runManagedGatewayClosed(p *checks.Pass) {
	for _, gateway := range p.Gateways().All() {
		if !p.GatewayInScope(gateway) {
			continue
		}
		if managed, workload := closedTo(p, gateway); managed != nil {
			p.Report(checks.Finding{
				Object: gateway, Path: plan.PathOf("spec", "selector"), Level: gatewayLevel(p, gateway, checks.Error),
				Message: fmt.Sprintf("Gateway %s selects the pods of %s, which istiod made for Gateway %s/%s of the Gateway API: it takes no Gateway of another namespace into them.",
					gateway.Name, workload, managed.Namespace, managed.Name),
				Evidence: []string{fmt.Sprintf("the Gateway is in namespace %s, its pods are in %s", gateway.Namespace, workload.Namespace), "the control plane is 1.31 or newer"},
				Symptom:  "UNAVAILABLE or UNIMPLEMENTED: the gateway has no listener, or no route, for these calls",
				Fix: checks.Fix{Text: fmt.Sprintf("Move the Gateway to namespace %s and let the VirtualServices name it %s/%s, or add a listener to Gateway %s/%s of the Gateway API.",
					workload.Namespace, workload.Namespace, gateway.Name, managed.Namespace, managed.Name)},
			})
		}
	}
}

// closedTo is the Gateway of the Gateway API whose pods are all that the Gateway selects, and that it is left out of; nil if there is
// none.
func closedTo(p *checks.Pass, gateway *networking.Gateway) (managed *gatewayv1.Gateway, workload *proxy.GatewayWorkload) {
	for _, selected := range proxy.GatewayWorkloadsSelected(p.Snapshot, gateway) {
		owner := managedFor(p, selected)
		istiods := proxy.IstiodsOf(p.Snapshot, selected.Revision())
		isOpen := len(istiods) == 0 || slices.ContainsFunc(istiods, func(istiod proxy.Istiod) bool { return !istiod.KeepsGatewaysApart() })
		if owner == nil || isOpen || selected.Namespace == gateway.Namespace || !proxy.GatewayInScope(p.Snapshot, gateway, selected) {
			return nil, nil
		}
		managed, workload = owner, selected
	}
	return managed, workload
}

// managedFor is the Gateway of the Gateway API for which istiod made the pods, nil if it made them for none.
func managedFor(p *checks.Pass, workload *proxy.GatewayWorkload) *gatewayv1.Gateway {
	owner, ok := p.KubernetesGateways().Get(workload.Namespace, workload.Labels[proxy.GatewayNameLabel])
	if !ok || !gatewayapi.IsIstioIngress(p.Snapshot, owner) || !gatewayapi.IsManaged(owner) {
		return nil
	}
	return owner
}
