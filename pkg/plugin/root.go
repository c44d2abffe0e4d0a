// Package plugin is the command line: one file for each command, each of flags → options → Run(ctx). Nothing else knows
// cobra, and nothing but main imports this package.
package plugin

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// name is how users call the program: kubectl finds kubectl-grpcexpose by it.
const name = "kubectl grpcexpose"

// Execute runs the command line and gives the process's exit code. stop restores the default meaning of Ctrl-C: after the
// first one, which ends ctx, a second one kills. A command that does not end by itself soon after the first is left behind, unless
// it is writing; the caller ends the process.
func Execute(ctx context.Context, stop func(), streams report.Streams, arguments []string) int {
	context.AfterFunc(ctx, stop)
	root := NewCommand(streams)
	root.SetArgs(arguments)
	ctx, writes := interrupt.WithWriting(ctx)
	path := root.CommandPath()
	answer := make(chan error, 1)
	go func() {
		command, err := root.ExecuteContextC(ctx)
		path = command.CommandPath()
		answer <- err
	}()
	err := interrupt.Await(ctx, answer, writes, func() {
		report.Printf(streams.Err, "interrupted: the change under way is finished first; press Ctrl-C again to end at once, without an account of what was written\n")
	})
	if errors.Is(err, context.Canceled) {
		path = root.CommandPath() // the command may be running still
	}
	return exitCode(streams.Err, path, err)
}

// NewCommand is the whole command line: for Execute, and for the pages that are generated from it.
func NewCommand(streams report.Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "grpcexpose",
		Short: "Expose gRPC workloads through Istio, balanced per request",
		Long: `Expose a running gRPC workload at an Istio gateway, so that requests, not
connections, are balanced over its pods; and find what is wrong where they are not.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: name},
		SilenceUsage:  true,
		SilenceErrors: true,
		// What is not a command is a mistake to be told of, not a reason to print the help and succeed.
		Args: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return nil
			}
			if near := command.SuggestionsFor(arguments[0]); len(near) > 0 {
				return usage("unknown command %q; did you mean %s?", arguments[0], strings.Join(near, " or "))
			}
			return usage("unknown command %q", arguments[0])
		},
		SuggestionsMinimumDistance: 2,
		RunE:                       func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	connection := newConnection()
	connection.addFlags(root.PersistentFlags())
	clients := newFactory(connection)
	root.AddCommand(
		newCreateCommand(streams, clients, nil),
		newDeleteCommand(streams, clients, nil),
		newStatusCommand(streams, clients, nil),
		newVerifyCommand(streams, clients, nil),
		newLintCommand(streams, clients, nil),
		newExplainCommand(streams),
		newVersionCommand(streams, clients, nil),
		newCompletionCommand(streams),
	)
	root.CompletionOptions.DisableDefaultCmd = true
	addCompletion(root, clients)
	return root
}

// example indents the lines of an example, as help shows them.
func example(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		if lines[i] = strings.TrimSpace(lines[i]); lines[i] != "" {
			lines[i] = "  " + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}
