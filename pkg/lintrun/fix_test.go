package lintrun

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/manifest"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// fixOn is a finding about a Service of namespace bank whose fix sets labels: "service key=value ...".
func fixOn(t *testing.T, id string, changes ...string) checks.Finding {
	t.Helper()
	finding := checks.Finding{ID: id, Fix: checks.Fix{Level: checks.Safe}}
	for _, change := range changes {
		name, label, _ := strings.Cut(change, " ")
		key, value, _ := strings.Cut(label, "=")
		namespace, short, _ := strings.Cut(name, "/")
		service := &core.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: short}}
		form, err := mesh.ToUnstructured(service)
		require.NoError(t, err)
		if finding.Object == nil {
			finding.Object = service
		}
		finding.Fix.Changes = append(finding.Fix.Changes, plan.Change{Action: plan.Update, Object: form, Edits: []plan.Edit{plan.Set(form, value, "metadata", "labels", key)}})
	}
	return finding
}

const overlaidWorkload = `apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec: {containers: [{name: orders, image: "example.com/orders:1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: orders-1, namespace: shop, labels: {app: orders}, annotations: {stale: "true"}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: orders-5d, uid: a, controller: true}]}
`

// TestFixesStayInTheNamespace holds that what is to be changed outside of what the user named is listed, with what does it.
func TestFixesStayInTheNamespace(t *testing.T) {
	inside, across := fixOn(t, "GX1", "bank/a x=y"), fixOn(t, "GX2", "bank/a x=y", "istio-system/gateway x=y")
	empty := mesh.New(nil, mesh.Options{})
	for name, test := range map[string]struct {
		target lint.Target
		files  bool
		want   string
	}{
		"all":       {target: lint.Target{All: true}},
		"namespace": {target: lint.Target{Namespace: "bank"}, want: "run it with -A to make the change"},
		"files":     {target: lint.Target{Namespace: "bank"}, files: true, want: "run it without -n to make the change"},
	} {
		streams, _, messages := report.FakeStreams("")
		o := &Options{Streams: streams}
		if test.files {
			o.Files = &manifest.Sources{}
		}
		left, err := o.inTarget(&meshToCheck{snapshot: empty, target: test.target}, []checks.Finding{inside, across})
		require.NoError(t, err)
		if test.want == "" {
			assert.Len(t, left, 2, name)
			assert.Empty(t, messages.String(), name)
			continue
		}
		require.Len(t, left, 1, name)
		assert.Equal(t, "GX1", left[0].ID)
		assert.Equal(t, "not fixed: GX2 Service bank/a: it changes Service istio-system/gateway, which is not in namespace bank; "+test.want+"\n", messages.String(), name)
	}
	w := mesh.New(corpus.Manifests(t, overlaidWorkload).Objects, mesh.Options{})
	key := workload.Workloads(w)[0].Key
	namespaces, err := lint.Target{All: true, Workloads: []mesh.Key{key}}.Writable(w)
	require.NoError(t, err)
	assert.Equal(t, []string{key.Namespace}, namespaces)
}

func TestVerdict(t *testing.T) {
	options := &Options{}
	ran := []*checks.Check{lint.All()[0]}
	bad := report.LintFinding{Level: checks.Error}
	skips := []report.LintSkip{{ID: "GX301", Reason: "you may not list services"}}
	assert.NoError(t, options.verdict(&report.LintReport{Ran: ran, FailOn: checks.Warning}))
	assert.NoError(t, options.verdict(&report.LintReport{Ran: ran, Skipped: skips}))
	assert.ErrorIs(t, options.verdict(&report.LintReport{Ran: ran, Findings: []report.LintFinding{bad}, FailOn: checks.Warning}), exitcode.ErrBadAnswer)
	assert.EqualError(t, options.verdict(&report.LintReport{Skipped: skips}),
		"no check could be run: you may not list services; kubectl grpcexpose lint --print-rbac has the rights to ask for")
}

// TestFixesDoNotClash holds that of two fixes that want one field to be different things only the first is made, and that what
// two findings both want is done once.
func TestFixesDoNotClash(t *testing.T) {
	manifests := corpus.Manifests(t, overlaidWorkload)
	u, err := mesh.ToUnstructured(manifests.Objects[0].Object)
	require.NoError(t, err)
	label := func(level checks.FixLevel, value string) checks.Finding {
		change := updateOf(u, value)
		return checks.Finding{Object: manifests.Objects[0].Object, Fix: checks.Fix{Level: level, Changes: change}}
	}
	findings := []checks.Finding{label(checks.Safe, "a"), label(checks.Safe, "a"), label(checks.Safe, "b"), label(checks.Words, "c")}
	assert.Len(t, changesOf(lint.FixSafe.Chosen(findings)), 1)
	assert.Empty(t, lint.FixSafe.Chosen([]checks.Finding{label(checks.Ask, "a")}))
	assert.Len(t, lint.FixAll.Chosen([]checks.Finding{label(checks.Ask, "a")}), 1)
}

func updateOf(u *unstructured.Unstructured, value string) []plan.Change {
	return []plan.Change{{Action: plan.Update, Object: u, Edits: []plan.Edit{plan.Set(u, value, "metadata", "labels", "x")}}}
}
