package load

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/corpus"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

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

func TestOverlay(t *testing.T) {
	live := mesh.New(corpus.Manifests(t, overlaidWorkload).Objects, mesh.Options{Gaps: []mesh.Gap{{Kind: mesh.KindSecret, Reason: "you may not"}}})
	deployment, _, _ := strings.Cut(overlaidWorkload, "---")

	isStale := func(snapshot *mesh.Snapshot) bool {
		pod, there := snapshot.Pods().Get("shop", "orders-1")
		require.True(t, there)
		return pod.Annotations["stale"] == "true"
	}
	same := Overlay(live, corpus.Manifests(t, deployment))
	assert.True(t, isStale(same), "what stays the same rolls nothing out")
	assert.Equal(t, live.Gaps(), same.Gaps())
	workload := workload.Workloads(same)[0]
	assert.Equal(t, "stdin", same.Source(workload.Object).File, "findings point to the files")

	for name, change := range map[string][2]string{
		"image":      {"orders:1", "orders:2"},
		"label":      {"metadata: {labels: {app: orders}}", "metadata: {labels: {app: orders, version: v2}}"},
		"annotation": {"metadata: {labels: {app: orders}}", "metadata: {labels: {app: orders}, annotations: {a: b}}"},
	} {
		rolled := Overlay(live, corpus.Manifests(t, strings.Replace(deployment, change[0], change[1], 1)))
		assert.False(t, isStale(rolled), "a new %s makes new pods", name)
	}
}

func TestApplied(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	live := corpus.Manifests(t, `apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {foreign: "1", dropped: "1", kept: "1"}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"metadata":{"labels":{"dropped":"1","kept":"1"}}}'
status: {readyReplicas: 3}
`).Objects[0].Object
	file := corpus.Manifests(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: orders, labels: {kept: '2'}}\n").Objects[0].Object
	after := applied(file, live, now).(*apps.Deployment)
	assert.Equal(t, map[string]string{"foreign": "1", "kept": "2"}, after.Labels)
	assert.Equal(t, int32(3), after.Status.ReadyReplicas)
	assert.Equal(t, live.GetCreationTimestamp(), after.CreationTimestamp)
	assert.Equal(t, now, applied(file, nil, now).GetCreationTimestamp().Time, "a new object is the youngest")
	assert.Equal(t, map[string]string{"kept": "2"}, file.GetLabels(), "what was read stays as it is")
}
