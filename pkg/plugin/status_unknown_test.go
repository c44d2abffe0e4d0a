package plugin

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

// without is a mesh of which some kinds were not read.
func without(t *testing.T, name string, kinds ...mesh.Kind) *cluster.Loaded {
	t.Helper()
	whole := corpus.Mesh(t, name)
	var removed []mesh.Key
	loaded := &cluster.Loaded{}
	for _, kind := range kinds {
		for _, object := range whole.Objects(kind) {
			removed = append(removed, mesh.KeyOf(object))
		}
		info := kind.Info()
		missing := cluster.Permission{Verb: "list", Group: info.Group, Resource: info.Resource}
		loaded.Missing = append(loaded.Missing, missing)
		loaded.Gaps = append(loaded.Gaps, mesh.Gap{Kind: kind, Reason: missing.Denied()})
	}
	var objects []mesh.Sourced
	for _, kind := range mesh.Kinds() {
		for _, object := range whole.With(mesh.Change{Removed: removed}).Objects(kind) {
			objects = append(objects, mesh.Sourced{Object: object})
		}
	}
	loaded.Snapshot = mesh.New(objects, mesh.Options{Now: corpus.Now, Gaps: loaded.Gaps})
	return loaded
}

// Unknown is not missing: what may not be read is said, and nothing is claimed of it.
func TestStatusOfWhatIsUnknown(t *testing.T) {
	untrue := []string{"0 of 0 pods", "no Service port leads", "no gateway leads here", ": not exposed", "no pod takes calls"}
	for _, kind := range []mesh.Kind{mesh.KindPod, mesh.KindService, mesh.KindVirtualService, mesh.KindGateway} {
		t.Run(string(kind), func(t *testing.T) {
			loaded := without(t, "good-plain", kind)
			workload, err := expose.FindWorkload(loaded.Snapshot, "", "hello", "greeter")
			require.NoError(t, err)
			status := review.Status(loaded, workload)
			assert.True(t, status.Unknown())
			var text bytes.Buffer
			require.NoError(t, report.StatusText(&text, status, false))
			for _, claim := range untrue {
				assert.NotContains(t, text.String(), claim)
			}
			assert.Contains(t, text.String(), "not known whether it is exposed")
			assert.Contains(t, text.String(), "VERB")
		})
	}
}

// What create says in the end is what status says.
func TestCreateSaysWhatStatusSays(t *testing.T) {
	loaded := &cluster.Loaded{Snapshot: corpus.Mesh(t, "good-plain")}
	w, err := expose.FindWorkload(loaded.Snapshot, "", "hello", "greeter")
	require.NoError(t, err)
	reached, why := review.IsReached(loaded, w.Key)
	assert.True(t, reached, why)

	var pods []mesh.Key
	for _, pod := range workload.PodsOf(loaded.Snapshot, w) {
		pods = append(pods, mesh.KeyOf(pod))
	}
	loaded.Snapshot = loaded.Snapshot.With(mesh.Change{Removed: pods})
	reached, why = review.IsReached(loaded, w.Key)
	assert.False(t, reached)
	assert.Equal(t, "Deployment hello/greeter: it has no pods: nothing takes calls", why)
}

func TestStrictIsAFlag(t *testing.T) {
	options, err := runCreate(t, "server", "--strict")
	require.NoError(t, err)
	assert.True(t, options.strict)
}
