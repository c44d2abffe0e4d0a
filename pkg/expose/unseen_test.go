package expose_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
)

// withoutWebhooks is a case as a user sees it who may not list webhooks.
func withoutWebhooks(t *testing.T, name string) (expose.Intent, *mesh.Snapshot) {
	t.Helper()
	intent, snapshot := readCase(t, filepath.Join("testdata", name+".yaml"))
	var seen []mesh.Sourced
	for _, kind := range slices.Concat(removal.KindsWithMarks, []mesh.Kind{mesh.KindPod}) {
		for _, object := range snapshot.Objects(kind) {
			seen = append(seen, mesh.Sourced{Object: object})
		}
	}
	gaps := []mesh.Gap{{Kind: mesh.KindWebhook, Reason: "you may not list mutatingwebhookconfigurations"}}
	return intent, mesh.New(seen, mesh.Options{Now: now, Gaps: gaps})
}

// Pods with a proxy show that injection works, where the webhooks cannot be seen.
func TestInjectorUnseen(t *testing.T) {
	intent, snapshot := withoutWebhooks(t, "injected-already")
	result, err := expose.Build(intent, snapshot)
	require.NoError(t, err)
	assert.Empty(t, result.Rollouts)
	assert.Contains(t, strings.Join(result.Plan.Notes, "\n"), "cannot be seen (you may not list mutatingwebhookconfigurations)")

	intent.Revision = "other"
	_, err = expose.Build(intent, snapshot)
	require.ErrorContains(t, err, "which label this mesh's injector selects cannot be seen")

	_, err = expose.Build(withoutWebhooks(t, "recipe"))
	require.ErrorContains(t, err, "which label this mesh's injector selects cannot be seen")
}
