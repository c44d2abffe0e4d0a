package remedy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

func TestOpenGatewayPort(t *testing.T) {
	for name, test := range map[string]struct {
		ports  string
		port   remedy.GatewayPort
		name   string
		target int64
	}{
		"plaintext":                     {"{name: http2, port: 80}", remedy.GatewayPort{Number: 9000, Protocol: "GRPC"}, "grpc-9000", 9000},
		"TLS, on a privileged port":     {"{name: http2, port: 80}", remedy.GatewayPort{Number: 443, Protocol: "HTTPS"}, "https-443", 8443},
		"another port has that name":    {"{name: grpc-443, port: 80}", remedy.GatewayPort{Number: 443, Protocol: "GRPC"}, "grpc-443-2", 8443},
		"a protocol with an underscore": {"{name: http2, port: 80}", remedy.GatewayPort{Number: 9000, Protocol: "AUTO_PASSTHROUGH"}, "auto-passthrough-9000", 9000},
	} {
		t.Run(name, func(t *testing.T) {
			snapshot := meshtest.Snapshot(t, meshtest.Documents(
				`{apiVersion: v1, kind: Service, metadata: {name: internal, namespace: edge}, spec: {ports: [{name: http2, port: 80}]}}`,
				`{apiVersion: v1, kind: Service, metadata: {name: outside, namespace: edge}, spec: {type: LoadBalancer, ports: [`+test.ports+`]}}`))
			pods := &proxy.GatewayWorkload{Namespace: "edge", Services: snapshot.Services().In("edge")}
			change, err := remedy.OpenGatewayPort(snapshot, pods, test.port, "asked for")
			require.NoError(t, err)
			assert.Equal(t, "Service edge/outside", plan.Name(change.Object), "calls from outside come through the load balancer")
			require.Len(t, change.Edits, 1)
			assert.Equal(t, map[string]any{
				"name": test.name, "port": int64(test.port.Number), "protocol": "TCP", "targetPort": test.target,
			}, change.Edits[0].New)
		})
	}
}

const shop = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/rev: old, team: a}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart, namespace: shop}, spec: {selector: {matchLabels: {app: cart}},
  template: {metadata: {labels: {app: cart, sidecar.istio.io/inject: "true"}}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: shop}, spec: {selector: {app: cart}, ports: [{name: web, port: 8000, protocol: TCP}]}}
`

func TestLabels(t *testing.T) {
	snapshot := meshtest.Snapshot(t, shop)
	namespace, _ := snapshot.Namespaces().Get("", "shop")
	change, err := remedy.LabelNamespace(snapshot, namespace, proxy.InjectionLabel{Key: proxy.LabelInjection, Value: "enabled"}, "it is selected")
	require.NoError(t, err)
	after, err := change.After()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"istio-injection": "enabled", "team": "a"}, after.GetLabels())

	cart := workload.Get(snapshot, mesh.Key{Kind: mesh.KindDeployment, Namespace: "shop", Name: "cart"})
	change, err = remedy.LabelTemplate(snapshot, cart, proxy.InjectionLabel{Key: proxy.LabelRevision, Value: "canary"}, "it is selected")
	require.NoError(t, err)
	after, err = change.After()
	require.NoError(t, err)
	labels, _ := remedy.TemplateLabels.Get(after.Object)
	assert.Equal(t, map[string]any{"app": "cart", "istio.io/rev": "canary"}, labels)
}

func TestRestart(t *testing.T) {
	snapshot := meshtest.Snapshot(t, shop)
	cart := workload.Get(snapshot, mesh.Key{Kind: mesh.KindDeployment, Namespace: "shop", Name: "cart"})
	change, err := remedy.Restart(snapshot, cart, "new pods get a proxy")
	require.NoError(t, err)
	assert.Equal(t, plan.Restart, change.Action)
	assert.Equal(t, []plan.Edit{{Path: remedy.RestartedAt, New: cart.RestartedAt(snapshot.Now())}}, change.Edits)
}

func TestDeclareGRPC(t *testing.T) {
	snapshot := meshtest.Snapshot(t, shop)
	service, _ := snapshot.Services().Get("shop", "cart")
	port := &service.Spec.Ports[0]
	change, err := remedy.DeclareGRPC(snapshot, service, port, workload.GRPCPortFix(snapshot, service, port))
	require.NoError(t, err)
	assert.Equal(t, []plan.Edit{{Path: plan.Path{"spec", "ports", "port=8000,protocol=TCP", "name"}, Old: "web", New: "grpc"}}, change.Edits)
	assert.Equal(t, "nothing refers to the old name", change.Reason)
}
