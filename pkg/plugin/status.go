package plugin

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

type statusOptions struct {
	streams report.Streams
	clients *factory

	workload mesh.Key
	output   string
}

func newStatusCommand(streams report.Streams, clients *factory, run func(context.Context, *statusOptions) error) *cobra.Command {
	var output string
	if run == nil {
		run = func(ctx context.Context, options *statusOptions) error { return options.run(ctx) }
	}
	command := &cobra.Command{
		Use:   "status TYPE/NAME",
		Short: "Show the way of gRPC calls to a workload, hop by hop",
		Long: `Show the way of gRPC calls to a workload, hop by hop: address, port of the
gateway's Service, Gateway server, VirtualService rule, Service port, pods. What is
broken is marked, with the finding that explains it. Only reads.

Exits with 1 if the workload is not exposed, or an error is on the path; with 2 if that
cannot be told, because something on the path could not be read.`,
		Example: example(name + " status deployment/server -n test"),
		RunE: func(command *cobra.Command, arguments []string) error {
			kind, workload, err := workloadArgument(arguments)
			if err != nil {
				return err
			}
			if err := oneOf("output", output, "", "json"); err != nil {
				return err
			}
			namespace, err := clients.namespace()
			if err != nil {
				return err
			}
			return run(command.Context(), &statusOptions{
				streams: streams, clients: clients, output: output,
				workload: mesh.Key{Kind: kind, Namespace: namespace, Name: workload},
			})
		},
	}
	command.Flags().StringVarP(&output, "output", "o", "", "Format of the output: json (default: text for people)")
	return command
}

func (o *statusOptions) run(ctx context.Context) error {
	client, err := o.clients.client()
	if err != nil {
		return err
	}
	loaded, err := loadPath(ctx, client, o.workload.Namespace)
	if err != nil {
		return err
	}
	workload, err := expose.FindWorkload(loaded.Snapshot, o.workload.Kind, o.workload.Namespace, o.workload.Name)
	if err != nil {
		return withGaps(err, loaded, "lint")
	}
	status, err := interrupt.Until(ctx, func() (report.Status, error) { return pathStatus(loaded, workload), nil })
	if err != nil {
		return err
	}
	if o.output == "json" {
		err = report.StatusJSON(o.streams.Out, status)
	} else {
		err = report.StatusText(o.streams.Out, status, o.streams.OutColour)
	}
	switch {
	case err != nil:
		return err
	case status.Unknown():
		return fmt.Errorf("whether %s is exposed is not known: something on the path could not be read", workload.Key)
	case !status.Exposed() || status.Errors():
		return errBadAnswer
	default:
		return nil
	}
}

// pathStatus is what status says of a workload, and create after it.
func pathStatus(loaded *cluster.Loaded, workload *workload.Workload) report.Status {
	onPath, lookalikes := checks.OnPathOf(loaded.Snapshot, workload.Key), expose.Lookalikes(loaded.Snapshot, workload)
	lint := checks.Run(loaded.Snapshot, checks.Options{Only: func(object mesh.Object) bool {
		return onPath(object) && !lookalikes[mesh.KeyOf(object)]
	}})
	return report.Status{
		Workload: workload.Key, Roots: expose.Trace(loaded.Snapshot, workload), Findings: lint.Findings,
		NotLookedAt: gapReasons(loaded.Gaps), NotRead: notRead(loaded),
	}
}

// notRead says what could not be read, line by line: the permissions that are missing as one table, then the rest.
func notRead(loaded *cluster.Loaded) []string {
	var lines []string
	if len(loaded.Missing) > 0 {
		lines = permissionTable(loaded.Missing)
	}
	for _, reason := range gapReasons(loaded.Gaps) {
		if !slices.ContainsFunc(loaded.Missing, func(missing cluster.Permission) bool { return reason == missing.Denied() }) {
			lines = append(lines, reason)
		}
	}
	return lines
}
