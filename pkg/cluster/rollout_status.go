package cluster

import (
	"fmt"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// rolloutStatus is how far a rollout is.
type rolloutStatus struct {
	// line says it in words.
	line string
	done bool
}

// stalledRollout says that a rollout will not go on by itself.
type stalledRollout struct {
	reason string
	// unexplained is true where the reason says that it stalled, and not why.
	unexplained bool
}

func (e *stalledRollout) Error() string { return e.reason }

// rolloutOf judges a workload by what its controller reports. The error is a *stalledRollout.
// Source: k8s.io/kubectl, pkg/polymorphichelpers/rollout_status.go.
func rolloutOf(object mesh.Object) (rolloutStatus, error) {
	switch workload := object.(type) {
	case *apps.Deployment:
		return deploymentRollout(workload)
	case *apps.StatefulSet:
		return statefulSetRollout(workload)
	case *apps.DaemonSet:
		return daemonSetRollout(workload)
	default:
		return rolloutStatus{}, &stalledRollout{reason: mesh.KeyOf(object).String() + " is not a workload that rolls out"}
	}
}

func waiting(format string, counts ...any) (rolloutStatus, error) {
	return rolloutStatus{line: fmt.Sprintf(format, counts...)}, nil
}

const unobserved = "waiting for the controller to see the change"

func deploymentRollout(deployment *apps.Deployment) (rolloutStatus, error) {
	status, wanted := deployment.Status, int32(1)
	if deployment.Spec.Replicas != nil {
		wanted = *deployment.Spec.Replicas
	}
	if deployment.Spec.Paused {
		return rolloutStatus{}, &stalledRollout{reason: fmt.Sprintf("it is paused; kubectl rollout resume %s lets it go on", inert.Command("deployment/"+deployment.Name, "-n", deployment.Namespace))}
	}
	if deployment.Generation > status.ObservedGeneration {
		return waiting(unobserved)
	}
	// Source of the reason: k8s.io/kubernetes, pkg/controller/deployment/util/deployment_util.go (TimedOutReason).
	if progressing := deploymentCondition(deployment, apps.DeploymentProgressing); progressing != nil && progressing.Reason == "ProgressDeadlineExceeded" {
		return rolloutStatus{}, &stalledRollout{reason: "it made no progress within its progressDeadlineSeconds", unexplained: true}
	}
	switch {
	case status.UpdatedReplicas < wanted:
		line := fmt.Sprintf("%d of %d new pods are made", status.UpdatedReplicas, wanted)
		if failure := deploymentCondition(deployment, apps.DeploymentReplicaFailure); failure != nil && failure.Status == core.ConditionTrue {
			line += "; " + creationFailure(mesh.KeyOf(deployment).String(), failure.Message)
		}
		return rolloutStatus{line: line}, nil
	case status.Replicas > status.UpdatedReplicas:
		return waiting("old pods yet to end: %d", status.Replicas-status.UpdatedReplicas)
	case status.AvailableReplicas < status.UpdatedReplicas:
		return waiting("%d of %d new pods are ready", status.AvailableReplicas, status.UpdatedReplicas)
	}
	return rolloutStatus{line: fmt.Sprintf("all %d pods are new and ready", wanted), done: true}, nil
}

func deploymentCondition(deployment *apps.Deployment, kind apps.DeploymentConditionType) *apps.DeploymentCondition {
	for i, condition := range deployment.Status.Conditions {
		if condition.Type == kind {
			return &deployment.Status.Conditions[i]
		}
	}
	return nil
}

func statefulSetRollout(set *apps.StatefulSet) (rolloutStatus, error) {
	if set.Spec.UpdateStrategy.Type == apps.OnDeleteStatefulSetStrategyType {
		return rolloutStatus{}, errOnDelete
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
		return rolloutStatus{line: fmt.Sprintf("%d pods are new and ready; its partition keeps %d as they are", status.UpdatedReplicas, partition), done: true}, nil
	}
	return rolloutStatus{line: fmt.Sprintf("all %d pods are new and ready", wanted), done: true}, nil
}

func daemonSetRollout(set *apps.DaemonSet) (rolloutStatus, error) {
	if set.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType {
		return rolloutStatus{}, errOnDelete
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
	return rolloutStatus{line: fmt.Sprintf("all %d pods are new and ready", status.DesiredNumberScheduled), done: true}, nil
}

var errOnDelete = &stalledRollout{reason: "its update strategy is OnDelete: its pods are made anew only when you delete them, one by one"}

// ofNewestRevision says that a pod is not one that the rollout has left as it was. A Deployment or DaemonSet keeps none when
// it is done; a StatefulSet names its newest revision.
func ofNewestRevision(workload mesh.Object, pod *core.Pod) bool {
	set, ok := workload.(*apps.StatefulSet)
	return !ok || set.Status.UpdateRevision == "" || pod.Labels[apps.ControllerRevisionHashLabelKey] == set.Status.UpdateRevision
}
