package plugin

import (
	"context"
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// probePod has the API server judge, without storing it, a pod like those that the rollout will make: the injector must
// answer, and quotas and pod security must take the pod with its proxy. Else the rollout would hang half-way.
func (o *createOptions) probePod(ctx context.Context, client *cluster.Client, snapshot *mesh.Snapshot, result *expose.Result) error {
	pod := expose.ProbePod(snapshot, result)
	if pod == nil {
		return nil
	}
	if err := client.ProbePod(ctx, pod); err != nil {
		return fmt.Errorf("nothing was written, because a restart of %s would leave it without new pods: %w", result.Workload.Key, err)
	}
	return nil
}
