package execution

import (
	"context"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// The values of --dry-run.
const (
	// DryRunNone writes.
	DryRunNone = "none"
	// DryRunClient shows the plan.
	DryRunClient = "client"
	// DryRunServer has the API server and its webhooks check the plan too, without storing it.
	DryRunServer = "server"
)

// DefaultTimeout is how long a command waits for rollouts and ports in all.
const DefaultTimeout = 5 * time.Minute

// Options are what the user says of how a plan is carried out.
type Options struct {
	// DryRun is DryRunNone, DryRunClient or DryRunServer.
	DryRun string
	// Output is yaml, json, name or plan; empty for text.
	Output string
	// Diff shows how the objects change.
	Diff bool
	// Interactive asks before anything is written.
	Interactive bool
	// Wait waits for what the changes set in motion.
	Wait bool
	// Timeout bounds writing and waiting together.
	Timeout time.Duration
	// FieldManager is who the written fields belong to; ForceConflicts takes over those of somebody else.
	FieldManager   string
	ForceConflicts bool
}

// IsDryRun reports whether nothing is written.
func (o Options) IsDryRun() bool { return o.DryRun == DryRunClient || o.DryRun == DryRunServer }

// Client is what carrying a plan out needs of the API server.
type Client interface {
	Check(ctx context.Context, p plan.Plan, options cluster.WriteOptions) (cluster.CheckResult, error)
	ProbePod(ctx context.Context, pod *core.Pod) error
	Apply(ctx context.Context, p plan.Plan, options cluster.ApplyOptions) (cluster.ApplyResult, error)
	WaitRollout(ctx context.Context, workload mesh.Key, options cluster.RolloutOptions) error
	WaitPortOpen(ctx context.Context, service types.NamespacedName, port int32) error
}
