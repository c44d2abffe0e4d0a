package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// explainRollout says what keeps a workload's new pods from coming up, as a clause that names the pod and its reason, or why
// no pod is made; empty where nothing shows.
func (c *Client) explainRollout(ctx context.Context, workload mesh.Key) string {
	object, err := c.readOne(ctx, workload.Kind, types.NamespacedName{Namespace: workload.Namespace, Name: workload.Name})
	if err != nil {
		return err.Error()
	}
	if message := c.creationMessage(ctx, object); message != "" {
		return creationFailure(workload.String(), message)
	}
	pods, err := c.newPods(ctx, object)
	if err != nil {
		return err.Error()
	}
	for _, pod := range pods {
		if problem := podProblem(pod); problem != "" {
			return fmt.Sprintf("pod %s: %s", pod.Name, c.withEvent(ctx, pod, problem))
		}
	}
	return ""
}

// creationMessage is why a controller cannot make pods: a Deployment's condition says it, the others leave an event.
// Source: k8s.io/kubernetes, pkg/controller/controller_utils.go (createPods, FailedCreatePodReason).
func (c *Client) creationMessage(ctx context.Context, object mesh.Object) string {
	if deployment, ok := object.(*apps.Deployment); ok {
		return workload.ReplicaFailure(deployment)
	}
	if rollout := workload.RolloutOf(object); rollout.Stalled != "" || rollout.Done {
		return ""
	}
	return c.lastWarning(ctx, object, "FailedCreate")
}

// creationFailure says why pods cannot be made, in the words of this package's errors where it knows the message.
func creationFailure(workload, message string) string {
	if refused := refusal(request{object: "a new pod of " + workload}, message); refused != nil {
		return refused.Error()
	}
	if _, reason, found := strings.Cut(message, "is forbidden: "); found {
		message = reason
	}
	return "its pods cannot be made: " + message
}

// podProblem says why a pod is not ready, empty if it is.
func podProblem(pod *core.Pod) string {
	for _, condition := range pod.Status.Conditions {
		switch {
		case condition.Type == core.PodReady && condition.Status == core.ConditionTrue:
			return ""
		case condition.Type == core.PodScheduled && condition.Status == core.ConditionFalse:
			return fmt.Sprintf("no node takes it (%s: %s)", condition.Reason, condition.Message)
		}
	}
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	for _, status := range statuses {
		if problem := containerProblem(status); problem != "" {
			return problem
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if !status.Ready && status.State.Running != nil {
			return fmt.Sprintf("container %s runs but is not ready", status.Name)
		}
	}
	return fmt.Sprintf("it is %s and not ready", strings.ToLower(cmp.Or(string(pod.Status.Phase), "pending")))
}

// containerProblem says why a container does not run, empty if it does, or is merely being started.
func containerProblem(status core.ContainerStatus) string {
	if waiting := status.State.Waiting; waiting != nil && waiting.Reason != "PodInitializing" && waiting.Reason != "ContainerCreating" {
		text := fmt.Sprintf("container %s: %s", status.Name, waiting.Reason)
		if waiting.Message != "" {
			text += " (" + waiting.Message + ")"
		}
		if ended := status.LastTerminationState.Terminated; ended != nil {
			text += fmt.Sprintf(", it ended with exit code %d (%s)", ended.ExitCode, ended.Reason)
		}
		return text
	}
	if ended := status.State.Terminated; ended != nil && ended.ExitCode != 0 {
		return fmt.Sprintf("container %s ended with exit code %d (%s)", status.Name, ended.ExitCode, ended.Reason)
	}
	return ""
}

// withEvent adds the pod's latest warning, such as what its readiness probe got, unless the problem has it already.
func (c *Client) withEvent(ctx context.Context, pod *core.Pod, problem string) string {
	warning := c.lastWarning(ctx, pod, "")
	if warning == "" || strings.Contains(problem, warning) {
		return problem
	}
	return problem + "; " + warning
}

// lastWarning is the message of the latest Warning event about an object, of any reason if none is named; empty where there
// is none, or events may not be read.
func (c *Client) lastWarning(ctx context.Context, object mesh.Object, reason string) string {
	selector := fields.Set{
		"involvedObject.kind": mesh.GroupVersionKind(object).Kind, "involvedObject.name": object.GetName(), "type": core.EventTypeWarning,
	}
	if reason != "" {
		selector["reason"] = reason
	}
	var list core.EventList
	resource := core.SchemeGroupVersion.WithResource("events")
	err := c.get(resource, object.GetNamespace(), "").Param("fieldSelector", selector.AsSelector().String()).Do(ctx).Into(&list)
	if err != nil || len(list.Items) == 0 {
		return ""
	}
	latest := slices.MaxFunc(list.Items, func(a, b core.Event) int {
		return cmp.Or(a.LastTimestamp.Compare(b.LastTimestamp.Time), a.EventTime.Compare(b.EventTime.Time))
	})
	return latest.Message
}
