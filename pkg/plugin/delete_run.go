package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
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
	if found.removal.Plan.Empty() {
		return o.nothingToUndo(found)
	}
	execution := o.execution(client, rights, found)
	wrote, err := execution.Run(ctx)
	switch {
	case err != nil:
		return err
	case !wrote && o.exitCode:
		return errBadAnswer
	case !wrote:
		return nil
	}
	found.take(execution)
	if len(found.removal.Kept) > 0 {
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

// found is what there is to undo.
type found struct {
	snapshot  *mesh.Snapshot
	workloads []mesh.Key
	removal   *removal.Removal
	// gone: the workload that was named is not there any more.
	gone bool
}

// find reads what may carry a mark of create, and what may need what create did, and decides what to undo. What cannot be read
// and would decide is an error: half of an undo may be worse than none.
func (o *deleteOptions) find(ctx context.Context, client *cluster.Client) (*found, error) {
	loaded, err := load.FromCluster(ctx, client, review.ForDelete(o.workload.Namespace))
	if err != nil {
		return nil, err
	}
	result := &found{snapshot: loaded.Snapshot}
	options := o.removal
	if o.all {
		if unread := removal.UnreadMarks(loaded.Snapshot); o.workload.Namespace == "" && len(unread) > 0 {
			return nil, unreadable(unread)
		}
		options.Namespaces = o.allNamespaces(loaded.Snapshot)
		result.workloads = removal.Managed(loaded.Snapshot, options.Namespaces...)
	} else {
		if result.workloads, result.gone, err = o.named(loaded); err != nil {
			return nil, err
		}
	}
	if result.removal, err = removal.Remove(result.workloads, loaded.Snapshot, options); err != nil {
		return nil, err
	}
	adopted, rollouts := execution.LeaveAdopted(result.removal.Plan.Changes, result.removal.Rollouts, o.write.FieldManager)
	result.removal.Kept, result.removal.Rollouts = append(result.removal.Kept, adopted...), rollouts
	return result, unreadable(result.removal.Unknown)
}

// allNamespaces are those of --all: the one of -n, or with -A all of them.
func (o *deleteOptions) allNamespaces(snapshot *mesh.Snapshot) []string {
	if o.workload.Namespace != "" {
		return []string{o.workload.Namespace}
	}
	var names []string
	for _, namespace := range snapshot.Namespaces().All() {
		names = append(names, namespace.Name)
	}
	return names
}

// named is the workload of the command line. One that is gone may have left marks all the same.
func (o *deleteOptions) named(loaded *cluster.Loaded) (workloads []mesh.Key, gone bool, err error) {
	workload, err := expose.FindWorkload(loaded.Snapshot, o.workload.Kind, o.workload.Namespace, o.workload.Name)
	if err == nil {
		return []mesh.Key{workload.Key}, false, nil
	}
	for _, managed := range removal.Managed(loaded.Snapshot, o.workload.Namespace) {
		if managed.Name == o.workload.Name && (o.workload.Kind == "" || o.workload.Kind == managed.Kind) {
			return []mesh.Key{managed}, true, nil
		}
	}
	return nil, false, withGaps(o.withLeftOver(err, loaded.Snapshot), loaded, "delete")
}

// withLeftOver adds to a workload that is not there what create has left in its namespace: it may have been for that one.
func (o *deleteOptions) withLeftOver(err error, snapshot *mesh.Snapshot) error {
	namespace := o.workload.Namespace
	removal, failed := removal.Remove(removal.Managed(snapshot, namespace), snapshot, removal.Options{Namespaces: []string{namespace}})
	if failed != nil {
		return err
	}
	var left []string
	for _, change := range removal.Plan.Changes {
		left = append(left, "  "+plan.Name(change.Object)+": "+report.ChangeText(change))
	}
	for _, kept := range removal.Kept {
		left = append(left, "  "+kept)
	}
	if len(left) == 0 {
		return err
	}
	title := fmt.Sprintf("What create has left in namespace %s (%s undoes it):", namespace, inert.Command(name, "delete", "--all", "-n", namespace))
	return report.WithLines(err, append([]string{title}, left...)...)
}

// unreadable is the error of kinds that decide what to undo and could not be read.
func unreadable(unknown []mesh.Gap) error {
	var missing []cluster.Permission
	var reasons []string
	for _, gap := range unknown {
		missing = append(missing, rbac.On(gap.Kind, gap.Namespace, gap.Name, "list")...)
		if gap.Name != "" {
			missing[len(missing)-1].Verb = "get"
		}
		if !slices.Contains(reasons, gap.Reason) {
			reasons = append(reasons, gap.Reason)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return rbac.Missing("nothing was written: what create did, and who needs it now, cannot be told without reading this", missing, strings.Join(reasons, "; "))
}

func (o *deleteOptions) nothingToUndo(found *found) error {
	if o.all && o.workload.Namespace != "" {
		if problem := noNamespace(found.snapshot, o.workload.Namespace); problem != "" {
			return fmt.Errorf("%s; name one with -n, or undo everything with -A", problem)
		}
	}
	if o.write.Output != "" {
		return o.printPlan(found)
	}
	report.Printf(o.streams.Out, "%s: nothing to undo\n", o.target(found))
	report.Notes(o.streams, slices.Concat(found.removal.Plan.Notes, found.removal.Kept))
	return nil
}

// target names what is undone.
func (o *deleteOptions) target(found *found) string {
	switch {
	case o.all && o.workload.Namespace == "":
		return "The cluster"
	case o.all:
		return "Namespace " + o.workload.Namespace
	default:
		return found.workloads[0].String()
	}
}

// finish looks again after something was kept: of several that are removed at the same time, the last one to finish takes away
// what they kept for each other.
func (o *deleteOptions) finish(ctx context.Context, client *cluster.Client, rights *cluster.Access, before *found) (*found, error) {
	again, err := o.find(ctx, client)
	if err != nil && !errors.Is(err, context.Canceled) {
		return before, nil // everything that was shown is done
	}
	if err != nil || again.removal.Plan.Empty() {
		return before, err
	}
	execution := o.execution(client, rights, again)
	if _, err := execution.CarryOut(ctx); err != nil {
		return before, err
	}
	again.take(execution)
	again.removal.Plan.Changes = append(before.removal.Plan.Changes, again.removal.Plan.Changes...)
	return again, nil
}

func (o *deleteOptions) recordEvents(ctx context.Context, client *cluster.Client, found *found) {
	for _, key := range found.workloads {
		workload := workload.Get(found.snapshot, key)
		if workload == nil {
			continue
		}
		if note := client.RecordEvent(ctx, workload.Object, core.EventTypeNormal, "Unexposed", "what create did has been undone"); note != "" {
			report.Printf(o.streams.Err, "note: %s\n", note)
		}
	}
}

// printPlan prints for machines what is, or was, undone.
func (o *deleteOptions) printPlan(found *found) error {
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
func (o *deleteOptions) undone(found *found) string {
	var what string
	switch {
	case o.all && len(found.workloads) == 0:
		what = "what create did for workloads that are gone"
	case o.all:
		what = "what create did for " + report.Count(len(found.workloads), "workload")
	default:
		what = "what create did for " + o.target(found)
	}
	left := slices.Concat(found.removal.Kept, found.removal.Plan.Notes)
	switch {
	case len(left) > 0:
		return "Done: " + what + " is undone, but for what the notes say"
	case found.gone:
		return "Done: " + what + ", which is gone, is undone"
	default:
		return "Done: " + what + " is undone"
	}
}

// heading lists the workloads that create did something for.
func (o *deleteOptions) heading(found *found) []string {
	if !o.all {
		return []string{fmt.Sprintf("To undo what create did for %s:", o.target(found))}
	}
	if len(found.workloads) == 0 { // what is left is on objects that several share
		return []string{"Create did something for workloads that are gone. To undo it:"}
	}
	lines := []string{fmt.Sprintf("Create did something for %s:", report.Count(len(found.workloads), "workload")), ""}
	for _, w := range found.workloads {
		gone := ""
		if workload.Get(found.snapshot, w) == nil {
			gone = " (gone)"
		}
		lines = append(lines, "  "+argumentOf(w)+gone)
	}
	return append(lines, "", "To undo it:")
}

func (o *deleteOptions) execution(client execution.Client, rights *cluster.Access, found *found) *execution.Execution {
	removal := found.removal
	return &execution.Execution{
		Streams: o.streams, Client: client, Rights: rights, Options: o.write, Namespace: o.workload.Namespace, Heading: o.heading(found),
		Plan: plan.Plan{Changes: removal.Plan.Changes, Notes: slices.Concat(removal.Plan.Notes, removal.Kept)}, Rollouts: removal.Rollouts,
		LeaveRefused: true, GoOn: o.command,
	}
}

// take takes over what an execution has left as it is.
func (f *found) take(carriedOut *execution.Execution) {
	known := len(f.removal.Plan.Notes) + len(f.removal.Kept)
	f.removal.Plan.Notes = append(f.removal.Plan.Notes, carriedOut.Plan.Notes[known:]...)
	f.removal.Plan.Changes = carriedOut.Plan.Changes
}

func (o *deleteOptions) printRoles() error {
	namespace := o.workload.Namespace
	permissions := rbac.ToRead(removal.Kinds, []string{"get", "list"})
	permissions = append(permissions, rbac.On(mesh.KindConfigMap, load.RootNamespace, "", "get")...)
	permissions = append(permissions, rbac.On(mesh.KindNamespace, "", namespace, "patch")...)
	permissions = append(permissions, rbac.ToRestart(o.workload.Kind, namespace, o.workload.Name)...)
	for _, kind := range []mesh.Kind{mesh.KindService, mesh.KindGateway, mesh.KindVirtualService} {
		permissions = append(permissions, rbac.On(kind, namespace, "", "patch", "delete")...)
	}
	permissions = append(permissions, rbac.On(mesh.KindService, load.RootNamespace, "", "patch")...)
	permissions = append(permissions, cluster.Permission{Verb: "create", Resource: "events", Namespace: namespace})
	return printRoles(o.streams.Out, "grpcexpose-delete", permissions)
}

// argumentOf is the workload as commands take it.
func argumentOf(key mesh.Key) string {
	return inert.Command(key.Argument(), "-n", key.Namespace)
}
