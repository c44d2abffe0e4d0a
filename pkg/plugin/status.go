package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/review"
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
	loaded, err := load.FromCluster(ctx, client, review.ForPath(o.workload.Namespace))
	if err != nil {
		return err
	}
	workload, err := expose.FindWorkload(loaded.Snapshot, o.workload.Kind, o.workload.Namespace, o.workload.Name)
	if err != nil {
		return review.WithGaps(err, loaded, "lint")
	}
	status, err := interrupt.Until(ctx, func() (report.Status, error) { return review.Status(loaded, workload), nil })
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
		return exitcode.ErrBadAnswer
	default:
		return nil
	}
}
