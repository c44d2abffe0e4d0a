package workload

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

// TestOwnersOfOrphans: a pod whose controller is not known belongs to the first workload whose selector matches it.
func TestOwnersOfOrphans(t *testing.T) {
	s := meshtest.Snapshot(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: shop}
spec: {selector: {matchLabels: {team: x, app: a}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: b, namespace: shop}
spec: {selector: {matchLabels: {team: x}, matchExpressions: [{key: app, operator: NotIn, values: [a]}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: c, namespace: shop}
spec: {selector: {matchExpressions: [{key: tier, operator: Exists}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: d, namespace: shop}
spec: {selector: {matchExpressions: [{key: app, operator: In, values: [d, e]}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: without-selector, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: of-a, namespace: shop, labels: {team: x, app: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: of-b, namespace: shop, labels: {team: x, app: z, tier: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: of-c, namespace: shop, labels: {app: e, tier: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: of-d, namespace: shop, labels: {app: e}}
---
apiVersion: v1
kind: Pod
metadata: {name: of-none, namespace: shop, labels: {app: f}}
---
apiVersion: v1
kind: Pod
metadata: {name: elsewhere, namespace: far, labels: {team: x, app: a}}
`)
	owners := map[string]string{}
	for _, workload := range Workloads(s) {
		for _, pod := range PodsOf(s, workload) {
			owners[pod.Name] = workload.Name()
		}
	}
	assert.Equal(t, map[string]string{"of-a": "a", "of-b": "b", "of-c": "c", "of-d": "d"}, owners)
	var stray []string
	for _, pod := range StrayPods(s) {
		stray = append(stray, pod.Namespace+"/"+pod.Name)
	}
	assert.Equal(t, []string{"far/elsewhere", "shop/of-none"}, stray)
	assert.Len(t, StrayPodsSelected(s, "shop", map[string]string{"app": "f"}), 1)
	assert.Empty(t, StrayPodsSelected(s, "shop", map[string]string{"team": "x", "app": "a"}))
}
