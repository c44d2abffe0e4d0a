package workload

import (
	"fmt"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// Rollout is how far a workload's controller is with replacing its pods.
type Rollout struct {
	// Line says it in words.
	Line string
	Done bool
	// Failure is why the API server takes no pods, in its words; empty where it does.
	Failure string
	// Stalled is why it will not go on by itself; empty where it may. Unexplained is true where that says that it stalled, and not why.
	Stalled     string
	Unexplained bool
}

// RolloutOf is what a workload's controller reports. Source: k8s.io/kubectl, pkg/polymorphichelpers/rollout_status.go.
func RolloutOf(object mesh.Object) Rollout {
	switch workload := object.(type) {
	case *apps.Deployment:
		return deploymentRollout(workload)
	case *apps.StatefulSet:
		return statefulSetRollout(workload)
	case *apps.DaemonSet:
		return daemonSetRollout(workload)
	default:
		return Rollout{Stalled: mesh.KeyOf(object).String() + " is not a workload that rolls out"}
	}
}

// IsRollingOut reports whether the controller has not replaced all pods yet, ready or not.
func IsRollingOut(object mesh.Object) bool {
	switch object := object.(type) {
	case *apps.Deployment:
		return object.Generation > object.Status.ObservedGeneration || object.Status.UpdatedReplicas < object.Status.Replicas
	case *apps.StatefulSet:
		return object.Generation > object.Status.ObservedGeneration || object.Status.UpdatedReplicas < object.Status.Replicas
	case *apps.DaemonSet:
		return object.Generation > object.Status.ObservedGeneration || object.Status.UpdatedNumberScheduled < object.Status.DesiredNumberScheduled
	default:
		return false
	}
}

func waiting(format string, counts ...any) Rollout {
	return Rollout{Line: fmt.Sprintf(format, counts...)}
}

const unobserved = "waiting for the controller to see the change"

func deploymentRollout(deployment *apps.Deployment) Rollout {
	status, wanted := deployment.Status, int32(1)
	if deployment.Spec.Replicas != nil {
		wanted = *deployment.Spec.Replicas
	}
	if deployment.Spec.Paused {
		return Rollout{Stalled: fmt.Sprintf("it is paused; kubectl rollout resume %s lets it go on", inert.Command("deployment/"+deployment.Name, "-n", deployment.Namespace))}
	}
	if deployment.Generation > status.ObservedGeneration {
		return waiting(unobserved)
	}
	// Source of the reason: k8s.io/kubernetes, pkg/controller/deployment/util/deployment_util.go (TimedOutReason).
	if progressing := deploymentCondition(deployment, apps.DeploymentProgressing); progressing != nil && progressing.Reason == "ProgressDeadlineExceeded" {
		return Rollout{Stalled: "it made no progress within its progressDeadlineSeconds", Unexplained: true}
	}
	switch {
	case status.UpdatedReplicas < wanted:
		rollout := waiting("%d of %d new pods are made", status.UpdatedReplicas, wanted)
		rollout.Failure = ReplicaFailure(deployment)
		return rollout
	case status.Replicas > status.UpdatedReplicas:
		return waiting("old pods yet to end: %d", status.Replicas-status.UpdatedReplicas)
	case status.AvailableReplicas < status.UpdatedReplicas:
		return waiting("%d of %d new pods are ready", status.AvailableReplicas, status.UpdatedReplicas)
	}
	return Rollout{Line: fmt.Sprintf("all %d pods are new and ready", wanted), Done: true}
}

// ReplicaFailure is why the API server takes no pods of a Deployment, in its words; empty where it does.
func ReplicaFailure(deployment *apps.Deployment) string {
	failure := deploymentCondition(deployment, apps.DeploymentReplicaFailure)
	if failure == nil || failure.Status != core.ConditionTrue {
		return ""
	}
	return failure.Message
}

func deploymentCondition(deployment *apps.Deployment, kind apps.DeploymentConditionType) *apps.DeploymentCondition {
	for i, condition := range deployment.Status.Conditions {
		if condition.Type == kind {
			return &deployment.Status.Conditions[i]
		}
	}
	return nil
}

func statefulSetRollout(set *apps.StatefulSet) Rollout {
	if set.Spec.UpdateStrategy.Type == apps.OnDeleteStatefulSetStrategyType {
		return Rollout{Stalled: onDelete}
	}
	status, wanted, partition := set.Status, int32(1), int32(0)
	if set.Spec.Replicas != nil {
		wanted = *set.Spec.Replicas
	}
	if update := set.Spec.UpdateStrategy.RollingUpdate; update != nil && update.Partition != nil {
		partition = *update.Partition
	}
	switch {
	case status.ObservedGeneration == 0 || set.Generation > status.ObservedGeneration:
		return waiting(unobserved)
	case status.UpdatedReplicas < wanted-partition:
		return waiting("%d of %d new pods are made", status.UpdatedReplicas, wanted-partition)
	case status.ReadyReplicas < wanted:
		return waiting("%d of %d pods are ready", status.ReadyReplicas, wanted)
	case partition == 0 && status.UpdateRevision != status.CurrentRevision:
		return waiting("%d of %d pods are of the new revision", status.UpdatedReplicas, wanted)
	case partition > 0:
		return Rollout{Line: fmt.Sprintf("%d pods are new and ready; its partition keeps %d as they are", status.UpdatedReplicas, partition), Done: true}
	}
	return Rollout{Line: fmt.Sprintf("all %d pods are new and ready", wanted), Done: true}
}

func daemonSetRollout(set *apps.DaemonSet) Rollout {
	if set.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType {
		return Rollout{Stalled: onDelete}
	}
	status := set.Status
	switch {
	case set.Generation > status.ObservedGeneration:
		return waiting(unobserved)
	case status.UpdatedNumberScheduled < status.DesiredNumberScheduled:
		return waiting("%d of %d new pods are made", status.UpdatedNumberScheduled, status.DesiredNumberScheduled)
	case status.NumberAvailable < status.DesiredNumberScheduled:
		return waiting("%d of %d new pods are ready", status.NumberAvailable, status.DesiredNumberScheduled)
	}
	return Rollout{Line: fmt.Sprintf("all %d pods are new and ready", status.DesiredNumberScheduled), Done: true}
}

const onDelete = "its update strategy is OnDelete: its pods are made anew only when you delete them, one by one"
