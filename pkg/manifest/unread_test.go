package manifest

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// TestPodsOfUnreadKinds: files that hold the Rollout or the Job whose pods a Service selects give no finding that nothing has its
// labels.
func TestPodsOfUnreadKinds(t *testing.T) {
	const selecting = `---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {selector: {app: orders}, ports: [{name: grpc, port: 8000}]}
`
	check, ok := lint.Find("GX303")
	assert.True(t, ok)
	for name, test := range map[string]struct {
		text  string
		found int
	}{
		"rollout":           {"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a, namespace: shop}\nspec: {template: {metadata: {labels: {app: orders, tier: web}}}}\n", 0},
		"cron job":          {"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a, namespace: shop}\nspec: {jobTemplate: {spec: {template: {metadata: {labels: {app: orders}}}}}}\n", 0},
		"other labels":      {"apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a, namespace: shop}\nspec: {template: {metadata: {labels: {app: carts}}}}\n", 1},
		"other namespace":   {"apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: orders}}}}\n", 1},
		"no template":       {"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a, namespace: shop}\n", 1},
		"something else":    {"apiVersion: example.com/v1\nkind: Page\nmetadata: {name: a, namespace: shop}\nspec: {template: index.html}\n", 1},
		"template's labels": {"apiVersion: example.com/v1\nkind: Page\nmetadata: {name: a, namespace: shop}\nspec: {template: {metadata: {labels: [app]}}}\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			snapshot := load(t, test.text+selecting).Snapshot(true, mesh.Options{})
			assert.Len(t, lint.Run(snapshot, lint.Options{Checks: []*checks.Check{check}}).Findings, test.found)
		})
	}
}
