package plugin

import (
	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

func newExplainCommand(streams report.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain CHECK",
		Short: "Explain a check of lint",
		Long: `Explain a check of lint: what it finds, what Istio or Kubernetes does because of it, what a
gRPC client sees, and what differs between a manifest with the fault and one without.`,
		Example: example(`
			# By ID, or by name
			` + name + ` explain GX301
			` + name + ` explain port-not-grpc`),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return checkNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return usage("name one check, as GX301 or port-not-grpc; %s lint --list-checks lists them", name)
			}
			check, ok := lint.Find(arguments[0])
			if !ok {
				return usage("there is no check %q; %s lint --list-checks lists them", arguments[0], name)
			}
			return report.CheckText(streams.Out, check, report.PrintOptions{Colour: streams.OutColour, Width: streams.Width})
		},
	}
}

func checkNames() []string {
	var names []string
	for _, check := range lint.All() {
		names = append(names, check.ID+"\t"+check.Title, check.Slug+"\t"+check.Title)
	}
	return names
}
