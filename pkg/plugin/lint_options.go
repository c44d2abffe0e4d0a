package plugin

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

const (
	scopeGRPC = "grpc"
	scopeAll  = "all"
	// failNever is the value of --fail-on that no level has.
	failNever = "never"
)

var (
	lintScopes = []string{scopeGRPC, scopeAll}
	failLevels = []string{string(checks.Error), string(checks.Warning), string(checks.Info), failNever}
)

func (f *lintFlags) toOptions(streams report.Streams, clients *factory, command *cobra.Command, arguments []string) (*lintOptions, error) {
	settings, err := readSettings(f.config)
	if err != nil {
		return nil, err
	}
	settings.fill(f, command.Flags().Changed)
	for _, problem := range []error{
		oneOf("scope", f.scope, lintScopes...),
		oneOf("fail-on", f.failOn, failLevels...),
		f.fixProblem(),
		oneOf("dry-run", f.dryRun, execution.DryRunNone, execution.DryRunClient, execution.DryRunServer),
		f.conflicts(),
	} {
		if problem != nil {
			return nil, problem
		}
	}
	options := &lintOptions{
		streams: streams, selfContained: f.selfContained, withCluster: f.withCluster, allScopes: f.scope == scopeAll,
		ignores: settings.Ignore, baseline: f.baseline, writeBaseline: f.writeBaseline, watch: f.watch, listChecks: f.listChecks, printRBAC: f.printRBAC,
		fix: fixOptions{scope: fixScope(f.fix), dryRun: f.dryRun, yes: f.yes, interactive: streams.InTerminal, command: typedLine(command, arguments)},
		now: time.Now, output: f.output, settingsNote: settings.note,
	}
	if f.failOn != failNever {
		options.failOn = checks.Level(f.failOn)
	}
	if options.checks, err = lint.Select(f.checks); err != nil {
		return nil, usage("--checks: %v", err)
	}
	if len(options.checks) == 0 {
		return nil, usage("--checks leaves no check to run")
	}
	options.printer, err = report.LintPrinterFor(f.output, report.PrintOptions{Colour: streams.OutColour, Width: streams.Width, Version: programVersion()})
	if err != nil {
		return nil, usage("--output: %v", err)
	}
	if f.files.given() {
		sources, err := f.files.toSources(streams)
		if err != nil {
			return nil, err
		}
		options.files = &sources
	}
	options.sources = sourcesOf(clients, f.contexts)
	options.target, err = f.toTarget(options.sources[0].clients, command.Flags().Changed("namespace"), arguments)
	return options, err
}

func (f *lintFlags) fixProblem() error {
	if f.fix == string(fixNone) {
		return nil
	}
	return oneOf("fix", f.fix, string(fixSafe), string(fixAll))
}

// conflicts are flags that make no sense together or alone.
func (f *lintFlags) conflicts() error {
	files := f.files.given()
	switch {
	case f.selfContained && !files:
		return usage("--self-contained goes with -f or -k")
	case f.withCluster && !files:
		return usage("--with-cluster goes with -f or -k")
	case f.selfContained && f.withCluster:
		return usage("either --self-contained or --with-cluster: files that are the whole cluster have no other beside them")
	case files && !f.withCluster && len(f.contexts) > 0:
		return usage("--context names a cluster, and files are judged without one; add --with-cluster")
	case f.withCluster && len(f.contexts) > 1:
		return usage("--with-cluster compares with one cluster: give one --context")
	case f.writeBaseline && f.baseline == "":
		return usage("--write-baseline goes with --baseline, which names the file")
	case f.fix == "" && f.dryRun != execution.DryRunNone:
		return usage("--dry-run goes with --fix")
	case f.fix == "" && f.yes:
		return usage("--yes goes with --fix=all")
	case f.fix != "" && f.writeBaseline:
		return usage("either --fix or --write-baseline, not both")
	case f.fix != "" && f.withCluster:
		return usage("--fix changes files or a cluster: leave out --with-cluster to fix the files")
	case f.dryRun != execution.DryRunNone && f.output != "text":
		return usage("--fix --dry-run shows the changes, which have no other format: leave out --output")
	case files && f.dryRun == execution.DryRunServer:
		return usage("--dry-run=server is for a cluster; for files say --dry-run")
	case f.watch && (files || f.fix != "" || f.writeBaseline):
		return usage("--watch is for a cluster, and only reports: leave out -f, -k, --fix and --write-baseline")
	case f.watch && f.output != "text":
		return usage("--watch prints a line for each finding: leave out --output")
	}
	return nil
}

// sourcesOf are the clusters: that of the kubeconfig's context, or those of the contexts named.
func sourcesOf(clients *factory, contexts []string) []lintSource {
	switch len(contexts) {
	case 0:
		return []lintSource{{clients: clients}}
	case 1:
		return []lintSource{{clients: clients.inContext(contexts[0])}}
	}
	sources := make([]lintSource, len(contexts))
	for i, context := range contexts {
		sources[i] = lintSource{clients: clients.inContext(context), context: context}
	}
	return sources
}
