package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

const (
	writers = 20
	// racePatience is how long all writers together may take on a busy machine.
	racePatience = 60 * time.Second
)

// atOnce has many runs of the product make changes at the same time, each with a client of its own, and requires that all
// succeed. Some have names of their own, some share one.
func (s *scene) atOnce(changes func(writer int) []plan.Change) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), racePatience)
	defer cancel()
	var group sync.WaitGroup
	for writer := range writers {
		client := s.writes()
		options := cluster.ApplyOptions{}
		switch writer % 3 {
		case 1:
			options.FieldManager = fmt.Sprintf("team-%d", writer)
		case 2:
			options.FieldManager = "team"
		}
		group.Go(func() {
			_, err := client.Apply(ctx, plan.Plan{Changes: changes(writer)}, options)
			assert.NoError(s, err)
		})
	}
	group.Wait()
}

// shared are a Service and a namespace that all writers change, and how each changes them.
type shared struct{ service, namespace *unstructured.Unstructured }

func (s *scene) shared() shared {
	return shared{s.get("services", "server"), s.get("namespaces", "test")}
}

// fields of the namespace are everybody's label and one of each writer's; of the Service, a port of each.
func (o shared) remember(writer int) []plan.Change {
	number := int64(10000 + writer)
	port := map[string]any{"name": fmt.Sprintf("grpc-%d", number), "port": number, "protocol": "TCP", "targetPort": number}
	return []plan.Change{
		{Action: plan.Update, Object: o.namespace, Undo: plan.Remember, Edits: []plan.Edit{
			plan.Set(o.namespace, "enabled", "metadata", "labels", "istio-injection"),
			plan.Set(o.namespace, "x", "metadata", "labels", fmt.Sprintf("writer-%d", writer)),
		}},
		{Action: plan.Update, Object: o.service, Undo: plan.Remember, Edits: []plan.Edit{
			plan.Set(o.service, port, "spec", "ports", fmt.Sprintf("port=%d,protocol=TCP", number)),
			plan.Set(o.service, "grpc", "spec", "ports", "port=8000,protocol=TCP", "name"),
		}},
	}
}

// forget undoes what remember has done, and what all have done together.
func (o shared) forget(writer int) []plan.Change {
	return []plan.Change{
		{Action: plan.Update, Object: o.namespace, Undo: plan.Forget, Edits: []plan.Edit{
			plan.Set(o.namespace, nil, "metadata", "labels", "istio-injection"),
			plan.Set(o.namespace, nil, "metadata", "labels", fmt.Sprintf("writer-%d", writer)),
		}},
		{Action: plan.Update, Object: o.service, Undo: plan.Forget, Edits: []plan.Edit{
			plan.Set(o.service, nil, "spec", "ports", fmt.Sprintf("port=%d,protocol=TCP", 10000+writer)),
			plan.Set(o.service, "http", "spec", "ports", "port=8000,protocol=TCP", "name"),
		}},
	}
}

// Twenty runs at once on one Service and one namespace all succeed, and so do twenty that undo it: then all is as it was.
func TestManyWritersAtOnce(t *testing.T) {
	s := on(t, onNone)
	s.put(ownedService("server", "LoadBalancer", httpPort, adminPort))
	before := s.shared()

	began := time.Now()
	s.atOnce(before.remember)
	t.Logf("%d writers: %s", writers, time.Since(began))
	exposed := s.shared()
	for _, object := range []*unstructured.Unstructured{exposed.service, exposed.namespace} {
		notes, err := plan.NotesOf(object)
		require.NoError(t, err)
		assert.Len(t, notes, writers+1)
	}
	assert.Len(t, portsOf(s, "server"), writers+2)
	assert.Equal(t, before.service.GetManagedFields(), exposed.service.GetManagedFields())
	assert.Equal(t, before.namespace.GetManagedFields(), exposed.namespace.GetManagedFields())

	began = time.Now()
	s.atOnce(exposed.forget)
	t.Logf("%d writers: %s", writers, time.Since(began))
	after := s.shared()
	assert.Equal(t, unversioned(before.service), unversioned(after.service))
	assert.Equal(t, unversioned(before.namespace), unversioned(after.namespace))
}

// The owner goes on applying meanwhile, and nobody fails for the other's sake.
func TestManyWritersAndTheOwner(t *testing.T) {
	s := on(t, onNone)
	apply := serverSide("argocd-controller", true)
	manifest := ownedService("server", "LoadBalancer", "{name: grpc, port: 8000, targetPort: 50051}", adminPort)
	require.NoError(t, apply(s, manifest))
	before := s.shared()
	ctx, cancel := context.WithCancel(t.Context())
	var owner sync.WaitGroup
	owner.Go(func() {
		for round := 0; ctx.Err() == nil; round++ {
			assert.NoError(t, apply(s, fmt.Sprintf("%s  sessionAffinity: %s\n", manifest, []string{"ClientIP", "None"}[round%2])))
			time.Sleep(pause)
		}
	})
	s.atOnce(before.remember)
	exposed := s.shared()
	s.atOnce(func(writer int) []plan.Change {
		changes := exposed.forget(writer)
		changes[1].Edits = changes[1].Edits[:1] // the owner's name is the wanted one already
		return changes
	})
	cancel()
	owner.Wait()
	require.NoError(t, apply(s, manifest))
	after := s.shared()
	for _, object := range []*unstructured.Unstructured{before.service, after.service} {
		entries := object.GetManagedFields()
		for i := range entries {
			entries[i].Time = nil
		}
		object.SetManagedFields(entries)
	}
	assert.Equal(t, unversioned(before.service), unversioned(after.service))
	assert.Equal(t, unversioned(before.namespace), unversioned(after.namespace))
}

// Runs that create and runs that delete the same, at the same time: each object is there or not, and none of them fails.
func TestCreatesAndDeletesAtOnce(t *testing.T) {
	s := on(t, onNone)
	s.put(ownedService("server", "ClusterIP", httpPort, adminPort))
	before := s.shared()
	own := func() *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{
			"name": "own", "namespace": s.namespace, "labels": map[string]any{"app.kubernetes.io/managed-by": cluster.DefaultFieldManager},
		}, "data": map[string]any{"a": "b"}}}
	}
	s.atOnce(func(int) []plan.Change { return before.remember(0) })
	exposed := s.shared()
	s.atOnce(func(writer int) []plan.Change {
		if writer%4 < 2 {
			return append(before.remember(0), plan.Change{Action: plan.Create, Object: own()})
		}
		return append([]plan.Change{{Action: plan.Delete, Object: own()}}, exposed.forget(0)...)
	})
	s.atOnce(func(int) []plan.Change { return exposed.forget(0) })
	after := s.shared()
	assert.Equal(t, unversioned(before.service), unversioned(after.service))
	assert.Equal(t, unversioned(before.namespace), unversioned(after.namespace))
}
