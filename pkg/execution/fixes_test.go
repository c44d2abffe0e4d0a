package execution

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// refusingCluster takes every change but those that set a label to what it refuses.
type refusingCluster struct {
	Client
	inCheck, inApply map[string]error
	checks           int
	applied          []string
}

func valueOf(change plan.Change) string { return change.Edits[0].New.(string) }

func (c *refusingCluster) Check(_ context.Context, p plan.Plan, _ cluster.WriteOptions) (cluster.CheckResult, error) {
	c.checks++
	var result cluster.CheckResult
	for i, change := range p.Changes {
		checked := cluster.Checked{Change: change}
		// As the API server's, the check of a change has the earlier ones of the same object in it.
		for _, earlier := range p.Changes[:i+1] {
			if err := c.inCheck[valueOf(earlier)]; err != nil && plan.SameObject(earlier.Object, change.Object) {
				checked.Err = err
			}
		}
		result = append(result, checked)
	}
	return result, nil
}

func (c *refusingCluster) Apply(_ context.Context, p plan.Plan, _ cluster.ApplyOptions) (cluster.ApplyResult, error) {
	var result cluster.ApplyResult
	for i, change := range p.Changes {
		if err := c.inApply[valueOf(change)]; err != nil {
			result.Failed, result.NotBegun = &p.Changes[i], p.Changes[i+1:]
			return result, err
		}
		c.applied = append(c.applied, valueOf(change))
		result.Done = append(result.Done, cluster.Applied{Change: change})
	}
	return result, nil
}

// fixOn is a fix of a finding about a Service of namespace bank that sets labels: "service key=value ...".
func fixOn(t *testing.T, id string, changes ...string) Fix {
	t.Helper()
	fix := Fix{ID: id}
	for _, change := range changes {
		name, label, _ := strings.Cut(change, " ")
		key, value, _ := strings.Cut(label, "=")
		namespace, short, _ := strings.Cut(name, "/")
		service := &core.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: short}}
		form, err := mesh.ToUnstructured(service)
		require.NoError(t, err)
		if fix.Object == "" {
			fix.Object = mesh.KeyOf(service).String()
		}
		fix.Changes = append(fix.Changes, plan.Change{Action: plan.Update, Object: form, Edits: []plan.Edit{plan.Set(form, value, "metadata", "labels", key)}})
	}
	return fix
}

// TestOneRefusedFixKeepsNoOtherBack holds that what cannot be made is listed with its reason, whole, and the rest is made.
func TestOneRefusedFixKeepsNoOtherBack(t *testing.T) {
	owned := &cluster.Conflict{Object: "Service bank/a", Flagless: true, Fields: []cluster.FieldConflict{{Field: ".metadata.labels.x", Owner: "Argo CD"}}}
	notAllowed := &cluster.Forbidden{Missing: []cluster.Permission{{Verb: "patch", Resource: "services", Namespace: "bank"}}}
	webhook := &cluster.Refused{Object: "Service bank/c", By: "admission webhook x", Message: "no"}
	fixes := func() []Fix {
		return []Fix{
			fixOn(t, "GX1", "bank/b y=fine", "bank/a x=owned"), // the second change fails: the first is not made either
			fixOn(t, "GX2", "bank/a z=other field"),            // tried together with what failed, and good without it
			fixOn(t, "GX3", "bank/c x=webhook"),
			fixOn(t, "GX4", "bank/a x=owned"), // the same change again
			fixOn(t, "GX5", "bank/d x=plain"),
			fixOn(t, "GX6", "bank/e x=not allowed"),
		}
	}
	refusals := map[string]error{"owned": owned, "webhook": webhook, "not allowed": notAllowed}
	want := "not fixed: GX1 Service bank/b: Service bank/a: Argo CD owns .metadata.labels.x; make the change where the owner takes it from\n" +
		"not fixed: GX3 Service bank/c: Service bank/c is refused by admission webhook x: no\n" +
		"not fixed: GX4 Service bank/a: Argo CD owns .metadata.labels.x; make the change where the owner takes it from\n" +
		"not fixed: GX6 Service bank/e: " + notAllowed.Error() + "\n"

	streams, _, messages := report.FakeStreams("")
	client := &refusingCluster{inCheck: refusals}
	possible, err := (&Execution{Streams: streams, Client: client}).rehearseFixes(t.Context(), fixes())
	require.NoError(t, err)
	assert.Equal(t, want, messages.String())
	made, err := (&Execution{Streams: streams, Client: client}).applyFixes(t.Context(), possible)
	require.NoError(t, err)
	assert.Len(t, made, 2)
	assert.Equal(t, []string{"other field", "plain"}, client.applied)
	assert.Equal(t, 3, client.checks, "all objects whole, the refused one change by change, and once more what is left")
}

// TestAFixThatFailsAfterAllEndsAlone holds the same for what the rehearsal could not see.
func TestAFixThatFailsAfterAllEndsAlone(t *testing.T) {
	streams, _, messages := report.FakeStreams("")
	client := &refusingCluster{inApply: map[string]error{"raced": &cluster.Modified{Object: "Service bank/b", Detail: "x"}}}
	made, err := (&Execution{Streams: streams, Client: client}).applyFixes(t.Context(), []Fix{
		fixOn(t, "GX1", "bank/a x=first", "bank/b x=raced", "bank/b2 x=never"), fixOn(t, "GX2", "bank/c x=second"),
	})
	require.NoError(t, err)
	assert.Len(t, made, 2)
	assert.Equal(t, []string{"first", "second"}, client.applied)
	assert.Equal(t, "note: of the fix of GX1 Service bank/a this is done: Service bank/a: label x=first\n"+
		"not fixed: GX1 Service bank/a: Service bank/b was changed by someone else after it was read (x); run the command again\n", messages.String())

	client = &refusingCluster{inApply: map[string]error{"second": &cluster.Unreachable{Server: "s", Cause: "c", Next: "n"}}}
	_, err = (&Execution{Streams: streams, Client: client, GoOn: "again"}).applyFixes(t.Context(), []Fix{
		fixOn(t, "GX1", "bank/a x=first"), fixOn(t, "GX2", "bank/c x=second"), fixOn(t, "GX3", "bank/d x=third"),
	})
	require.Error(t, err)
	for _, line := range []string{"done      Service bank/a", "failed    Service bank/c", "not done  Service bank/d"} {
		assert.Contains(t, err.Error(), line)
	}
	assert.Equal(t, []string{"first"}, client.applied)
}

// blockedInput never has a line.
type blockedInput struct{}

func (blockedInput) Read([]byte) (int, error) { select {} }

// TestTheQuestionEndsWithTheContext holds that the first Ctrl-C ends the question.
func TestTheQuestionEndsWithTheContext(t *testing.T) {
	streams, _, _ := report.FakeStreams("")
	streams.In = blockedInput{}
	e := &Execution{Streams: streams, Options: Options{Interactive: true}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := e.ConfirmPlan(ctx, plan.Plan{Changes: fixOn(t, "GX1", "bank/a x=y").Changes})
	assert.ErrorIs(t, err, context.Canceled)
}
