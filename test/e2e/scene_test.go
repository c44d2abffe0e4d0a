package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// scene is a namespace on a stack in which a test plays: given objects, when a command runs, then output and objects.
// What is written "test" in objects and arguments is the scene's namespace, and is "test" again in all that it prints.
type scene struct {
	*testing.T
	*sharedStack
	namespace  string
	kubeconfig string
	// transcript is every command with its whole output; golden compares it.
	transcript strings.Builder
	commands   int
	// leavesRestarts: the trace of a restart in pod templates is left out of pictures.
	leavesRestarts bool
}

// scenes counts them. Their names are of one length, because that is the width of a column in tables.
var scenes atomic.Int32

// on begins a scene with an empty namespace, which goes when the test ends.
func on(t *testing.T, shared *sharedStack) *scene {
	t.Helper()
	shared.take(t)
	s := &scene{T: t, sharedStack: shared, namespace: fmt.Sprintf("scene-%04d", scenes.Add(1)), kubeconfig: shared.Kubeconfig}
	s.put("apiVersion: v1\nkind: Namespace\nmetadata: {name: test}")
	t.Cleanup(s.clear)
	return s
}

// clear removes what the next scene could trip over at once, and lets the rest go in its own time.
func (s *scene) clear() {
	ctx := context.Background()
	for _, resource := range []string{"virtualservices.networking.istio.io", "gateways.networking.istio.io", "deployments.apps", "statefulsets.apps", "daemonsets.apps"} {
		mapping, err := s.mapping(resource)
		if err != nil {
			continue // not served: the stack has no Istio
		}
		err = s.client.Resource(mapping.Resource).Namespace(s.namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		assert.NoError(s, err)
	}
	assert.NoError(s, s.resource(s.T, "namespaces", "").Delete(ctx, s.namespace, metav1.DeleteOptions{}))
}

// own puts the scene's namespace in the place of "test", as a whole word.
func (s *scene) own(text string) string {
	return wordTest.ReplaceAllString(text, "${1}"+s.namespace+"${2}")
}

// given applies objects as somebody with kubectl would, and waits until their rollouts are over.
func (s *scene) given(objects string) {
	s.Helper()
	s.put(objects)
	s.settled()
}

// put applies objects and does not wait.
func (s *scene) put(objects string) {
	s.Helper()
	require.NoError(s, s.Apply(s.Context(), s.own(objects)))
}

// kubectl runs kubectl as the administrator and returns what it prints.
func (s *scene) kubectl(arguments ...string) string {
	s.Helper()
	for i := range arguments {
		arguments[i] = s.own(arguments[i])
	}
	printed, err := s.Kubectl(s.Context(), arguments...)
	require.NoError(s, err)
	return printed
}

// get is one object of the scene, by resource and name; for other namespaces write namespace/name.
func (s *scene) get(resource, name string) *unstructured.Unstructured {
	s.Helper()
	object, err := s.find(resource, name)
	require.NoError(s, err)
	return object
}

func (s *scene) find(resource, name string) (*unstructured.Unstructured, error) {
	s.Helper()
	namespace := s.namespace
	if of, rest, qualified := strings.Cut(s.own(name), "/"); qualified {
		namespace, name = of, rest
	}
	return s.resource(s.T, resource, namespace).Get(s.Context(), s.own(name), metav1.GetOptions{})
}

// gone says that an object of the scene is not there.
func (s *scene) gone(resource, name string) {
	s.Helper()
	_, err := s.find(resource, name)
	assert.True(s, apierrors.IsNotFound(err), "%s %s should not be there: %v", resource, name, err)
}

// list are the objects of a resource in the scene's namespace.
func (s *scene) list(resource string) []unstructured.Unstructured {
	s.Helper()
	list, err := s.resource(s.T, resource, s.namespace).List(s.Context(), metav1.ListOptions{})
	require.NoError(s, err)
	return list.Items
}

// field is a value in an object; it must be there.
func field[T any](s *scene, object *unstructured.Unstructured, path ...string) T {
	s.Helper()
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, path...)
	require.NoError(s, err)
	require.True(s, found, "%s of %s %s", path, object.GetKind(), object.GetName())
	typed, ok := value.(T)
	require.True(s, ok, "%s of %s %s is %T", path, object.GetKind(), object.GetName(), value)
	return typed
}

const (
	// rolloutPatience is how long controllers have for a rollout, which takes them a second.
	rolloutPatience = 60 * time.Second
	// pause is how long tests wait before they look again.
	pause = 50 * time.Millisecond
)

// settled waits until no rollout is under way in the namespace and no old pod is left.
func (s *scene) settled() {
	s.Helper()
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		pods := int64(0)
		for _, resource := range []string{"deployments.apps", "statefulsets.apps", "daemonsets.apps"} {
			for _, workload := range s.list(resource) {
				pods += podsWanted(c, workload)
			}
		}
		assert.GreaterOrEqual(c, pods, int64(len(s.list("pods"))), "old pods are left")
	}, rolloutPatience, pause)
}

// podsWanted is how many pods a workload has once its rollout is over; c fails while it is not.
func podsWanted(c *assert.CollectT, workload unstructured.Unstructured) int64 {
	number := func(path ...string) int64 {
		value, _, _ := unstructured.NestedInt64(workload.Object, path...)
		return value
	}
	assert.Equal(c, workload.GetGeneration(), number("status", "observedGeneration"))
	if workload.GetKind() == "DaemonSet" {
		wanted := number("status", "desiredNumberScheduled")
		assert.Positive(c, wanted)
		assert.Equal(c, wanted, number("status", "updatedNumberScheduled"))
		assert.Equal(c, wanted, number("status", "numberAvailable"))
		return wanted
	}
	wanted := number("spec", "replicas")
	assert.Equal(c, wanted, number("status", "updatedReplicas"))
	assert.Equal(c, wanted, number("status", "readyReplicas"))
	assert.Equal(c, wanted, number("status", "replicas"))
	return wanted
}

// thereAndBack creates with the recipe's command and more flags, checks what check checks, creates again, which must write
// nothing, and deletes, which must leave everything as it was.
func (s *scene) thereAndBack(check func(), flags ...string) {
	s.Helper()
	s.thereAndBackWith(0, recipe(flags...), check)
}

// thereAndBackWith does so with any create command and its exit code; delete gets its second word, the workload.
func (s *scene) thereAndBackWith(code int, create []string, check func()) {
	s.Helper()
	before := s.picture()
	s.run(create...).exits(code)
	s.settled()
	check()
	s.writesNothing(func() { s.runQuietly(create...).exits(code).says("nothing to change") })
	remove := []string{"delete", create[1]}
	if slices.Contains(create, "--restart=namespace") {
		remove = append(remove, "--restart=namespace")
	}
	s.run(remove...).exits(0)
	s.settled()
	assert.Equal(s, before, s.picture(), "delete has not given back what create changed")
	s.golden()
}
