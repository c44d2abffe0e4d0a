package plugin

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lintrun"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// completionTime bounds how long a shell waits for words from the cluster: with the time that kubectl and this program take
// to start, less than a second.
const completionTime = 700 * time.Millisecond

// completer answers the shell. Whatever goes wrong, it gives no words and says nothing.
type completer struct {
	clients *factory
}

// words gives candidates, a description behind a tab; the shell leaves out those that do not begin with what was typed.
type words func(command *cobra.Command, arguments []string, typed string) []cobra.Completion

// addCompletion gives the arguments and flags of all commands their words. Flags that name a file are left to the shell.
func addCompletion(root *cobra.Command, clients *factory) {
	c := &completer{clients}
	complete(root, "namespace", c.namespaces)
	complete(root, "context", c.contexts)
	complete(root, "cluster", c.clusters)
	complete(root, "user", c.users)
	for _, command := range root.Commands() {
		switch command.Name() {
		case "create":
			complete(command, "service", c.services)
			complete(command, "gateway", c.gateways)
			complete(command, "gateway-selector", c.gatewaySelectors)
			complete(command, "gateway-workload", c.gatewayWorkloads)
			complete(command, "revision", c.revisions)
			complete(command, "target-port", c.containerPorts)
			command.ValidArgsFunction = onlyWords(c.workload)
		case "verify":
			complete(command, "gateway-workload", c.gatewayWorkloads)
			command.ValidArgsFunction = onlyWords(c.workload)
		case "delete", "status":
			command.ValidArgsFunction = onlyWords(c.workload)
		case "lint":
			complete(command, "context", c.contexts)
			complete(command, "checks", checkSelection)
			command.ValidArgsFunction = onlyWords(c.workloads)
		}
		for flag, values := range fixedWords[command.Name()] {
			complete(command, flag, func(*cobra.Command, []string, string) []cobra.Completion { return values })
		}
		command.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) { neverFiles(command, flag) })
	}
	root.PersistentFlags().VisitAll(func(flag *pflag.Flag) { neverFiles(root, flag) })
}

// fixedWords are the values of flags that take one of a few, by command.
var fixedWords = map[string]map[string][]string{
	"create": {
		"dry-run": {execution.DryRunNone, execution.DryRunClient, execution.DryRunServer}, "output": {"yaml", "json", "name", "plan"},
		"port-fix": {"name", "app-protocol"}, "inject": {"namespace", "workload", "none"}, "restart": {"workload", "namespace", "none"},
	},
	"delete": {"dry-run": {execution.DryRunNone, execution.DryRunClient, execution.DryRunServer}, "output": {"yaml", "json", "name", "plan"}},
	"lint": {
		"dry-run": {execution.DryRunNone, execution.DryRunClient, execution.DryRunServer}, "output": report.LintFormats(), "scope": {lintrun.ScopeGRPC, lintrun.ScopeAll},
		"fail-on": {string(checks.Error), string(checks.Warning), string(checks.Info), lintrun.FailNever}, "fix": {string(lint.FixSafe), string(lint.FixAll)},
	},
	"status":  {"output": {"json"}},
	"verify":  {"output": {"json"}},
	"version": {"output": {"json"}},
}

// fileFlagNames are those whose values are files or directories.
var fileFlagNames = map[string]bool{
	"filename": true, "kustomize": true, "config": true, "baseline": true,
	"proto": true, "import-path": true, "cacert": true, "cert": true, "key": true,
	"kubeconfig": true, "certificate-authority": true, "client-certificate": true, "client-key": true,
}

func complete(command *cobra.Command, flag string, candidates words) {
	// It fails for a flag that is not there, or that has words already; the tests of completion see that.
	_ = command.RegisterFlagCompletionFunc(flag, onlyWords(candidates))
}

// neverFiles keeps the shell from offering files for a flag that takes anything else.
func neverFiles(command *cobra.Command, flag *pflag.Flag) {
	if _, done := command.GetFlagCompletionFunc(flag.Name); !done && !fileFlagNames[flag.Name] {
		_ = command.RegisterFlagCompletionFunc(flag.Name, cobra.NoFileCompletions)
	}
}

func onlyWords(candidates words) cobra.CompletionFunc {
	return func(command *cobra.Command, arguments []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return candidates(command, arguments, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

// load reads kinds, or gives an empty snapshot if that cannot be done in time. A credential plugin heeds no context, so that
// nobody waits for the client either.
func (c *completer) load(ctx context.Context, kinds map[mesh.Kind][]string) *mesh.Snapshot {
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	answer := make(chan *mesh.Snapshot, 1)
	go func() {
		client, err := c.clients.client()
		if err != nil {
			cancel()
			return
		}
		loaded, err := client.Load(ctx, cluster.LoadRequest{Kinds: kinds, Now: time.Now()})
		if err != nil {
			cancel()
			return
		}
		answer <- loaded.Snapshot
	}()
	select {
	case found := <-answer:
		return found
	case <-ctx.Done():
		return mesh.New(nil, mesh.Options{})
	}
}

// checkSelection completes the last of a list of checks, each of which may have a dash in front.
func checkSelection(_ *cobra.Command, _ []string, typed string) []cobra.Completion {
	start := strings.LastIndex(typed, ",") + 1
	if strings.HasPrefix(typed[start:], "-") {
		start++
	}
	var candidates []cobra.Completion
	for _, name := range checkNames() {
		candidates = append(candidates, typed[:start]+name)
	}
	return candidates
}
