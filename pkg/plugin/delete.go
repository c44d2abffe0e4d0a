package plugin

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

type deleteFlags struct {
	all           bool
	allNamespaces bool
	force         bool
	restart       string

	write     writeFlags
	exitCode  bool
	printRBAC bool
}

type deleteOptions struct {
	streams report.Streams
	clients *factory

	// workload is the one to undo; with all it has a namespace at most.
	workload  mesh.Key
	all       bool
	removal   removal.Options
	write     execution.Options
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
		Use:   "delete {TYPE/NAME | --all}",
		Short: "Undo what create did for a workload",
		Long: `Undo what create did for a workload: the objects that it made are removed, labels,
port names and the gateway's port get their former values, and last of all the pods
that it restarted for a proxy are restarted without one.

What somebody has changed since stays as it is. What others need by now stays too: a
Gateway to which another route is bound, a gateway port that a Gateway uses, an
injection label by which another gRPC workload has its proxy. Both are said; the last
workload that needs something takes it away, and --force does so at once.`,
		Example: example(`
			# Show what would be undone
			` + name + ` delete deployment/server -n test --dry-run

			# Do it
			` + name + ` delete deployment/server -n test

			# Show everything that create did in a namespace, or in the cluster; undo it without --dry-run
			` + name + ` delete --all -n test --dry-run
			` + name + ` delete --all -A --dry-run`),
		RunE: func(command *cobra.Command, arguments []string) error {
			options, err := flags.toOptions(streams, clients, command, arguments)
			if err != nil {
				return err
			}
			return run(command.Context(), options)
		},
	}
	command.Flags().BoolVar(&flags.all, "all", false, "Undo what create did for every workload of the namespace, or with -A of the cluster")
	command.Flags().BoolVarP(&flags.allNamespaces, "all-namespaces", "A", false, "With --all: in all namespaces")
	command.Flags().BoolVar(&flags.force, "force", false, "Undo also what others have come to need")
	command.Flags().StringVar(&flags.restart, "restart", string(remedy.RestartWorkload), "Whose pods are restarted where they would lose their proxy: workload, namespace or none")
	command.Flags().BoolVar(&flags.exitCode, "exit-code", false, "With --dry-run: exit with 1 if there is something to undo")
	command.Flags().BoolVar(&flags.printRBAC, "print-rbac", false, "Print the least Roles that delete needs here, and exit")
	flags.write.add(command.Flags())
	return command
}

func (f *deleteFlags) toOptions(streams report.Streams, clients *factory, command *cobra.Command, arguments []string) (*deleteOptions, error) {
	options := &deleteOptions{
		streams: streams, clients: clients, all: f.all, exitCode: f.exitCode, printRBAC: f.printRBAC, command: typedLine(command, arguments),
		removal: removal.Options{Force: f.force, Restart: remedy.RestartScope(f.restart)},
	}
	var err error
	if options.workload, err = f.target(clients, arguments); err != nil {
		return nil, err
	}
	if err := oneOf("restart", f.restart, string(remedy.RestartWorkload), string(remedy.RestartNamespace), string(remedy.RestartNone)); err != nil {
		return nil, err
	}
	if options.write, err = f.write.toOptions(streams, false); err != nil {
		return nil, err
	}
	if f.exitCode && options.write.DryRun == execution.DryRunNone {
		return nil, usage("--exit-code goes with --dry-run")
	}
	return options, nil
}

// target is the workload that is named; with --all its namespace alone, or with -A nothing.
func (f *deleteFlags) target(clients *factory, arguments []string) (mesh.Key, error) {
	namespace, err := clients.namespace()
	switch {
	case err != nil:
		return mesh.Key{}, err
	case f.all && len(arguments) > 0:
		return mesh.Key{}, usage("either --all or a workload, not both")
	case f.allNamespaces && !f.all:
		return mesh.Key{}, usage("-A goes with --all")
	case f.allNamespaces:
		return mesh.Key{}, nil
	case f.all:
		return mesh.Key{Namespace: namespace}, nil
	}
	kind, name, err := workloadArgument(arguments)
	return mesh.Key{Kind: kind, Namespace: namespace, Name: name}, err
}
