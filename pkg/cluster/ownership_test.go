package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/fieldowner"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const ownedYAML = `{apiVersion: v1, kind: Namespace, metadata: {name: test, labels: {team: shop, tier: web}, annotations: {about: shop}}}`

func remember(object *unstructured.Unstructured, edits ...plan.Edit) plan.Change {
	return plan.Change{Action: plan.Update, Object: object, Undo: plan.Remember, Edits: edits}
}

func label(object *unstructured.Unstructured, name string, value any) plan.Edit {
	return plan.Set(object, value, "metadata", "labels", name)
}

func (s *ownedStore) apply(ctx context.Context, options WriteOptions, changes ...plan.Change) (ApplyResult, error) {
	return s.client.Apply(ctx, plan.Plan{Changes: changes}, ApplyOptions{WriteOptions: options})
}

// atRest is an object without its version.
func atRest(object *unstructured.Unstructured) *unstructured.Unstructured {
	object = object.DeepCopy()
	object.SetResourceVersion("")
	return object
}

// Many runs at once, under one name and under several, that remember and forget fields of their own, fields of all, and
// fields that the owner has: all succeed, and at the end the object and its owners are as at the start.
func TestManyRunsOnOneObject(t *testing.T) {
	const runs = 20
	for round := range 3 {
		store := newOwnedStore(t, namespacePath, ownedYAML)
		before := store.object()
		all := func(change func(run int, object *unstructured.Unstructured) plan.Change) {
			seen := store.object()
			var group sync.WaitGroup
			for run := range runs {
				options := WriteOptions{ForceConflicts: true}
				if run%2 == 1 {
					options.FieldManager = fmt.Sprintf("team-%d", run%3)
				}
				group.Go(func() {
					time.Sleep(rand.N(time.Duration(round+1) * time.Millisecond))
					_, err := store.apply(t.Context(), options, change(run, seen))
					assert.NoError(t, err)
				})
			}
			group.Wait()
		}
		all(func(run int, object *unstructured.Unstructured) plan.Change {
			return remember(object, label(object, "istio-injection", "enabled"), label(object, "tier", nil), label(object, "team", "ours"), label(object, fmt.Sprint("run-", run), "x"))
		})
		exposed := store.object()
		notes, err := plan.NotesOf(exposed)
		require.NoError(t, err)
		assert.Len(t, notes, runs+3)
		assert.Len(t, exposed.GetLabels(), runs+2)
		all(func(run int, object *unstructured.Unstructured) plan.Change {
			change := remember(object, label(object, "istio-injection", nil), label(object, "tier", "web"), label(object, "team", "shop"), label(object, fmt.Sprint("run-", run), nil))
			change.Undo = plan.Forget
			return change
		})
		after := store.object()
		assert.Empty(t, after.GetAnnotations()[plan.UndoAnnotation])
		assert.Equal(t, before.GetLabels(), after.GetLabels())
		for _, entry := range after.GetManagedFields() {
			assert.Equal(t, "argocd-controller", entry.Manager, entry.FieldsV1)
		}
	}
}

// One run alone leaves owners and their times as they were, to the byte, and so does one whose answers get lost.
func TestOwnersAreAsBefore(t *testing.T) {
	retryBackoff = wait.Backoff{Duration: time.Millisecond, Steps: 3}
	for lost := range 5 {
		for _, manager := range []string{"", "team", "argocd-controller"} {
			t.Run(fmt.Sprintf("%s, answer %d lost", manager, lost), func(t *testing.T) {
				store := newOwnedStore(t, namespacePath, ownedYAML)
				store.answered = func(write int) bool { return write == lost }
				before := store.object()
				options := WriteOptions{FieldManager: manager, ForceConflicts: true}
				result, err := store.apply(t.Context(), options, remember(before, label(before, "team", "ours"), label(before, "new", "x")))
				require.NoError(t, err)
				assert.Empty(t, result.Done[0].Notes)
				exposed := store.object()
				assert.Equal(t, exposed, result.Done[0].Stored)
				assert.Equal(t, before.GetManagedFields(), exposed.GetManagedFields())
				assert.Equal(t, map[string]string{"team": "ours", "tier": "web", "new": "x"}, exposed.GetLabels())
				forget := remember(exposed, label(exposed, "team", "shop"), label(exposed, "new", nil))
				forget.Undo = plan.Forget
				result, err = store.apply(t.Context(), WriteOptions{FieldManager: manager}, forget)
				require.NoError(t, err)
				assert.Empty(t, result.Done[0].Notes, "the owner gets its field back without a word")
				assert.Equal(t, atRest(before), atRest(store.object()))

				result, err = store.apply(t.Context(), WriteOptions{FieldManager: manager}, forget)
				require.NoError(t, err)
				assert.True(t, result.Done[0].Unchanged)
			})
		}
	}
}

// Where somebody writes between our write and the one that gives up what it came to own, theirs stays theirs.
func TestOwnersThatWriteInBetween(t *testing.T) {
	store := newOwnedStore(t, namespacePath, ownedYAML)
	before := store.object()
	store.answered = func(write int) bool {
		if write == 1 {
			assert.NoError(t, store.store(func(live *unstructured.Unstructured) (runtime.Object, error) {
				changed := live.DeepCopy()
				changed.SetLabels(map[string]string{"team": "ours", "tier": "other", "more": "x"})
				return store.owners.Update(live, changed, "somebody")
			}))
		}
		return false
	}
	_, err := store.apply(t.Context(), WriteOptions{ForceConflicts: true}, remember(before, label(before, "team", "ours")))
	require.NoError(t, err)
	all := fieldowner.Of(store.object())
	assert.Len(t, all, 2)
	fields := func(manager string) string { return all.FieldsOf(manager).String() }
	assert.Contains(t, fields("argocd-controller"), ".metadata.labels.team", "who was displaced owns its field again")
	assert.NotContains(t, fields("argocd-controller"), ".metadata.labels.tier")
	assert.Equal(t, ".metadata.labels.more\n.metadata.labels.tier", fields("somebody"))
}

func TestOwnersThatCannotBePutBack(t *testing.T) {
	retryBackoff = wait.Backoff{Duration: time.Millisecond, Steps: 3}
	store := newOwnedStore(t, namespacePath, ownedYAML)
	before := store.object()
	store.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Content-Type") == "application/merge-patch+json" {
			mayNotDo("patch", "namespaces", "")(w, r)
			return true
		}
		return store.serve(w, r)
	}
	result, err := store.apply(t.Context(), WriteOptions{}, remember(before, label(before, "new", "x")))
	require.NoError(t, err)
	assert.Equal(t, []string{"Namespace test is changed, but its managedFields still name kubectl-grpcexpose as the owner of the changed fields " +
		"(you may not patch namespaces/test; ask an administrator for a Role that allows it); the next change that this program makes to it removes that"}, result.Done[0].Notes)
	assert.NotEmpty(t, fieldowner.Of(store.object()).By(DefaultFieldManager))
	assert.Equal(t, "x", result.Done[0].Stored.GetLabels()["new"])

	store.fault = store.serve
	exposed := store.object()
	_, err = store.apply(t.Context(), WriteOptions{}, remember(exposed, label(exposed, "other", "x")))
	require.NoError(t, err)
	assert.Equal(t, before.GetManagedFields(), store.object().GetManagedFields())
}

// A run of this program under another name that is about to give up what it owns is waited for; another owner is not.
func TestConflictsThatPass(t *testing.T) {
	standstillBackoff = wait.Backoff{Duration: 5 * time.Millisecond, Factor: 2, Steps: 4}
	for name, test := range map[string]struct {
		notes   any
		release bool
		err     string
	}{
		"a run of ours":            {notes: "[]", release: true},
		"one that was interrupted": {notes: "[]", err: "Namespace test: team owns .metadata.labels.new; "},
		"somebody else":            {err: "Namespace test: team owns .metadata.labels.new; "},
	} {
		t.Run(name, func(t *testing.T) {
			store := newOwnedStore(t, namespacePath, ownedYAML)
			planned := store.object()
			other := planned.DeepCopy()
			other.Object = map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "test", "labels": map[string]any{"new": "old"}}}
			if test.notes != nil {
				other.SetAnnotations(map[string]string{plan.UndoAnnotation: test.notes.(string)})
			}
			require.NoError(t, store.store(func(live *unstructured.Unstructured) (runtime.Object, error) {
				return store.owners.Apply(live, other, "team", false)
			}))
			seen := store.object()
			reads := 0
			store.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if reads++; test.release && reads == 4 {
					store.mutex.Lock()
					live := store.live.DeepCopy()
					live.SetManagedFields([]metav1.ManagedFieldsEntry{planned.GetManagedFields()[0]})
					assert.NoError(t, store.store(func(*unstructured.Unstructured) (runtime.Object, error) { return live, nil }))
					store.mutex.Unlock()
				}
				return store.serve(w, r)
			}
			_, err := store.apply(t.Context(), WriteOptions{}, remember(seen, label(seen, "new", "x")))
			if test.err == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, test.err)
			}
		})
	}
}

// A race ends with the context, and the error says what it was about.
func TestRaceWithoutEnd(t *testing.T) {
	store := newOwnedStore(t, namespacePath, ownedYAML)
	seen := store.object()
	store.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			store.mutex.Lock()
			assert.NoError(t, store.store(func(live *unstructured.Unstructured) (runtime.Object, error) {
				live.SetAnnotations(map[string]string{"written": fmt.Sprint(store.version)})
				return live, nil
			}))
			store.mutex.Unlock()
		}
		return store.serve(w, r)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	result, err := store.apply(ctx, WriteOptions{}, remember(seen, label(seen, "new", "x")))
	assert.ErrorContains(t, err, "the time limit was reached while changing Namespace test")
	assert.Empty(t, result.Done)
	assert.Greater(t, store.version, 4, "it was tried again and again")
}
