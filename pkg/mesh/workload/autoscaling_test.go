package workload

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/meshtest"
)

func TestScalingOf(t *testing.T) {
	const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders, namespace: shop}
spec: {template: {metadata: {labels: {app: orders}}}}
---
`
	for name, test := range map[string]struct {
		yaml            string
		atLeast         int32
		runBy, scaledBy bool
	}{
		"nothing": {``, 0, false, false},
		"an HPA": {`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: any, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: orders}, minReplicas: 3, maxReplicas: 9}`, 3, false, false},
		"an HPA of the first version without a least number": {`
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: any, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: orders}, maxReplicas: 9}`, 1, false, false},
		"an HPA of another namespace": {`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: any, namespace: other}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: orders}, minReplicas: 3, maxReplicas: 9}`, 0, false, false},
		"a Rollout": {`
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: any, namespace: shop}
spec: {replicas: 4, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: orders}}`, 4, true, false},
		"a Rollout with a template of its own": {`
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: orders, namespace: shop}
spec: {replicas: 4, template: {metadata: {labels: {app: orders}}}}`, 0, false, false},
		"a ScaledObject without a kind": {`
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: any, namespace: shop}
spec: {scaleTargetRef: {name: orders}}`, 0, false, true},
		"a ScaledObject with a least number": {`
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: any, namespace: shop}
spec: {minReplicaCount: 2, scaleTargetRef: {kind: Deployment, name: orders}}`, 2, false, true},
		"a ScaledObject for a StatefulSet": {`
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: any, namespace: shop}
spec: {scaleTargetRef: {kind: StatefulSet, name: orders}}`, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			snapshot := meshtest.Snapshot(t, deployment+test.yaml)
			w := Get(snapshot, mesh.Key{Kind: mesh.KindDeployment, Namespace: "shop", Name: "orders"})
			require.NotNil(t, w)
			scaling := ScalingOf(snapshot, w)
			assert.Equal(t, test.atLeast, scaling.AtLeast)
			assert.Equal(t, test.runBy, scaling.RunBy != nil)
			assert.Equal(t, test.scaledBy, scaling.ScaledBy != nil)
		})
	}
}
