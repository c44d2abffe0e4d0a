package cluster

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const (
	namespacePath = "/api/v1/namespaces/test"
	gatewayPath   = "/apis/networking.istio.io/v1/namespaces/test/gateways/server"
	oldPath       = "/apis/networking.istio.io/v1/namespaces/test/virtualservices/old"

	namespaceYAML = `{apiVersion: v1, kind: Namespace, metadata: {name: test, labels: {team: shop}}}`
	gatewayYAML   = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: server, namespace: test, labels: {app.kubernetes.io/managed-by: kubectl-grpcexpose}}
spec: {servers: [{port: {number: 8000, name: grpc, protocol: GRPC}, hosts: ["*"]}]}`
	oldYAML = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: old, namespace: test}, spec: {hosts: ["*"]}}`
)

// threeChanges is a server with a namespace and a route, and a plan that labels the one, makes a Gateway, and deletes the
// other.
func threeChanges(t *testing.T) (*fakeStore, plan.Plan) {
	t.Helper()
	retryBackoff = wait.Backoff{Duration: time.Millisecond, Steps: 3}
	store := newFakeStore(t, map[string]string{namespacePath: namespaceYAML, oldPath: oldYAML})
	namespace := parse(t, namespaceYAML)
	return store, plan.Plan{Changes: []plan.Change{
		{Action: plan.Update, Object: namespace, Edits: []plan.Edit{plan.Set(namespace, "enabled", "metadata", "labels", "istio-injection")}},
		{Action: plan.Create, Object: parse(t, gatewayYAML)},
		{Action: plan.Delete, Object: parse(t, oldYAML)},
	}}
}

// account is an ApplyResult in words.
func account(result ApplyResult) []string {
	var lines []string
	for _, applied := range result.Done {
		state := Done
		if applied.Unchanged {
			state = Unchanged
		}
		lines = append(lines, fmt.Sprintf("%s %s", state, plan.Name(applied.Change.Object)))
	}
	if result.Failed != nil {
		line := fmt.Sprintf("%s %s", Failed, plan.Name(result.Failed.Object))
		if result.Unknown {
			line += " or not"
		}
		lines = append(lines, line)
	}
	for _, change := range result.NotBegun {
		lines = append(lines, "not begun "+plan.Name(change.Object))
	}
	return lines
}

var (
	allDone      = []string{"done Namespace test", "done Gateway test/server", "done VirtualService test/old"}
	allUnchanged = []string{"unchanged Namespace test", "unchanged Gateway test/server", "unchanged VirtualService test/old"}
)

// An update of what the plan saw needs no look at the object before it; if somebody has written the object since, it is looked
// at, and the change made on what is there now.
func TestApplyToWhatThePlanSaw(t *testing.T) {
	store, p := threeChanges(t)
	seen := &unstructured.Unstructured{}
	seen.Object, _ = store.get(namespacePath).(map[string]any)
	seen.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl-create", Operation: metav1.ManagedFieldsOperationUpdate}})
	seen = seen.DeepCopy()
	p.Changes[0].Object = seen

	result, err := store.client.Apply(t.Context(), plan.Plan{Changes: p.Changes[:1]}, ApplyOptions{})
	require.NoError(t, err)
	assert.Equal(t, allDone[:1], account(result))
	assert.Equal(t, 1, store.writes)

	p.Changes[0].Edits = []plan.Edit{plan.Set(seen, "yes", "metadata", "labels", "second")}
	result, err = store.client.Apply(t.Context(), plan.Plan{Changes: p.Changes[:1]}, ApplyOptions{})
	require.NoError(t, err)
	assert.Equal(t, allDone[:1], account(result))
	assert.Equal(t, map[string]any{"istio-injection": "enabled", "second": "yes", "team": "shop"}, store.get(namespacePath, "metadata", "labels"))
}

func TestApply(t *testing.T) {
	store, p := threeChanges(t)
	var events []string
	options := ApplyOptions{Progress: func(e Event) {
		events = append(events, fmt.Sprintf("%d/%d %s %s", e.Index+1, e.Total, e.State, plan.Name(e.Change.Object)))
	}}
	result, err := store.client.Apply(t.Context(), p, options)
	require.NoError(t, err)
	assert.Equal(t, allDone, account(result))
	assert.Equal(t, []string{
		"1/3 started Namespace test", "1/3 done Namespace test",
		"2/3 started Gateway test/server", "2/3 done Gateway test/server",
		"3/3 started VirtualService test/old", "3/3 done VirtualService test/old",
	}, events)
	assert.Equal(t, map[string]any{"istio-injection": "enabled", "team": "shop"}, store.get(namespacePath, "metadata", "labels"))
	assert.Equal(t, "GRPC", store.get(gatewayPath, "spec", "servers", "0", "port", "protocol"))
	assert.Nil(t, store.get(oldPath))

	result, err = store.client.Apply(t.Context(), p, ApplyOptions{})
	require.NoError(t, err)
	assert.Equal(t, allUnchanged, account(result), "applying twice is applying once")
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

// TestApplySurvivesOneLostAnswer loses the answer to each write in turn, before and after it was stored.
func TestApplySurvivesOneLostAnswer(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for lost := range 3 {
			t.Run(fmt.Sprintf("write %d, stored %t", lost, stored), func(t *testing.T) {
				store, p := threeChanges(t)
				serve, writes := store.fault, 0
				store.fault = func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodGet {
						return serve(w, r)
					}
					writes++
					if writes-1 != lost {
						return serve(w, r)
					}
					if stored {
						serve(httptest.NewRecorder(), r)
					}
					cut(w)
					return true
				}
				result, err := store.client.Apply(t.Context(), p, ApplyOptions{})
				require.NoError(t, err)
				assert.Equal(t, allDone, account(result))
				assert.Equal(t, 3, store.writes, "nothing is written twice")
			})
		}
	}
}

// TestApplyGoesOnAfterAnOutage ends the server's life at each write in turn, and applies again when it is back.
func TestApplyGoesOnAfterAnOutage(t *testing.T) {
	states := []string{"Namespace test", "Gateway test/server", "VirtualService test/old"}
	for at := range 3 {
		t.Run(states[at], func(t *testing.T) {
			store, p := threeChanges(t)
			serve, writes, down := store.fault, 0, false
			store.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet {
					writes++
				}
				if down = down || writes > at; down {
					fail(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "the server is shutting down")(w, r)
					return true
				}
				return serve(w, r)
			}
			result, err := store.client.Apply(t.Context(), p, ApplyOptions{})
			assert.ErrorContains(t, err, "the server is shutting down; try again in a moment")
			assert.Equal(t, states[at], plan.Name(result.Failed.Object))
			assert.True(t, result.Unknown, "it was sent, and the object cannot be read")
			assert.Len(t, result.Done, at)
			assert.Len(t, result.NotBegun, 2-at)

			store.fault = serve
			result, err = store.client.Apply(t.Context(), p, ApplyOptions{})
			require.NoError(t, err)
			assert.Equal(t, append(allUnchanged[:at:at], allDone[at:]...), account(result))
		})
	}
}

func TestApplyEndsWithTheContext(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprintf("stored %t", stored), func(t *testing.T) {
			store, p := threeChanges(t)
			ctx, cancel := context.WithCancel(t.Context())
			serve := store.fault
			store.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet || r.URL.Path != gatewayPath {
					return serve(w, r)
				}
				if stored {
					serve(httptest.NewRecorder(), r)
				}
				cancel() // the user presses Ctrl-C while the server works
				cut(w)
				return true
			}
			result, err := store.client.Apply(ctx, p, ApplyOptions{})
			assert.ErrorIs(t, err, context.Canceled)
			if stored {
				assert.Equal(t, []string{"done Namespace test", "done Gateway test/server", "not begun VirtualService test/old"}, account(result))
			} else {
				assert.Equal(t, []string{"done Namespace test", "failed Gateway test/server", "not begun VirtualService test/old"}, account(result))
			}
		})
	}
}

func TestApplyLeavesOthersObjectsAlone(t *testing.T) {
	t.Run("an object of that name", func(t *testing.T) {
		store, p := threeChanges(t)
		store.objects[gatewayPath] = store.stamped(parse(t, `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: server, namespace: test}}`).Object)
		result, err := store.client.Apply(t.Context(), p, ApplyOptions{})
		assert.EqualError(t, err, "Gateway test/server already exists and was not made by this program; run the command again to plan with it, or choose another name")
		assert.Equal(t, []string{"done Namespace test", "failed Gateway test/server", "not begun VirtualService test/old"}, account(result))
	})
	t.Run("an object of our own that a parallel run has made", func(t *testing.T) {
		store, p := threeChanges(t)
		store.objects[gatewayPath] = store.stamped(parse(t, gatewayYAML).Object)
		_, err := store.client.Apply(t.Context(), p, ApplyOptions{})
		assert.NoError(t, err)
	})
	t.Run("a field that was changed since", func(t *testing.T) {
		store, p := threeChanges(t)
		store.objects[namespacePath]["metadata"].(map[string]any)["labels"].(map[string]any)["istio-injection"] = "disabled"
		_, err := store.client.Apply(t.Context(), p, ApplyOptions{})
		assert.EqualError(t, err, "Namespace test was changed by someone else after it was read (.metadata.labels.istio-injection has another value now); run the command again")
	})
	t.Run("an object whose namespace is being deleted", func(t *testing.T) {
		for namespace, want := range map[string]string{
			`{apiVersion: v1, kind: Namespace, metadata: {name: test, deletionTimestamp: "2026-01-01T00:00:00Z"}}`: "Service test/server cannot be written: namespace test is being deleted; ",
			namespaceYAML: "Service test/server does not exist; ",
			"":            "Namespace test does not exist; ",
		} {
			store := newFakeStore(t, map[string]string{})
			if namespace != "" {
				store.objects[namespacePath] = store.stamped(parse(t, namespace).Object)
			}
			_, err := store.client.Apply(t.Context(), rename(parse(t, serviceYAML)), ApplyOptions{})
			assert.ErrorContains(t, err, want)
		}
	})
	t.Run("an object made anew since", func(t *testing.T) {
		store, p := threeChanges(t)
		p.Changes = p.Changes[2:]
		p.Changes[0].Object.SetUID("of-the-former-one")
		result, err := store.client.Apply(t.Context(), p, ApplyOptions{})
		require.NoError(t, err)
		assert.Equal(t, []string{"unchanged VirtualService test/old"}, account(result))
		assert.NotNil(t, store.get(oldPath))
	})
}
