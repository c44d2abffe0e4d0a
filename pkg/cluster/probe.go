package cluster

import (
	"context"
	"errors"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// ProbePod has the API server and its webhooks judge a pod without storing it: *Refused (with Unavailable where the
// injector does not answer), *QuotaExceeded and *Invalid say why controllers could not make such pods. A user who may not
// create pods cannot ask, which is no error: controllers make the pods, not the user.
func (c *Client) ProbePod(ctx context.Context, pod *core.Pod) error {
	info := mesh.KindPod.Info()
	asked := request{
		permission: Permission{Verb: "create", Resource: info.Resource, Namespace: pod.Namespace},
		object:     "a new pod of " + pod.Namespace + "/" + pod.GenerateName + "*",
		limit:      readTimeout,
	}
	err := at(c.rest.Post(), info.GroupVersionResource(), pod.Namespace, "").
		Param("dryRun", metav1.DryRunAll).Timeout(readTimeout).Body(pod).Do(ctx).Error()
	failure := c.failure(ctx, asked, err)
	if _, forbidden := errors.AsType[*Forbidden](failure); forbidden {
		return nil
	}
	return failure
}
