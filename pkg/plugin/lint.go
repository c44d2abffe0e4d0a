package plugin

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lintrun"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// lintFlags are the flags of lint, as typed.
type lintFlags struct {
	grpcPorts     []string
	files         fileFlags
	selfContained bool
	withCluster   bool
	allNamespaces bool
	selector      string
	contexts      []string

	checks        []string
	scope         string
	failOn        string
	output        string
	config        string
	baseline      string
	writeBaseline bool

	fix        string
	dryRun     string
	yes        bool
	watch      bool
	listChecks bool
	printRBAC  bool
}

const lintLong = `Find what keeps gRPC calls from being balanced per request, or from arriving at all:
in a cluster, in files, or in files as they would change a cluster.

Without arguments the namespace is judged: its workloads, and what lies on the path to
them. TYPE/NAME judges the path to that workload alone, -l the paths to those with such
labels, -A the whole cluster. With -f or -k all objects of the files are judged, or with
-n those of that namespace. References to objects that are not in the files are not
judged, unless --self-contained says that the files are the whole cluster.

Findings are silenced by the annotation grpcexpose/ignore: "GX308: the reason" on the
object, by .grpcexpose.yaml in the working tree, or by --baseline.

The exit code is 0 if no finding is as bad as --fail-on, 1 if one is, 2 if lint could not
look.`

func newLintCommand(streams report.Streams, clients *factory, run func(context.Context, *lintrun.Options) error) *cobra.Command {
	flags := &lintFlags{}
	if run == nil {
		run = func(ctx context.Context, options *lintrun.Options) error { return options.Run(ctx) }
	}
	command := &cobra.Command{
		Use:   "lint [TYPE/NAME ...]",
		Short: "Find what is wrong on the way of gRPC calls",
		Long:  lintLong,
		Example: example(`
			# Judge a namespace, a workload's path, the whole cluster
			` + name + ` lint -n shop
			` + name + ` lint deployment/orders -n shop
			` + name + ` lint -A

			# Judge the manifests of a repository, and say what they would change in the cluster
			` + name + ` lint -f deploy/ -R
			` + name + ` lint -f deploy/ -R --with-cluster

			# Show what the safe fixes would change in the files, then change it
			` + name + ` lint -f deploy/ -R --fix --dry-run
			` + name + ` lint -f deploy/ -R --fix

			# Report to a code scanning service; accept what is there today
			` + name + ` lint -f deploy/ -R -o sarif > lint.sarif
			` + name + ` lint -A --baseline known.yaml --write-baseline
			` + name + ` lint -A --baseline known.yaml`),
		RunE: func(command *cobra.Command, arguments []string) error {
			options, err := flags.toOptions(streams, clients, command, arguments)
			if err != nil {
				return err
			}
			return run(command.Context(), options)
		},
	}
	flags.add(command.Flags())
	return command
}

func (f *lintFlags) add(flags *pflag.FlagSet) {
	f.files.add(flags)
	flags.BoolVar(&f.files.strict, "strict", false, "With -f: a file of a directory that looks like a manifest and cannot be read is an error, and nothing is judged")
	flags.BoolVar(&f.selfContained, "self-contained", false, "With -f or -k: the files are the whole cluster, so what they do not have is missing")
	flags.BoolVar(&f.withCluster, "with-cluster", false, "With -f or -k: judge the cluster as it would be with the files, and say which findings are new, fixed or unchanged; only new ones fail")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "Judge all namespaces")
	flags.StringVarP(&f.selector, "selector", "l", "", "Judge only the paths to workloads with such labels (KEY=VALUE, KEY!=VALUE, KEY in (A,B))")
	flags.StringArrayVar(&f.contexts, "context", nil, "The kubeconfig context to use; may be repeated, for several clusters in one report")
	flags.StringSliceVar(&f.checks, "checks", nil, "Checks to run: IDs, beginnings of IDs or names, with a dash in front those to leave out (GX3,-GX514)")
	flags.StringSliceVar(&f.grpcPorts, "grpc-port", nil, grpcPortUsage)
	flags.StringVar(&f.scope, "scope", lintrun.ScopeGRPC, `"grpc": judge what lies on the way of gRPC calls; "all": every route, Gateway and policy`)
	flags.StringVar(&f.failOn, "fail-on", string(checks.Warning), "Exit with 1 from this level on: error, warning, info or never")
	flags.StringVarP(&f.output, "output", "o", "text", "Format of the report: "+strings.Join(report.LintFormats(), ", "))
	flags.StringVar(&f.config, "config", "", "Settings file; else .grpcexpose.yaml of the working directory or the closest one above it in the git repository, if it is yours")
	flags.StringVar(&f.baseline, "baseline", "", "File with known findings: report only what is new")
	flags.BoolVar(&f.writeBaseline, "write-baseline", false, "Write all findings to the file of --baseline, which is new or a baseline, and exit with 0")
	flags.StringVar(&f.fix, "fix", "", `Fix what can be fixed: "safe" (the default), or "all", which asks first`)
	flags.Lookup("fix").NoOptDefVal = string(lint.FixSafe)
	flags.StringVar(&f.dryRun, "dry-run", execution.DryRunNone, `With --fix, "client": show the changes; "server": have the API server judge them too; "none": make them`)
	flags.Lookup("dry-run").NoOptDefVal = execution.DryRunClient
	flags.BoolVarP(&f.yes, "yes", "y", false, "With --fix=all: do not ask")
	flags.BoolVarP(&f.watch, "watch", "w", false, "Go on, and print findings as they appear and go, until interrupted")
	flags.BoolVar(&f.listChecks, "list-checks", false, "List the checks, and exit")
	flags.BoolVar(&f.printRBAC, "print-rbac", false, "Print the least Roles that lint needs, and exit")
}
