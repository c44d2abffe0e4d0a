package plugin

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/callpath"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/verify"
)

// mayBeUnread are kinds that a user may lack the right to list.
var mayBeUnread = []mesh.Kind{
	mesh.KindPod, mesh.KindService, mesh.KindVirtualService, mesh.KindGateway, mesh.KindEndpointSlice, mesh.KindWebhook,
	mesh.KindNamespace, mesh.KindGRPCRoute, mesh.KindKubernetesGateway,
}

// disturbed is a mesh of the corpus at another moment, for another user: some objects are gone, some kinds unread.
func disturbed(t *testing.T, name string, random *rand.Rand) *cluster.Loaded {
	t.Helper()
	var unread []mesh.Kind
	for _, kind := range mayBeUnread {
		if random.IntN(6) == 0 {
			unread = append(unread, kind)
		}
	}
	loaded := without(t, name, unread...)
	var gone []mesh.Key
	for _, kind := range mesh.Kinds() {
		for _, object := range loaded.Snapshot.Objects(kind) {
			if random.IntN(12) == 0 {
				gone = append(gone, mesh.KeyOf(object))
			}
		}
	}
	loaded.Snapshot = loaded.Snapshot.With(mesh.Change{Removed: gone})
	return loaded
}

// TestCommandsAgree holds the law that what create, status, lint, delete and verify say of one workload at one moment agrees, and
// that what could not be read is never said to be missing: over the meshes of the corpus, with objects gone and kinds unread at
// random.
func TestCommandsAgree(t *testing.T) {
	states := map[string]int{}
	for number, name := range corpus.Names(t) {
		random := rand.New(rand.NewPCG(uint64(number), 10))
		whole := corpus.Mesh(t, name)
		for range 3 {
			loaded := disturbed(t, name, random)
			for exposed, ports := range exposure.ExposedWorkloads(whole) {
				if workload := workload.Get(loaded.Snapshot, exposed.Key); workload != nil {
					states[agree(t, name, loaded, workload, ports[0])]++
				}
			}
		}
	}
	for _, state := range []string{"exposed", "not exposed", "not known"} {
		assert.Greater(t, states[state], 10, "too few meshes where it is %s: %v", state, states)
	}
}

func agree(t *testing.T, name string, loaded *cluster.Loaded, workload *workload.Workload, port *exposure.ExposedPort) string {
	t.Helper()
	about := fmt.Sprintf("%s %s, unread: %v", name, workload.Key, loaded.Missing)
	status := review.Status(loaded, workload)
	state := stateOf(status)
	assert.Equal(t, state, stateOfText(t, status, loaded), about)

	reached, why := review.IsReached(loaded, workload.Key)
	assert.Equal(t, state == "exposed", reached, about)
	assert.Equal(t, state == "not known", strings.Contains(why, "not known"), "%s: %s", about, why)

	assert.Equal(t, state, stateOfVerify(loaded.Snapshot, workload, state), about)
	assert.Equal(t, idsOf(status.Findings), idsOf(lintOf(t, loaded.Snapshot, workload)), about)
	silence := lint.Target{Namespace: workload.Namespace(), Workloads: []mesh.Key{workload.Key}}.Silence(loaded.Snapshot)
	if _, unread := loaded.Snapshot.Unknown(mesh.KindService, workload.Namespace(), ""); unread {
		assert.NotContains(t, silence, "no Service port", about)
	}
	createAndDelete(t, about, loaded, workload, port)
	return state
}

func stateOf(status report.Status) string {
	switch {
	case status.Unknown():
		return "not known"
	case status.Exposed():
		return "exposed"
	default:
		return "not exposed"
	}
}

// stateOfText is what people read.
func stateOfText(t *testing.T, status report.Status, loaded *cluster.Loaded) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, report.StatusText(&text, status, false))
	assert.NotContains(t, text.String(), "0 of 0 pods")
	for _, kind := range []mesh.Kind{mesh.KindVirtualService, mesh.KindGateway, mesh.KindGRPCRoute, mesh.KindKubernetesGateway} {
		if _, unread := loaded.Snapshot.Unknown(kind, "", ""); unread {
			assert.NotContains(t, text.String(), "no gateway leads here")
		}
	}
	first, _, _ := strings.Cut(text.String(), "\n")
	switch {
	case strings.HasSuffix(first, "not known whether it is exposed"):
		return "not known"
	case strings.HasSuffix(first, ": not exposed"):
		return "not exposed"
	default:
		return "exposed"
	}
}

// stateOfVerify is what verify says before any call is made; where there is somewhere to call, the calls show.
func stateOfVerify(snapshot *mesh.Snapshot, workload *workload.Workload, otherwise string) string {
	if len(callpath.Entrances(snapshot, workload)) > 0 {
		return otherwise
	}
	err := verify.Nowhere(snapshot, workload)
	switch {
	case err == nil:
		return "not exposed"
	case strings.Contains(err.Error(), "not known"):
		return "not known"
	default:
		return "exposed"
	}
}

func lintOf(t *testing.T, snapshot *mesh.Snapshot, workload *workload.Workload) []checks.Finding {
	t.Helper()
	target := lint.Target{Namespace: workload.Namespace(), Workloads: []mesh.Key{workload.Key}}
	made, err := target.Run(snapshot, lint.Options{Checks: lint.All()})
	require.NoError(t, err)
	return made.Findings
}

func idsOf(findings []checks.Finding) []string {
	texts := make([]string, len(findings))
	for i, finding := range findings {
		texts[i] = finding.ID + " " + mesh.KeyOf(finding.Object).String() + " " + finding.Path.String()
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// createAndDelete: a refusal for want of reading says so, and delete finds what create did.
func createAndDelete(t *testing.T, about string, loaded *cluster.Loaded, w *workload.Workload, port *exposure.ExposedPort) {
	t.Helper()
	intent := expose.Intent{
		Kind: w.Key.Kind, Namespace: w.Namespace(), Name: w.Name(), Port: port.Port.Port,
		Inject: expose.InjectNamespace, Restart: remedy.RestartWorkload,
	}
	if number, _, ok := workload.TargetPort(port.Port, w.Template); ok {
		intent.TargetPort = intstr.FromInt32(number)
	}
	result, err := expose.Build(intent, loaded.Snapshot)
	if err != nil {
		if len(loaded.Missing) > 0 {
			assert.Contains(t, review.WithGaps(err, loaded, "create").Error(), "What you may not read may be why", about)
		}
		return
	}
	for _, change := range result.Plan.Changes {
		kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
		if _, unread := loaded.Snapshot.Unknown(kind, "", ""); unread && change.Action == plan.Create {
			assert.Contains(t, change.Reason, "as far as could be read", about)
		}
	}
	after, err := projection.Of(loaded.Snapshot, result.Plan.Changes)
	require.NoError(t, err, about)
	removal, err := removal.Remove([]mesh.Key{w.Key}, after, removal.Options{Restart: remedy.RestartWorkload})
	require.NoError(t, err, about)
	if len(removal.Unknown) > 0 {
		return // nothing is written then
	}
	for _, change := range result.Plan.Changes {
		if change.Action != plan.Create {
			continue
		}
		name := plan.Name(change.Object)
		found := slices.ContainsFunc(removal.Plan.Changes, func(undone plan.Change) bool { return undone.Action == plan.Delete && plan.Name(undone.Object) == name })
		kept := slices.ContainsFunc(removal.Kept, func(text string) bool { return strings.Contains(text, name) })
		assert.True(t, found || kept, "%s: delete does not find %s", about, name)
	}
}
