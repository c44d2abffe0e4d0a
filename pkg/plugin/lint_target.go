package plugin

import (
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

func (f *lintFlags) toTarget(clients *factory, namespaceGiven bool, arguments []string) (lint.Target, error) {
	target := lint.Target{All: f.allNamespaces, Namespace: "default"}
	// Files are judged as a whole unless a namespace is named; the kubeconfig's own namespace says nothing about them.
	if f.files.given() && !namespaceGiven && !f.withCluster {
		target.All = true
	} else {
		namespace, err := clients.namespace()
		if err != nil {
			return target, err
		}
		target.Namespace = namespace
	}
	workloads := make([][]string, len(arguments))
	for i, argument := range arguments {
		if err := f.misplaced(argument); err != nil {
			return target, err
		}
		workloads[i] = []string{argument}
	}
	if len(arguments) == 2 && !strings.Contains(arguments[0]+arguments[1], "/") && workloadKinds[strings.ToLower(arguments[0])] != "" {
		workloads = [][]string{arguments} // kubectl's other form: TYPE NAME
	}
	for _, words := range workloads {
		kind, workload, err := workloadArgument(words)
		if err != nil {
			return target, err
		}
		target.Workloads = append(target.Workloads, mesh.Key{Kind: kind, Namespace: target.Namespace, Name: workload})
	}
	switch {
	case len(arguments) > 0 && f.allNamespaces:
		return target, usage("either workloads or --all-namespaces, not both")
	case len(arguments) > 0 && f.selector != "":
		return target, usage("either workloads or --selector, not both")
	case f.selector != "":
		selector, err := labels.Parse(f.selector)
		if err != nil {
			return target, usage("--selector: %v", err)
		}
		target.Selector = selector
	}
	return target, nil
}

// misplaced is the error for an argument that is meant as something else than a workload: a file, or the value of a flag that
// takes one only behind an equals sign.
func (f *lintFlags) misplaced(argument string) error {
	extension := strings.ToLower(filepath.Ext(argument))
	switch {
	case slices.Contains([]string{".yaml", ".yml", ".json"}, extension), strings.HasPrefix(argument, "."), strings.HasPrefix(argument, "/"):
		return usage("%s is no workload: files and directories go with -f", argument)
	case f.fix != "" && (argument == string(lint.FixSafe) || argument == string(lint.FixAll)):
		return usage("%s is no workload: say --fix=%s", argument, argument)
	case f.dryRun != execution.DryRunNone && (argument == execution.DryRunClient || argument == execution.DryRunServer):
		return usage("%s is no workload: say --dry-run=%s", argument, argument)
	}
	return nil
}
