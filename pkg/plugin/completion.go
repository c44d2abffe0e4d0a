package plugin

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// program is the file's name, by which kubectl finds it and shells complete it.
const program = "kubectl-grpcexpose"

// kubectlScript is what kubectl calls with the words typed so far; it takes cobra's own answers. What is said on standard error
// would get to the terminal, through kubectl.
// Source: k8s.io/kubectl's pkg/cmd/plugin/plugin_completion.go.
const kubectlScript = `#!/bin/sh
# Completion of "kubectl grpcexpose". Put this file on the PATH as kubectl_complete-grpcexpose and make it executable;
# kubectl's own completion (kubectl completion --help) must be on.
exec ` + program + ` __complete "$@" 2>/dev/null
`

// completionScripts write the script for each shell. Those of the shells complete the program under its file's name.
func completionScripts(program *cobra.Command) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"kubectl": func(w io.Writer) error {
			_, err := io.WriteString(w, kubectlScript)
			return err
		},
		"bash":       func(w io.Writer) error { return program.GenBashCompletionV2(w, true) },
		"zsh":        program.GenZshCompletion,
		"fish":       func(w io.Writer) error { return program.GenFishCompletion(w, true) },
		"powershell": program.GenPowerShellCompletionWithDesc,
	}
}

// shells are the words that completion takes.
var shells = []string{"kubectl", "bash", "zsh", "fish", "powershell"}

func newCompletionCommand(streams report.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "completion kubectl|bash|zsh|fish|powershell",
		Short: "Print a completion script",
		Long: `Print a script that completes workloads, namespaces, contexts, Services, Gateways,
revisions, checks and output formats.

With "kubectl", it is the one that kubectl calls for "kubectl grpcexpose": put it on the
PATH as kubectl_complete-grpcexpose, executable. With the name of a shell, it is for
` + program + ` called by its own name: have the shell read it at its start.`,
		Example: example(`
			# For kubectl grpcexpose, in every shell for which kubectl's completion is on
			` + name + ` completion kubectl > ~/.local/bin/kubectl_complete-grpcexpose
			chmod +x ~/.local/bin/kubectl_complete-grpcexpose

			# For kubectl-grpcexpose, in bash
			source <(` + name + ` completion bash)`),
		ValidArgs: shells,
		RunE: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return usage("name one: kubectl, bash, zsh, fish or powershell")
			}
			write, ok := completionScripts(&cobra.Command{Use: program})[arguments[0]]
			if !ok {
				return usage("there is no completion for %q: name kubectl, bash, zsh, fish or powershell", arguments[0])
			}
			if err := write(streams.Out); err != nil {
				return fmt.Errorf("the script cannot be written: %w", err)
			}
			return nil
		},
	}
}
