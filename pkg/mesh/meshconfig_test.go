package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMeshConfig(t *testing.T) {
	none := snapshot(t, "")
	assert.Nil(t, none.MeshConfig().ConfigMap)
	assert.Equal(t, "istio-system", none.RootNamespace())
	assert.True(t, none.MeshConfig().GetEnableAutoMtls().GetValue())
	assert.Equal(t, []string{"*"}, none.MeshConfig().GetDefaultServiceExportTo())

	stated := snapshot(t, meshConfigText(`{rootNamespace: mesh-root, enableAutoMtls: false, trustDomain: example.org, notYetKnown: {a: 1}}`))
	assert.Equal(t, "mesh-root", stated.RootNamespace())
	assert.False(t, stated.MeshConfig().GetEnableAutoMtls().GetValue())
	assert.Equal(t, "example.org", stated.MeshConfig().GetTrustDomain())
	assert.NoError(t, stated.MeshConfig().Err)

	broken := snapshot(t, meshConfigText("rootNamespace: [1"))
	assert.Error(t, broken.MeshConfig().Err)
	assert.Equal(t, "istio-system", broken.RootNamespace())

	empty := snapshot(t, meshConfigText(""))
	assert.NoError(t, empty.MeshConfig().Err)
	assert.Equal(t, "istio-system", empty.RootNamespace())
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
	only := snapshot(t, revisionConfigs)
	assert.Len(t, only.MeshConfigs(), 1)
	assert.Equal(t, "istio-1-20", only.MeshConfig().ConfigMap.Name)
	both := snapshot(t, revisionConfigs+meshConfigText("rootNamespace: istio-system"))
	assert.Len(t, both.MeshConfigs(), 2)
	assert.Equal(t, "istio", both.MeshConfig().ConfigMap.Name)
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
		"its revision's":       {revisionConfigs + meshConfigText("rootNamespace: a") + gateway(", istio.io/rev: 1-20", ""), "EDGE", "istio-1-20"},
		"another revision's":   {revisionConfigs + meshConfigText("rootNamespace: a") + gateway("", ""), "SIDECAR", "istio"},
		"the pods' annotation": {revisionConfigs + gateway(", istio.io/rev: 1-20", `proxy.istio.io/config: "connectionSettings: {profile: SIDECAR}"`), "SIDECAR", "gateway"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, test.text)
			gateways := s.GatewayWorkloads()
			require.Len(t, gateways, 1)
			settings, from := s.ConnectionSettingsOf(gateways[0])
			assert.Equal(t, test.profile, settings.GetProfile().String())
			if test.from == "" {
				assert.Nil(t, from)
			} else {
				assert.Equal(t, test.from, from.GetName())
			}
		})
	}
}
