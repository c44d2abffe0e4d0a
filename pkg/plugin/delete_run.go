package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
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
	if err := o.show(found); err != nil {
		return err
	}
	if o.write.dryRun == dryRunClient {
		return o.dryRunAnswer()
	}
	if err := o.carryOut(ctx, client, rights, found); err != nil || o.write.dryRun == dryRunServer {
		return err
	}
	if len(found.removal.Kept) > 0 {
		if found, err = o.finish(ctx, client, rights, found); err != nil {
			return err
		}
	}
	o.recordEvents(ctx, client, found)
	if o.write.output != "" {
		return o.printPlan(found.removal)
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
	loaded, err := o.load(ctx, client)
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
	leaveAdopted(result.removal, o.write.fieldManager)
	return result, unreadable(result.removal.Unknown)
}

// leaveAdopted leaves what somebody else sets by now as it is: a label, or a port, that create added and the owner's own manifest
// has since. Removing it would be a fight that the owner wins at the next apply.
func leaveAdopted(removal *removal.Removal, fieldManager string) {
	changes := removal.Plan.Changes
	for i := range changes {
		change := &changes[i]
		if change.Undo != plan.Forget {
			continue
		}
		change.Edits = slices.DeleteFunc(change.Edits, func(edit plan.Edit) bool {
			owners := cluster.OtherOwners(change.Object, edit, fieldManager)
			if edit.New != nil || len(owners) == 0 {
				return false
			}
			change.Forgotten = append(change.Forgotten, edit.Path)
			removal.Kept = append(removal.Kept, fmt.Sprintf("%s of %s stays: %s sets it by now", edit.Path, plan.Name(change.Object), owners[0].Owner))
			return true
		})
		if change.Action == plan.Restart && !projection.ChangesTemplate(*change) {
			change.Action = plan.Update
			removal.Rollouts = withoutRollout(removal.Rollouts, *change)
		}
	}
}

func (o *deleteOptions) load(ctx context.Context, client *cluster.Client) (*cluster.Loaded, error) {
	request := cluster.LoadRequest{Kinds: map[mesh.Kind][]string{}, Entire: true, Now: time.Now(), Follow: controlPlane}
	for _, kind := range removal.Kinds {
		request.Kinds[kind] = nil
	}
	if o.workload.Namespace != "" {
		request.Kinds[mesh.KindPod] = []string{o.workload.Namespace}
		request.Kinds[mesh.KindNamespace] = []string{o.workload.Namespace}
		request.Fallback = fallbackNamespaces(o.workload.Namespace, "")
	}
	return client.Load(ctx, request)
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
	return &extendedError{err: err, more: append([]string{title}, left...)}
}

// unreadable is the error of kinds that decide what to undo and could not be read.
func unreadable(unknown []mesh.Gap) error {
	var missing []cluster.Permission
	var reasons []string
	for _, gap := range unknown {
		missing = append(missing, may(gap.Kind, gap.Namespace, gap.Name, "list")...)
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
	roles, err := rolesYAML("grpcexpose", missing)
	if err != nil {
		return err
	}
	return linesError(slices.Concat(
		[]string{"nothing was written: what create did, and who needs it now, cannot be told without reading this", ""}, permissionTable(missing),
		[]string{"", strings.Join(reasons, "; "), "", "Ask an administrator to apply this, and to bind it to you:", ""}, textLines(roles),
	))
}

func (o *deleteOptions) nothingToUndo(found *found) error {
	if o.all && o.workload.Namespace != "" {
		if problem := noNamespace(found.snapshot, o.workload.Namespace); problem != "" {
			return fmt.Errorf("%s; name one with -n, or undo everything with -A", problem)
		}
	}
	if o.write.output != "" {
		return o.printPlan(found.removal)
	}
	report.Printf(o.streams.Out, "%s: nothing to undo\n", o.target(found))
	o.printNotes(found.removal)
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

func (o *deleteOptions) printNotes(removal *removal.Removal) {
	printNotes(o.streams, removal.Plan.Notes)
	printNotes(o.streams, removal.Kept)
}

func (o *deleteOptions) carryOut(ctx context.Context, client *cluster.Client, rights *cluster.Access, found *found) error {
	doing := &carryOut{
		streams: o.streams, client: client, write: o.write, plan: found.removal.Plan, rollouts: found.removal.Rollouts, goOn: o.command,
	}
	if err := requirePermissions(ctx, rights, found.removal.Plan); err != nil {
		return err
	}
	result, err := doing.rehearse(ctx)
	if refused := refusedNotes(result); err != nil && len(refused) > 0 {
		leaveRefused(found.removal, refused)
		doing.plan, doing.rollouts = found.removal.Plan, found.removal.Rollouts
		doing.tell(found.removal.Plan.Notes)
		_, err = doing.rehearse(ctx)
	}
	if err != nil {
		return err
	}
	if o.write.dryRun == dryRunServer {
		return o.dryRunAnswer()
	}
	if err := doing.ask(ctx); err != nil {
		return err
	}
	return doing.apply(ctx)
}

// refusedNotes are the changes that restore what a note says, and that the API server or its webhooks find wrong. Whoever may write
// an object can make its note so.
func refusedNotes(result cluster.CheckResult) []refusal {
	return slices.DeleteFunc(firstRefused(result), func(r refusal) bool {
		_, invalid := errors.AsType[*cluster.Invalid](r.why)
		_, refused := errors.AsType[*cluster.Refused](r.why)
		return r.change.Undo != plan.Forget || !invalid && !refused
	})
}

// leaveRefused leaves objects as they are whose notes would make them wrong: nobody's note keeps the rest from being undone.
func leaveRefused(removal *removal.Removal, refused []refusal) {
	changes := &removal.Plan.Changes
	for _, r := range refused {
		*changes = slices.DeleteFunc(slices.Clone(*changes), func(change plan.Change) bool {
			return change.Undo == plan.Forget && plan.SameObject(change.Object, r.change.Object)
		})
		removal.Rollouts = withoutRollout(removal.Rollouts, r.change)
		removal.Plan.Notes = append(removal.Plan.Notes, fmt.Sprintf("%s is left as it is: what its annotation %s says to restore is not taken (%v); restore it by hand and remove the annotation",
			plan.Name(r.change.Object), plan.UndoAnnotation, r.why))
	}
}

// withoutRollout are the rollouts but for that of the object that a change would have changed.
func withoutRollout(rollouts []mesh.Key, change plan.Change) []mesh.Key {
	return slices.DeleteFunc(rollouts, func(key mesh.Key) bool {
		return string(key.Kind) == change.Object.GetKind() && key.Namespace == change.Object.GetNamespace() && key.Name == change.Object.GetName()
	})
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
	if err := o.carryOut(ctx, client, rights, again); err != nil {
		return before, err
	}
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
func (o *deleteOptions) printPlan(removal *removal.Removal) error {
	if o.write.output == "plan" {
		shown := plan.Plan{Changes: removal.Plan.Changes, Notes: slices.Concat(removal.Plan.Notes, removal.Kept)}
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: shown, DryRun: o.write.dryRun != dryRunNone})
	}
	if o.write.dryRun != dryRunNone {
		o.printNotes(removal)
	}
	return printManifests(o.streams, removal.Plan, o.workload.Namespace, o.write.output, o.write.dryRun == dryRunNone)
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

func (o *deleteOptions) show(found *found) error {
	removal := found.removal
	switch {
	case o.write.output == "":
	case o.write.dryRun == dryRunNone:
		o.printNotes(removal)
		return nil
	default:
		return o.printPlan(removal)
	}
	if o.all {
		o.showWorkloads(found)
	} else {
		report.Printf(o.streams.Out, "To undo what create did for %s:\n\n", o.target(found))
	}
	shown := plan.Plan{Changes: removal.Plan.Changes, Notes: slices.Concat(removal.Plan.Notes, removal.Kept)}
	if err := report.PlanText(o.streams.Out, shown, o.streams.OutColour); err != nil {
		return err
	}
	report.Printf(o.streams.Out, "\n")
	if !o.write.diff {
		return nil
	}
	differences, err := report.PlanDifferences(removal.Plan)
	if err != nil {
		return err
	}
	return report.Diff(o.streams.Out, differences, o.streams.OutColour)
}

// showWorkloads lists the workloads that create did something for.
func (o *deleteOptions) showWorkloads(found *found) {
	if len(found.workloads) == 0 { // what is left is on objects that several share
		report.Printf(o.streams.Out, "Create did something for workloads that are gone. To undo it:\n\n")
		return
	}
	report.Printf(o.streams.Out, "Create did something for %s:\n\n", report.Count(len(found.workloads), "workload"))
	for _, w := range found.workloads {
		gone := ""
		if workload.Get(found.snapshot, w) == nil {
			gone = " (gone)"
		}
		report.Printf(o.streams.Out, "  %s%s\n", argumentOf(w), gone)
	}
	report.Printf(o.streams.Out, "\nTo undo it:\n\n")
}

func (o *deleteOptions) dryRunAnswer() error {
	if o.write.output == "" {
		report.Printf(o.streams.Err, "dry run (%s): nothing was written\n", o.write.dryRun)
	}
	if o.exitCode {
		return errBadAnswer
	}
	return nil
}

func (o *deleteOptions) printRoles() error {
	namespace := o.workload.Namespace
	permissions := readPermissions(removal.Kinds, []string{"get", "list"})
	permissions = append(permissions, may(mesh.KindConfigMap, rootNamespace, "", "get")...)
	permissions = append(permissions, may(mesh.KindNamespace, "", namespace, "patch")...)
	permissions = append(permissions, workloadPermissions(o.workload.Kind, namespace, o.workload.Name)...)
	for _, kind := range []mesh.Kind{mesh.KindService, mesh.KindGateway, mesh.KindVirtualService} {
		permissions = append(permissions, may(kind, namespace, "", "patch", "delete")...)
	}
	permissions = append(permissions, may(mesh.KindService, rootNamespace, "", "patch")...)
	permissions = append(permissions, cluster.Permission{Verb: "create", Resource: "events", Namespace: namespace})
	return printRoles(o.streams.Out, "grpcexpose-delete", permissions)
}

// argumentOf is the workload as commands take it.
func argumentOf(key mesh.Key) string {
	return inert.Command(key.Argument(), "-n", key.Namespace)
}
