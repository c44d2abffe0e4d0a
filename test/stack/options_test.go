package stack

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOptionsAreCompleted(t *testing.T) {
	options := Options{}
	require.NoError(t, options.complete())
	assert.Equal(t, Default, options.Flavour)
	assert.Equal(t, DefaultGatewayPorts(), options.GatewayPorts)
	assert.Equal(t, DefaultKubeletVersion, options.KubeletVersion)
	assert.NotNil(t, options.Log)

	options = Options{Flavour: "ambient"}
	require.EqualError(t, options.complete(), `there is no flavour "ambient": choose default, revisions or none`)
}

func TestDefaultGatewayPortsDoNotShareTheChartPorts(t *testing.T) {
	ports := DefaultGatewayPorts()
	ports[0].Port = 1
	assert.EqualValues(t, 15021, ChartGatewayPorts()[0].Port)
	assert.Len(t, DefaultGatewayPorts(), len(ChartGatewayPorts())+1)
}

func TestAStackNameIsNoPath(t *testing.T) {
	for _, name := range []string{"", "..", "a/b", "A", ".locks"} {
		_, err := stackFolder(name)
		require.ErrorContains(t, err, "cannot be the name of a stack", name)
	}
	folder, err := stackFolder(uniqueName())
	require.NoError(t, err)
	assert.NotEmpty(t, folder)
}

func TestOnlyMeshesNeedIstio(t *testing.T) {
	assert.NotContains(t, needs(Options{Flavour: None}), "pilot-discovery")
	assert.Contains(t, needs(Options{Flavour: Revisions}), "pilot-discovery")
	assert.NotContains(t, needs(Options{Flavour: Default}), "istioctl")
	assert.Contains(t, needs(Options{Flavour: Default, Programs: []string{"istioctl"}}), "istioctl")
}
