package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
)

func (o *deleteOptions) run(ctx context.Context) error {
	if o.printRBAC {
		return o.printRoles()
	}
	client, err := o.clients.client()
	if err != nil {
		return err
	}
	var namespaces []string
	if o.workload.Namespace != "" {
		namespaces = []string{o.workload.Namespace}
	}
	rights, err := client.Access(ctx, namespaces)
	if err != nil {
		return err
	}
	found, err := o.find(ctx, client)
	if err != nil {
		return err
	}
	if found.Plan.Empty() {
		return o.nothingToUndo(found)
	}
	carrying := o.execution(client, rights, found)
	wrote, err := carrying.Run(ctx)
	switch {
	case err != nil:
		return err
	case !wrote && o.exitCode:
		return exitcode.ErrBadAnswer
	case !wrote:
		return nil
	}
	take(found, carrying)
	if len(found.Kept) > 0 {
		if found, err = o.finish(ctx, client, rights, found); err != nil {
			return err
		}
	}
	o.recordEvents(ctx, client, found)
	if o.write.Output != "" {
		return o.printPlan(found)
	}
	report.Printf(o.streams.Out, "%s\n", o.undone(found))
	return nil
}

// find reads what may carry a mark of create, and what may need what create did, and decides what to undo.
func (o *deleteOptions) find(ctx context.Context, client *cluster.Client) (*review.Undo, error) {
	loaded, err := load.FromCluster(ctx, client, review.ForDelete(o.workload.Namespace))
	if err != nil {
		return nil, err
	}
	if o.all {
		return review.UndoAll(loaded, o.workload.Namespace, o.removal, o.write.FieldManager)
	}
	return review.UndoOf(loaded, o.workload, o.removal, o.write.FieldManager)
}

func (o *deleteOptions) nothingToUndo(found *review.Undo) error {
	if o.all && o.workload.Namespace != "" {
		if problem := lint.NoNamespace(found.Snapshot, o.workload.Namespace); problem != "" {
			return fmt.Errorf("%s; name one with -n, or undo everything with -A", problem)
		}
	}
	if o.write.Output != "" {
		return o.printPlan(found)
	}
	report.Printf(o.streams.Out, "%s: nothing to undo\n", o.target(found))
	report.Notes(o.streams, found.Notes())
	return nil
}

// target names what is undone.
func (o *deleteOptions) target(found *review.Undo) string {
	switch {
	case o.all && o.workload.Namespace == "":
		return "The cluster"
	case o.all:
		return "Namespace " + o.workload.Namespace
	default:
		return found.Workloads[0].String()
	}
}

// finish looks again after something was kept: of several that are removed at the same time, the last one to finish takes away
// what they kept for each other.
func (o *deleteOptions) finish(ctx context.Context, client *cluster.Client, rights *cluster.Access, before *review.Undo) (*review.Undo, error) {
	again, err := o.find(ctx, client)
	if err != nil && !errors.Is(err, context.Canceled) {
		return before, nil // everything that was shown is done
	}
	if err != nil || again.Plan.Empty() {
		return before, err
	}
	carrying := o.execution(client, rights, again)
	if _, err := carrying.CarryOut(ctx); err != nil {
		return before, err
	}
	take(again, carrying)
	again.Plan.Changes = append(before.Plan.Changes, again.Plan.Changes...)
	return again, nil
}

func (o *deleteOptions) recordEvents(ctx context.Context, client *cluster.Client, found *review.Undo) {
	for _, key := range found.Workloads {
		if workload := workload.Get(found.Snapshot, key); workload != nil {
			execution.RecordEvent(ctx, o.streams, client, workload.Object, core.EventTypeNormal, "Unexposed", "what create did has been undone")
		}
	}
}

// printPlan prints for machines what is, or was, undone.
func (o *deleteOptions) printPlan(found *review.Undo) error {
	e := o.execution(nil, nil, found)
	if o.write.Output == "plan" {
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: e.Plan, DryRun: o.write.IsDryRun()})
	}
	if o.write.IsDryRun() {
		report.Notes(o.streams, e.Plan.Notes)
	}
	return e.PrintManifests()
}

// undone says in the end what the run did, and what is left.
func (o *deleteOptions) undone(found *review.Undo) string {
	var what string
	switch {
	case o.all && len(found.Workloads) == 0:
		what = "what create did for workloads that are gone"
	case o.all:
		what = "what create did for " + report.Count(len(found.Workloads), "workload")
	default:
		what = "what create did for " + o.target(found)
	}
	left := slices.Concat(found.Kept, found.Plan.Notes)
	switch {
	case len(left) > 0:
		return "Done: " + what + " is undone, but for what the notes say"
	case found.Gone:
		return "Done: " + what + ", which is gone, is undone"
	default:
		return "Done: " + what + " is undone"
	}
}

// heading lists the workloads that create did something for.
func (o *deleteOptions) heading(found *review.Undo) []string {
	if !o.all {
		return []string{fmt.Sprintf("To undo what create did for %s:", o.target(found))}
	}
	if len(found.Workloads) == 0 { // what is left is on objects that several share
		return []string{"Create did something for workloads that are gone. To undo it:"}
	}
	lines := []string{fmt.Sprintf("Create did something for %s:", report.Count(len(found.Workloads), "workload")), ""}
	for _, w := range found.Workloads {
		gone := ""
		if workload.Get(found.Snapshot, w) == nil {
			gone = " (gone)"
		}
		lines = append(lines, "  "+argumentOf(w)+gone)
	}
	return append(lines, "", "To undo it:")
}

func (o *deleteOptions) execution(client execution.Client, rights *cluster.Access, found *review.Undo) *execution.Execution {
	return &execution.Execution{
		Streams: o.streams, Client: client, Rights: rights, Options: o.write, Namespace: o.workload.Namespace, Heading: o.heading(found),
		Plan: plan.Plan{Changes: found.Plan.Changes, Notes: found.Notes()}, Rollouts: found.Rollouts,
		LeaveRefused: true, GoOn: o.command,
	}
}

// take takes over what an execution has left as it is.
func take(found *review.Undo, carriedOut *execution.Execution) {
	found.Plan.Notes = append(found.Plan.Notes, carriedOut.Plan.Notes[len(found.Notes()):]...)
	found.Plan.Changes = carriedOut.Plan.Changes
}

func (o *deleteOptions) printRoles() error {
	return rbac.Print(o.streams.Out, "grpcexpose-delete", review.RightsForDelete(o.workload))
}

// argumentOf is the workload as commands take it.
func argumentOf(key mesh.Key) string {
	return inert.Command(key.Argument(), "-n", key.Namespace)
}
