package proxy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
)

func TestMeshConfig(t *testing.T) {
	none := meshtest.Snapshot(t, "")
	assert.Nil(t, proxy.DefaultMeshConfig(none).ConfigMap)
	assert.Equal(t, "istio-system", proxy.RootNamespace(none))
	assert.True(t, proxy.DefaultMeshConfig(none).GetEnableAutoMtls().GetValue())
	assert.Equal(t, []string{"*"}, proxy.DefaultMeshConfig(none).GetDefaultServiceExportTo())

	stated := meshtest.Snapshot(t, meshtest.MeshConfigText(`{rootNamespace: mesh-root, enableAutoMtls: false, trustDomain: example.org, notYetKnown: {a: 1}}`))
	assert.Equal(t, "mesh-root", proxy.RootNamespace(stated))
	assert.False(t, proxy.DefaultMeshConfig(stated).GetEnableAutoMtls().GetValue())
	assert.Equal(t, "example.org", proxy.DefaultMeshConfig(stated).GetTrustDomain())
	assert.NoError(t, proxy.DefaultMeshConfig(stated).Err)

	broken := meshtest.Snapshot(t, meshtest.MeshConfigText("rootNamespace: [1"))
	assert.Error(t, proxy.DefaultMeshConfig(broken).Err)
	assert.Equal(t, "istio-system", proxy.RootNamespace(broken))

	empty := meshtest.Snapshot(t, meshtest.MeshConfigText(""))
	assert.NoError(t, proxy.DefaultMeshConfig(empty).Err)
	assert.Equal(t, "istio-system", proxy.RootNamespace(empty))
}

const revisionConfigs = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio-1-20, namespace: istio-system}
data: {mesh: "{defaultConfig: {connectionSettings: {profile: EDGE}}}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-ca-root-cert, namespace: istio-system}
data: {root-cert.pem: a}
---
`

func TestMeshConfigOfRevisions(t *testing.T) {
	only := meshtest.Snapshot(t, revisionConfigs)
	assert.Len(t, proxy.MeshConfigs(only), 1)
	assert.Equal(t, "istio-1-20", proxy.DefaultMeshConfig(only).ConfigMap.Name)
	both := meshtest.Snapshot(t, revisionConfigs+meshtest.MeshConfigText("rootNamespace: istio-system"))
	assert.Len(t, proxy.MeshConfigs(both), 2)
	assert.Equal(t, "istio", proxy.DefaultMeshConfig(both).ConfigMap.Name)
}

func TestConnectionSettingsOf(t *testing.T) {
	gateway := func(labels, annotations string) string {
		return `apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: gateway}}
  template:
    metadata: {labels: {istio: gateway` + labels + `}, annotations: {` + annotations + `}}
    spec: {containers: [{name: istio-proxy, image: p, args: [proxy, router]}]}
`
	}
	tests := map[string]struct{ text, profile, from string }{
		"no config":            {gateway("", ""), "SIDECAR", ""},
		"its revision's":       {revisionConfigs + meshtest.MeshConfigText("rootNamespace: a") + gateway(", istio.io/rev: 1-20", ""), "EDGE", "istio-1-20"},
		"another revision's":   {revisionConfigs + meshtest.MeshConfigText("rootNamespace: a") + gateway("", ""), "SIDECAR", "istio"},
		"the pods' annotation": {revisionConfigs + gateway(", istio.io/rev: 1-20", `proxy.istio.io/config: "connectionSettings: {profile: SIDECAR}"`), "SIDECAR", "gateway"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := meshtest.Snapshot(t, test.text)
			gateways := proxy.GatewayWorkloads(s)
			require.Len(t, gateways, 1)
			settings, from := proxy.ConnectionSettingsOf(s, gateways[0])
			assert.Equal(t, test.profile, settings.GetProfile().String())
			if test.from == "" {
				assert.Nil(t, from)
			} else {
				assert.Equal(t, test.from, from.GetName())
			}
		})
	}
}
