package plugin

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// version is set by the linker for a release.
var version = "v0.1.0-dev"

func newVersionCommand(streams report.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(streams.Out, version)
			return err
		},
	}
}
