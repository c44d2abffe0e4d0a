package samples

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// istioSamples are the samples of the Istio that the local stack runs: its version stands in one place.
func istioSamples(t *testing.T) string {
	return filepath.Join(moduleFolder(t, "../stack/build", "istio.io/istio"), "samples")
}

// gatewayAPIExamples are the examples of the Gateway API that this program knows.
func gatewayAPIExamples(t *testing.T) string {
	return filepath.Join(moduleFolder(t, "../..", "sigs.k8s.io/gateway-api"), "examples")
}

// moduleFolder is where the module is that the Go module in the folder requires; it is downloaded if need be.
func moduleFolder(t *testing.T, folder, module string) string {
	t.Helper()
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Dir = folder
	output, err := command.Output()
	require.NoError(t, err, string(output))
	var downloaded struct{ Dir string }
	require.NoError(t, json.Unmarshal(output, &downloaded))
	require.NotEmpty(t, downloaded.Dir)
	return downloaded.Dir
}
