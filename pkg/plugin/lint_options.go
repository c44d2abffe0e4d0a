package plugin

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lintrun"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

func (f *lintFlags) toOptions(streams report.Streams, clients *factory, command *cobra.Command, arguments []string) (*lintrun.Options, error) {
	settings, err := lintrun.ReadSettings(f.config)
	if err != nil {
		return nil, err
	}
	f.useSettings(settings, command.Flags().Changed)
	for _, problem := range []error{
		oneOf("scope", f.scope, lintrun.Scopes...),
		oneOf("fail-on", f.failOn, lintrun.FailLevels...),
		f.fixProblem(),
		oneOf("dry-run", f.dryRun, execution.DryRunNone, execution.DryRunClient, execution.DryRunServer),
		f.conflicts(),
	} {
		if problem != nil {
			return nil, problem
		}
	}
	options := &lintrun.Options{
		Streams: streams, SelfContained: f.selfContained, WithCluster: f.withCluster, AllScopes: f.scope == lintrun.ScopeAll,
		Ignores: settings.Ignore, Baseline: f.baseline, WriteBaseline: f.writeBaseline, Watch: f.watch, ListChecks: f.listChecks, PrintRBAC: f.printRBAC,
		Fix: lintrun.FixOptions{Scope: lint.FixScope(f.fix), DryRun: f.dryRun, Yes: f.yes, Interactive: streams.InTerminal, Command: typedLine(command, arguments)},
		Now: time.Now, Output: f.output, SettingsNote: settings.Note,
	}
	if f.failOn != lintrun.FailNever {
		options.FailOn = checks.Level(f.failOn)
	}
	if options.GRPCPorts, err = toGRPCPorts(f.grpcPorts); err != nil {
		return nil, err
	}
	if options.Checks, err = lint.Select(f.checks); err != nil {
		return nil, usage("--checks: %v", err)
	}
	if len(options.Checks) == 0 {
		return nil, usage("--checks leaves no check to run")
	}
	options.Printer, err = report.LintPrinterFor(f.output, report.PrintOptions{Colour: streams.OutColour, Width: streams.Width, Version: programVersion()})
	if err != nil {
		return nil, usage("--output: %v", err)
	}
	if f.files.given() || f.files.allowRemote || f.files.strict {
		sources, err := f.files.toSources(streams)
		if err != nil {
			return nil, err
		}
		options.Files = &sources
	}
	factories := factoriesOf(clients, f.contexts)
	for i, of := range factories {
		source := lintrun.Source{Client: of.client}
		if len(factories) > 1 {
			source.Context = f.contexts[i]
		}
		options.Sources = append(options.Sources, source)
	}
	options.Target, err = f.toTarget(factories[0], command.Flags().Changed("namespace"), arguments)
	return options, err
}

func (f *lintFlags) fixProblem() error {
	if f.fix == string(lint.FixNone) {
		return nil
	}
	return oneOf("fix", f.fix, string(lint.FixSafe), string(lint.FixAll))
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

// factoriesOf are for the clusters: that of the kubeconfig's context, or those of the contexts named.
func factoriesOf(clients *factory, contexts []string) []*factory {
	if len(contexts) == 0 {
		return []*factory{clients}
	}
	factories := make([]*factory, len(contexts))
	for i, context := range contexts {
		factories[i] = newFactory(clients.connection.inContext(context))
	}
	return factories
}

// useSettings gives the flags that were not typed the values of the settings.
func (f *lintFlags) useSettings(s lintrun.Settings, typed func(flag string) bool) {
	for _, setting := range []struct {
		flag, value string
		into        *string
	}{{"scope", s.Scope, &f.scope}, {"fail-on", s.FailOn, &f.failOn}, {"baseline", s.Baseline, &f.baseline}} {
		if setting.value != "" && !typed(setting.flag) {
			*setting.into = setting.value
		}
	}
	if len(s.Checks) > 0 && !typed("checks") {
		f.checks = s.Checks
	}
}
