package execution

import (
	"context"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Execution is a plan, and what it takes to carry it out.
type Execution struct {
	Streams report.Streams
	Client  Client
	// Rights are the user's, for a refusal before anything is written; nil where the API server's own refusals are enough.
	Rights  *cluster.Access
	Options Options

	Plan plan.Plan
	// Heading is above the plan. Nothing is the whole answer where there is none.
	Heading []string
	Nothing string
	// Namespace is the one whose manifests -o yaml prints; empty for all.
	Namespace string
	// ShowStored has a dry run on the server show what the server would store instead of what the plan says.
	ShowStored bool

	// Rollouts are the workloads whose pods the plan replaces.
	Rollouts []mesh.Key
	// Probe is a pod like those of the rollout of Probed, for the API server to check; nil for none.
	Probe  *core.Pod
	Probed mesh.Key
	// Accept checks new pods; nil takes any.
	Accept func(*core.Pod) (reason string, ok bool)
	// AwaitPort is the Service on which somebody else's controller opens Port; nil for none.
	AwaitPort *mesh.Key
	Port      int32

	// LeaveRefused leaves an object as it is whose own note says to restore what the API server refuses.
	LeaveRefused bool
	// GoOn and GoBack are the commands to type after a failure; GoBack may be empty.
	GoOn, GoBack string
	// Flagless is for a command without the flags of Options: no message names one.
	Flagless bool

	// told are the notes that have been printed: what the rehearsal said need not be said again.
	told []string
}

// Run shows the plan and carries it out. It reports whether it wrote: a dry run does not.
func (e *Execution) Run(ctx context.Context) (wrote bool, err error) {
	if err := e.show(); err != nil {
		return false, err
	}
	return e.CarryOut(ctx)
}

// CarryOut carries out a plan that has been shown.
func (e *Execution) CarryOut(ctx context.Context) (wrote bool, err error) {
	if e.Options.DryRun == DryRunClient {
		e.tellDryRun()
		return false, nil
	}
	if e.Rights != nil {
		if err := rbac.Require(ctx, e.Rights, e.Plan); err != nil {
			return false, err
		}
	}
	rehearsal, err := e.rehearse(ctx)
	if err != nil {
		return false, err
	}
	if e.Options.DryRun == DryRunServer {
		if err := e.showStored(rehearsal); err != nil {
			return false, err
		}
		e.tellDryRun()
		return false, nil
	}
	if e.Options.Interactive {
		if err := Confirm(ctx, e.Streams); err != nil {
			return false, err
		}
	}
	return true, e.apply(ctx)
}

func (e *Execution) tell(notes ...string) {
	for _, note := range notes {
		if !slices.Contains(e.told, note) {
			e.told = append(e.told, note)
			report.Printf(e.Streams.Err, "note: %s\n", note)
		}
	}
}

func (e *Execution) tellDryRun() {
	if e.Options.Output == "" {
		report.Printf(e.Streams.Err, "dry run (%s): nothing was written\n", e.Options.DryRun)
	}
}

func (e *Execution) writeOptions() cluster.WriteOptions {
	return cluster.WriteOptions{FieldManager: e.Options.FieldManager, ForceConflicts: e.Options.ForceConflicts, Flagless: e.Flagless}
}

// apply writes the changes and waits for what they set in motion. After a failure its error is an account: what is done,
// what is not, and how to go on or back.
func (e *Execution) apply(ctx context.Context) error {
	done, err := interrupt.BeginWriting(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, e.Options.Timeout)
	defer cancel()
	result, err := e.Client.Apply(ctx, e.Plan, e.applyOptions())
	if err == nil && e.Options.Wait {
		err = e.await(ctx)
	}
	if err != nil {
		return e.account(result, err)
	}
	return nil
}

func (e *Execution) applyOptions() cluster.ApplyOptions {
	return cluster.ApplyOptions{WriteOptions: e.writeOptions(), Progress: e.progress}
}

func (e *Execution) progress(event cluster.Event) {
	switch event.State {
	case cluster.Done:
		report.Printf(e.Streams.Err, "%s: %s\n", plan.Name(event.Change.Object), report.ChangeText(event.Change))
	case cluster.Unchanged:
		report.Printf(e.Streams.Err, "%s: was so already\n", plan.Name(event.Change.Object))
	}
	e.tell(event.Notes...)
}

// await waits for what the changes have set in motion: rollouts one after the other (they run at the same time), and the
// gateway's port.
func (e *Execution) await(ctx context.Context) error {
	for _, workload := range e.Rollouts {
		options := cluster.RolloutOptions{
			Progress: func(line string) { report.Printf(e.Streams.Err, "%s: %s\n", workload, line) },
			Accept:   e.Accept,
		}
		if err := e.Client.WaitRollout(ctx, workload, options); err != nil {
			return err
		}
	}
	if e.AwaitPort == nil {
		return nil
	}
	report.Printf(e.Streams.Err, "%s: waiting for port %d to be opened\n", *e.AwaitPort, e.Port)
	return e.Client.WaitPortOpen(ctx, types.NamespacedName{Namespace: e.AwaitPort.Namespace, Name: e.AwaitPort.Name}, e.Port)
}

// withoutRollout are the rollouts but for that of the object that a change would have changed.
func withoutRollout(rollouts []mesh.Key, change plan.Change) []mesh.Key {
	return slices.DeleteFunc(rollouts, func(key mesh.Key) bool {
		return string(key.Kind) == change.Object.GetKind() && key.Namespace == change.Object.GetNamespace() && key.Name == change.Object.GetName()
	})
}
