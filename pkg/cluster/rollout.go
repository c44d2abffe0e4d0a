package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// RolloutFailed says that a workload's new pods do not come up, or not as they should.
type RolloutFailed struct {
	// Object is the workload, Explanation why, as a clause.
	Object, Explanation string
	// Complete is true where the new pods are up, and not as they should be.
	Complete bool
}

func (e *RolloutFailed) Error() string {
	if e.Complete {
		return fmt.Sprintf("%s has rolled out, but not as it should: %s", e.Object, e.Explanation)
	}
	return fmt.Sprintf("%s does not roll out: %s", e.Object, e.Explanation)
}

// RolloutOptions say what to wait for beside the controller's own word.
type RolloutOptions struct {
	// Progress, if set, is called with one line for each change of the state.
	Progress func(line string)
	// Accept, if set, judges every new pod once the rollout is complete. reason is a clause about the pod: "it has no proxy".
	Accept func(pod *core.Pod) (reason string, ok bool)
}

// WaitRollout waits until a Deployment, StatefulSet or DaemonSet has replaced its pods, as kubectl rollout status does, and
// all the new ones are accepted. The error is *RolloutFailed where waiting longer would not help, *Timeout with an
// explanation when the context's deadline passes, or the context's own when it was cancelled.
func (c *Client) WaitRollout(ctx context.Context, key mesh.Key, options RolloutOptions) error {
	name := types.NamespacedName{Namespace: key.Namespace, Name: key.Name}
	var last string
	var complete mesh.Object
	err := c.follow(ctx, key.Kind, name, func(object mesh.Object) (bool, error) {
		rollout := workload.RolloutOf(object)
		if rollout.Stalled != "" {
			return false, &stalledRollout{rollout}
		}
		line := lineOf(rollout, key)
		if line != last && options.Progress != nil {
			options.Progress(line)
		}
		last, complete = line, object
		return rollout.Done, nil
	})
	switch {
	case err == nil:
		return c.acceptPods(ctx, complete, options.Accept)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		explanation := c.explainAfter(ctx, key)
		return &Timeout{Doing: "waiting for the rollout of " + key.String(), Explanation: explanation}
	default:
		return c.explained(ctx, key, err)
	}
}

// lineOf is how far a rollout is, and what keeps it from going on.
func lineOf(rollout workload.Rollout, key mesh.Key) string {
	if rollout.Failure == "" {
		return rollout.Line
	}
	return rollout.Line + "; " + creationFailure(key.String(), rollout.Failure)
}

// explained adds to a stalled rollout what holds it up.
func (c *Client) explained(ctx context.Context, workload mesh.Key, err error) error {
	stalled, ok := errors.AsType[*stalledRollout](err)
	if !ok {
		return err
	}
	failed := &RolloutFailed{Object: workload.String(), Explanation: stalled.Stalled}
	if stalled.Unexplained {
		if found := c.explainAfter(ctx, workload); found != "" {
			failed.Explanation += ": " + found
		}
	}
	return failed
}

// explainAfter asks for the explanation although the context has ended.
func (c *Client) explainAfter(ctx context.Context, workload mesh.Key) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return c.explainRollout(ctx, workload)
}

// acceptPods judges the new pods of a complete rollout.
func (c *Client) acceptPods(ctx context.Context, workload mesh.Object, accept func(*core.Pod) (string, bool)) error {
	if accept == nil {
		return nil
	}
	pods, err := c.newPods(ctx, workload)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if reason, ok := accept(pod); !ok {
			return &RolloutFailed{Object: mesh.KeyOf(workload).String(), Explanation: fmt.Sprintf("pod %s: %s", pod.Name, reason), Complete: true}
		}
	}
	return nil
}

// newPods are the workload's pods that are neither ended nor about to, and of the newest revision where the workload says
// which that is: a StatefulSet with a partition keeps old ones.
func (c *Client) newPods(ctx context.Context, w mesh.Object) ([]*core.Pod, error) {
	alone := workload.Get(mesh.New([]mesh.Sourced{{Object: w}}, mesh.Options{}), mesh.KeyOf(w))
	pods, err := c.podsOf(ctx, alone.Namespace(), alone.Selector)
	if err != nil {
		return nil, err
	}
	objects := []mesh.Sourced{{Object: w}}
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil && ofNewestRevision(w, pod) {
			objects = append(objects, mesh.Sourced{Object: pod})
		}
	}
	snapshot := mesh.New(objects, mesh.Options{})
	own := workload.PodsOf(snapshot, workload.Get(snapshot, mesh.KeyOf(w)))
	slices.SortStableFunc(own, func(a, b *core.Pod) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	return own, nil
}

// stalledRollout ends the waiting for a rollout that will not go on by itself.
type stalledRollout struct{ workload.Rollout }

func (e *stalledRollout) Error() string { return e.Stalled }

// ofNewestRevision says that a pod is not one that the rollout has left as it was. A Deployment or DaemonSet keeps none when
// it is done; a StatefulSet names its newest revision.
func ofNewestRevision(workload mesh.Object, pod *core.Pod) bool {
	set, ok := workload.(*apps.StatefulSet)
	return !ok || set.Status.UpdateRevision == "" || pod.Labels[apps.ControllerRevisionHashLabelKey] == set.Status.UpdateRevision
}
