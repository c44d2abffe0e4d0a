package plugin

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// writeFlags are the flags of every command that changes the cluster.
type writeFlags execution.Options

func (f *writeFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.DryRun, "dry-run", execution.DryRunNone, `"client": show what would be done; "server": have the API server and its webhooks judge it too, without storing; "none": do it`)
	flags.Lookup("dry-run").NoOptDefVal = execution.DryRunClient
	flags.StringVarP(&f.Output, "output", "o", "", "Print the objects as they are to be: yaml, json or name; or plan, the changes as JSON")
	flags.BoolVar(&f.Diff, "diff", false, "Show how the objects change, as a diff")
	flags.BoolVar(&f.Interactive, "interactive", false, "Show the plan and ask before anything is written")
	flags.BoolVar(&f.Wait, "wait", true, "Wait for rollouts and ports, and confirm the path")
	flags.DurationVar(&f.Timeout, "timeout", execution.DefaultTimeout, "How long to wait in all")
	flags.StringVar(&f.FieldManager, "field-manager", plan.Manager, "Name under which fields are owned (server-side apply)")
	flags.BoolVar(&f.ForceConflicts, "force-conflicts", false, "Take over fields that somebody else owns")
}

func (f *writeFlags) toOptions(streams report.Streams, offline bool) (execution.Options, error) {
	options := execution.Options(*f)
	for _, check := range []error{
		oneOf("dry-run", f.DryRun, execution.DryRunNone, execution.DryRunClient, execution.DryRunServer),
		oneOf("output", f.Output, "", "yaml", "json", "name", "plan"),
	} {
		if check != nil {
			return options, check
		}
	}
	switch {
	case f.Timeout <= 0:
		return options, usage("--timeout=%s: must be more than nothing, as 5m", f.Timeout)
	case f.FieldManager == "" || len(f.FieldManager) > 128 || len(validation.IsDNS1123Subdomain(strings.ToLower(f.FieldManager))) > 0:
		return options, usage("--field-manager=%q is not a name for a field manager", f.FieldManager)
	case f.Diff && f.Output != "":
		return options, usage("either --diff or --output, not both")
	case f.Interactive && f.DryRun != execution.DryRunNone:
		return options, usage("either --interactive or --dry-run, not both")
	case f.Interactive && offline:
		return options, usage("--interactive asks before anything is written, and with files nothing is")
	case f.Interactive && !streams.InTerminal:
		return options, usage("--interactive needs a terminal to ask on")
	case offline && f.DryRun == execution.DryRunServer:
		return options, usage("--dry-run=server needs a cluster, and files are read without one")
	}
	return options, nil
}

// secretFlags are those whose values are never repeated.
var secretFlags = []string{"token", "password", "header"}

// typedLine is the command line as the user typed it, to be typed again. In the place of a secret stands a word that no server
// takes for one: without the flag the command would be another user's.
func typedLine(command *cobra.Command, arguments []string) string {
	words := []string{command.CommandPath()}
	for _, argument := range arguments {
		words = append(words, inert.Argument(argument))
	}
	command.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains([]string{"dry-run", "output", "diff", "interactive", "exit-code"}, flag.Name) {
			return
		}
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			switch {
			case slices.Contains(secretFlags, flag.Name):
				words = append(words, "--"+flag.Name+"=REDACTED")
			case flag.Value.Type() == "bool" && value == "true":
				words = append(words, "--"+flag.Name)
			default:
				words = append(words, "--"+flag.Name+"="+inert.Word(report.WithoutUserinfo(value)))
			}
		}
	})
	return strings.Join(words, " ")
}
