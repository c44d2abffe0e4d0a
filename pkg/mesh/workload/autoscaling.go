package workload

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ScalingKinds are what decides the number of a workload's pods beside the workload itself.
var ScalingKinds = []mesh.Kind{mesh.KindHorizontalPodAutoscaler, mesh.KindRollout, mesh.KindScaledObject}

// Scaling is what other objects say about how many pods a workload has.
type Scaling struct {
	// RunBy is the Argo Rollout that runs the pods from the workload's template, nil if none does. It scales the workload to zero.
	RunBy mesh.Object
	// ScaledBy is the KEDA ScaledObject that scales the workload, to zero too; nil if none does.
	ScaledBy mesh.Object
	// AtLeast is how many pods an autoscaler always keeps, 0 where none says so.
	AtLeast int32
}

type scalingsMemory struct{}

// ScalingOf is what Rollouts, ScaledObjects and HorizontalPodAutoscalers say about a workload.
// Source: argo-rollouts pkg/apis/rollouts/v1alpha1/types.go (RolloutSpec.WorkloadRef); KEDA apis/keda/v1alpha1/scaledobject_types.go
// (ScaledObjectSpec; without a kind the target is a Deployment, and without minReplicaCount the least is 0); Kubernetes
// pkg/apis/autoscaling/v2/defaults.go (minReplicas is 1).
func ScalingOf(s *mesh.Snapshot, w *Workload) Scaling {
	for _, kind := range ScalingKinds {
		s.Read(kind)
	}
	return mesh.Remember(s, scalingsMemory{}, func() map[mesh.Key]Scaling { return scalings(s) })[w.Key]
}

func scalings(s *mesh.Snapshot) map[mesh.Key]Scaling {
	found := map[mesh.Key]Scaling{}
	for _, autoscaler := range s.HorizontalPodAutoscalers().All() {
		target := autoscaler.Spec.ScaleTargetRef
		key := mesh.Key{Kind: mesh.Kind(target.Kind), Namespace: autoscaler.Namespace, Name: target.Name}
		scaling := found[key]
		scaling.AtLeast = max(scaling.AtLeast, ValueOr(autoscaler.Spec.MinReplicas, 1))
		found[key] = scaling
	}
	for _, rollout := range s.Rollouts().All() {
		key := referenced(rollout, "workloadRef")
		scaling := found[key]
		scaling.RunBy = rollout
		scaling.AtLeast = max(scaling.AtLeast, number(rollout, "replicas", 1))
		found[key] = scaling
	}
	for _, scaled := range s.ScaledObjects().All() {
		key := referenced(scaled, "scaleTargetRef")
		scaling := found[key]
		scaling.ScaledBy = scaled
		scaling.AtLeast = max(scaling.AtLeast, number(scaled, "minReplicaCount", 0))
		found[key] = scaling
	}
	return found
}

// referenced is the workload that a field of an object's spec names, in the object's own namespace.
func referenced(object *unstructured.Unstructured, field string) mesh.Key {
	kind, _, _ := unstructured.NestedString(object.Object, "spec", field, "kind")
	name, _, _ := unstructured.NestedString(object.Object, "spec", field, "name")
	return mesh.Key{Kind: mesh.Kind(cmp.Or(kind, string(mesh.KindDeployment))), Namespace: object.GetNamespace(), Name: name}
}

// number is a field of an object's spec, or the other value where it is not a number.
func number(object *unstructured.Unstructured, field string, otherwise int32) int32 {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", field)
	switch value := value.(type) {
	case int64:
		return int32(min(max(value, 0), 1<<30)) //nolint:gosec // it is within bounds
	case float64:
		return int32(min(max(value, 0), 1<<30))
	default:
		return otherwise
	}
}
