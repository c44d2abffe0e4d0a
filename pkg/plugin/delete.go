package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

type deleteFlags struct {
	write     writeFlags
	exitCode  bool
	printRBAC bool
}

type deleteOptions struct {
	streams report.Streams
	clients *factory

	workload  mesh.Key
	write     writeOptions
	exitCode  bool
	printRBAC bool
	command   string
}

func newDeleteCommand(streams report.Streams, clients *factory, run func(context.Context, *deleteOptions) error) *cobra.Command {
	flags := &deleteFlags{}
	if run == nil {
		run = func(ctx context.Context, options *deleteOptions) error { return options.run(ctx) }
	}
	command := &cobra.Command{
		Use:   "delete TYPE/NAME",
		Short: "Take back what create did for a workload",
		Long: `Take back what create did for a workload: objects that it made are removed,
labels, port names and the gateway's port get their former values, and pods that it
restarted are made anew without a proxy. What somebody has changed since stays as
it is, and is said; what other workloads rest on stays until they are deleted too.`,
		Example: example(`
			# Show what would be taken back
			` + name + ` delete deployment/server -n test --dry-run

			# Do it
			` + name + ` delete deployment/server -n test`),
		RunE: func(command *cobra.Command, arguments []string) error {
			options, err := flags.toOptions(streams, clients, command, arguments)
			if err != nil {
				return err
			}
			return run(command.Context(), options)
		},
	}
	command.Flags().BoolVar(&flags.exitCode, "exit-code", false, "With --dry-run: exit with 1 if there is something to take back")
	command.Flags().BoolVar(&flags.printRBAC, "print-rbac", false, "Print the least Roles that delete needs here, and exit")
	flags.write.add(command.Flags())
	return command
}

func (f *deleteFlags) toOptions(streams report.Streams, clients *factory, command *cobra.Command, arguments []string) (*deleteOptions, error) {
	kind, workload, err := workloadArgument(arguments)
	if err != nil {
		return nil, err
	}
	namespace, err := clients.namespace()
	if err != nil {
		return nil, err
	}
	write, err := f.write.toOptions(streams, false)
	if err != nil {
		return nil, err
	}
	if f.exitCode && write.dryRun == dryRunNone {
		return nil, usage("--exit-code goes with --dry-run")
	}
	return &deleteOptions{
		streams: streams, clients: clients, write: write, exitCode: f.exitCode, printRBAC: f.printRBAC,
		workload: mesh.Key{Kind: kind, Namespace: namespace, Name: workload}, command: typedLine(command, arguments),
	}, nil
}

func (o *deleteOptions) run(ctx context.Context) error {
	if o.printRBAC {
		return o.printRoles()
	}
	client, err := o.clients.client()
	if err != nil {
		return err
	}
	rights, err := client.Access(ctx, []string{o.workload.Namespace})
	if err != nil {
		return err
	}
	loaded, err := o.load(ctx, client)
	if err != nil {
		return err
	}
	if err := o.findKind(loaded); err != nil {
		return err
	}
	removal, err := expose.Remove(o.workload, loaded.Snapshot)
	if err != nil {
		return err
	}
	if removal.Plan.Empty() {
		return o.nothingToTakeBack(loaded, removal)
	}
	return o.carryOut(ctx, client, rights, loaded.Snapshot, removal)
}

// nothingToTakeBack says so; a workload that is not there is more likely a slip.
func (o *deleteOptions) nothingToTakeBack(loaded *cluster.Loaded, removal *expose.Removal) error {
	if _, err := expose.FindWorkload(loaded.Snapshot, o.workload.Kind, o.workload.Namespace, o.workload.Name); err != nil {
		return withGaps(err, loaded)
	}
	if len(loaded.Gaps) > 0 {
		report.Printf(o.streams.Err, "%s\n", gapsText(loaded))
	}
	if o.write.output != "" {
		return o.printPlan(removal)
	}
	report.Printf(o.streams.Out, "%s: nothing to take back\n", o.workload)
	printNotes(o.streams, removal.Plan.Notes)
	return nil
}

// load reads what may carry a mark of create.
func (o *deleteOptions) load(ctx context.Context, client *cluster.Client) (*cluster.Loaded, error) {
	kinds := map[mesh.Kind][]string{mesh.KindWebhook: nil}
	for _, kind := range expose.KindsWithMarks {
		kinds[kind] = nil
	}
	return client.Load(ctx, cluster.LoadRequest{
		Kinds: kinds, Fallback: fallbackNamespaces(o.workload.Namespace, ""), Entire: true, Now: time.Now(),
	})
}

// findKind finds the kind of a workload that is named without one. One that is gone may have left marks all the same.
func (o *deleteOptions) findKind(loaded *cluster.Loaded) error {
	if o.workload.Kind != "" {
		return nil
	}
	workload, err := expose.FindWorkload(loaded.Snapshot, "", o.workload.Namespace, o.workload.Name)
	if err == nil {
		o.workload = workload.Key
		return nil
	}
	for _, kind := range expose.WorkloadKinds {
		gone := mesh.Key{Kind: kind, Namespace: o.workload.Namespace, Name: o.workload.Name}
		if removal, failed := expose.Remove(gone, loaded.Snapshot); failed == nil && !removal.Plan.Empty() {
			o.workload = gone
			return nil
		}
	}
	return withGaps(err, loaded)
}

func (o *deleteOptions) carryOut(ctx context.Context, client *cluster.Client, rights *cluster.Access, snapshot *mesh.Snapshot, removal *expose.Removal) error {
	if err := o.show(removal); err != nil {
		return err
	}
	doing := &carryOut{
		streams: o.streams, client: client, write: o.write, plan: removal.Plan, rollouts: removal.Rollouts,
		pathGoesLast: true, goOn: o.command,
	}
	if o.write.dryRun == dryRunClient {
		return o.dryRunAnswer()
	}
	if err := requirePermissions(ctx, rights, removal.Plan); err != nil {
		return err
	}
	if _, err := doing.rehearse(ctx); err != nil {
		return err
	}
	if o.write.dryRun == dryRunServer {
		return o.dryRunAnswer()
	}
	if err := doing.ask(ctx); err != nil {
		return err
	}
	if err := doing.apply(ctx); err != nil {
		return err
	}
	if workload := snapshot.Workload(o.workload); workload != nil {
		if note := client.RecordEvent(ctx, workload.Object, core.EventTypeNormal, "Unexposed", "what create did has been taken back"); note != "" {
			report.Printf(o.streams.Err, "note: %s\n", note)
		}
	}
	if o.write.output != "" {
		return o.printPlan(removal)
	}
	report.Printf(o.streams.Out, "%s\n", takenBack(o.workload, removal))
	return nil
}

// printPlan prints for machines what is, or was, taken back.
func (o *deleteOptions) printPlan(removal *expose.Removal) error {
	if o.write.output == "plan" {
		return report.PlanJSON(o.streams.Out, report.PlanReport{Plan: removal.Plan, DryRun: o.write.dryRun != dryRunNone})
	}
	if o.write.dryRun != dryRunNone {
		printNotes(o.streams, removal.Plan.Notes)
	}
	return report.PlanManifests(o.streams.Out, removal.Plan, o.write.output)
}

// takenBack is what a delete that went through leaves.
func takenBack(workload mesh.Key, removal *expose.Removal) string {
	switch {
	case len(removal.Plan.Notes) > 0:
		return fmt.Sprintf("What create did for %s has been taken back, but for what the notes say", workload)
	case removal.Shared:
		return fmt.Sprintf("What create did for %s alone has been taken back; what others rest on stays", workload)
	default:
		return fmt.Sprintf("%s is as it was before create", workload)
	}
}

func (o *deleteOptions) show(removal *expose.Removal) error {
	switch {
	case o.write.output == "":
	case o.write.dryRun == dryRunNone:
		printNotes(o.streams, removal.Plan.Notes)
		return nil
	default:
		return o.printPlan(removal)
	}
	report.Printf(o.streams.Out, "To take back what create did for %s:\n\n", o.workload)
	if err := report.PlanText(o.streams.Out, removal.Plan, o.streams.OutColour); err != nil {
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
	permissions := readPermissions(append([]mesh.Kind{mesh.KindWebhook}, expose.KindsWithMarks...), []string{"get", "list"})
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
	return inert.Command(strings.ToLower(string(key.Kind))+"/"+key.Name, "-n", key.Namespace)
}
