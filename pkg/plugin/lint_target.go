package plugin

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// lintTarget is the part of a mesh that the report is about. The whole mesh is loaded as far as that part rests on it.
type lintTarget struct {
	// all namespaces are meant.
	all bool
	// namespace is the one that is meant, and that of the workloads and of objects in files that do not say theirs.
	namespace string
	// workloads are those whose paths are meant; none for the namespace as a whole. Their kind may be empty.
	workloads []mesh.Key
	// selector means the paths to the workloads with such labels; nil for none.
	selector labels.Selector
}

// isWhole says that everything in the namespace or the cluster is meant, not the paths to some workloads alone.
func (t lintTarget) isWhole() bool { return len(t.workloads) == 0 && t.selector == nil }

func (f *lintFlags) toTarget(clients *factory, namespaceGiven bool, arguments []string) (lintTarget, error) {
	target := lintTarget{all: f.allNamespaces, namespace: "default"}
	// Files are judged as a whole unless a namespace is named; the kubeconfig's own namespace says nothing about them.
	if f.files.given() && !namespaceGiven && !f.withCluster {
		target.all = true
	} else {
		namespace, err := clients.namespace()
		if err != nil {
			return target, err
		}
		target.namespace = namespace
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
		target.workloads = append(target.workloads, mesh.Key{Kind: kind, Namespace: target.namespace, Name: workload})
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
		target.selector = selector
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
	case f.fix != "" && (argument == string(fixSafe) || argument == string(fixAll)):
		return usage("%s is no workload: say --fix=%s", argument, argument)
	case f.dryRun != execution.DryRunNone && (argument == execution.DryRunClient || argument == execution.DryRunServer):
		return usage("%s is no workload: say --dry-run=%s", argument, argument)
	}
	return nil
}

// writable are the namespaces in which fixes may change something: the one that is named, or those of the workloads that are; nil
// for all.
func (t lintTarget) writable(snapshot *mesh.Snapshot) ([]string, error) {
	switch {
	case !t.isWhole():
		keys, err := t.meant(snapshot)
		namespaces := []string{}
		for _, key := range keys {
			namespaces = append(namespaces, key.Namespace)
		}
		slices.Sort(namespaces)
		return slices.Compact(namespaces), err
	case t.all:
		return nil, nil
	default:
		return []string{t.namespace}, nil
	}
}

// paths are those to the workloads that the report is about: the ones meant, or those of the target that serve gRPC.
func (t lintTarget) paths(snapshot *mesh.Snapshot) (*lint.Paths, error) {
	if t.isWhole() {
		return lint.PathsTo(snapshot, func() []mesh.Key { return t.exposed(snapshot) }), nil
	}
	keys, err := t.meant(snapshot)
	return lint.PathsTo(snapshot, func() []mesh.Key { return keys }), err
}

// meant are the workloads that are named or selected.
func (t lintTarget) meant(snapshot *mesh.Snapshot) (keys []mesh.Key, err error) {
	for _, wanted := range t.workloads {
		workload, err := t.find(snapshot, wanted)
		if err != nil {
			return nil, err
		}
		keys = append(keys, workload.Key)
	}
	if t.selector == nil {
		return keys, nil
	}
	for _, workload := range workload.Workloads(snapshot) {
		if t.means(workload) {
			keys = append(keys, workload.Key)
		}
	}
	if len(keys) == 0 {
		return nil, t.noneSelected()
	}
	return keys, nil
}

// exposed are the target's workloads that serve gRPC.
func (t lintTarget) exposed(snapshot *mesh.Snapshot) (keys []mesh.Key) {
	for _, workload := range workload.Workloads(snapshot) {
		if t.means(workload) && len(exposure.ExposedWorkloads(snapshot)[workload]) > 0 {
			keys = append(keys, workload.Key)
		}
	}
	return keys
}

// only accepts the objects that the report is about: the paths, and what else is in the namespace. nil accepts all.
func (t lintTarget) only(paths *lint.Paths) func(mesh.Object) bool {
	if t.isWhole() && t.all {
		return nil
	}
	return func(object mesh.Object) bool {
		return len(paths.Of(object)) > 0 || t.isWhole() && t.inNamespace(object)
	}
}

// onlyKnown is only while a part of the cluster is read: what is not found is said when all of it is. nil accepts all.
func (t lintTarget) onlyKnown(found *mesh.Snapshot) func(mesh.Object) bool {
	paths, err := t.paths(found)
	if err != nil {
		return func(mesh.Object) bool { return false }
	}
	return t.only(paths)
}

// problem is that the namespace is not there: no finding in it would be no good news, but a slip of the pen.
func (t lintTarget) problem(snapshot *mesh.Snapshot) error {
	if problem := noNamespace(snapshot, t.namespace); problem != "" && !t.all {
		return fmt.Errorf("%s; name one with -n, or judge all of them with -A", problem)
	}
	return nil
}

// noNamespace says that there is no such namespace; empty where there is, or where that is not known.
func noNamespace(snapshot *mesh.Snapshot, name string) string {
	if _, there := snapshot.Namespaces().Get("", name); there {
		return ""
	}
	if _, unknown := snapshot.Unknown(mesh.KindNamespace, "", name); unknown {
		return ""
	}
	return fmt.Sprintf("there is no namespace %q", name)
}

// silence is what to tell somebody who sees no findings: that no workload of the target shows that it speaks gRPC, which left
// the checks of workloads and Services nothing to judge. Empty where one does.
func (t lintTarget) silence(snapshot *mesh.Snapshot) string {
	for workload := range exposure.ExposedWorkloads(snapshot) {
		if t.means(workload) {
			return ""
		}
	}
	if unread, unknown := unknownEvidence(snapshot, t.namespace, t.all); unknown {
		return "whether a workload speaks gRPC is not known: " + unread
	}
	if shown := t.withoutService(snapshot); shown != "" {
		return shown
	}
	where := "no workload in namespace " + t.namespace + " shows"
	switch {
	case len(t.workloads) == 1:
		where = t.workloads[0].Name + " does not show"
	case !t.isWhole():
		where = "none of the workloads shows"
	case t.all:
		where = "no workload in the cluster shows"
	}
	return where + " that it speaks gRPC (no Service port, container port or probe says so): GX1 to GX3 had nothing to judge"
}

// unknownEvidence is why what shows gRPC may be there although it was not read: the workloads and their Services.
func unknownEvidence(snapshot *mesh.Snapshot, namespace string, all bool) (reason string, unknown bool) {
	if all {
		namespace = ""
	}
	for _, kind := range append([]mesh.Kind{mesh.KindService}, workload.Kinds...) {
		if reason, unknown := snapshot.Unknown(kind, namespace, ""); unknown {
			return reason, true
		}
	}
	return "", false
}

// withoutService says which workloads of the target show gRPC while no Service port leads to it; empty for none.
func (t lintTarget) withoutService(snapshot *mesh.Snapshot) string {
	var shown []string
	for _, workload := range workload.Workloads(snapshot) {
		if !t.means(workload) || gateway.IsInfrastructure(workload) {
			continue
		}
		if candidates := exposure.GRPCCandidates(snapshot, workload); len(candidates) > 0 {
			shown = append(shown, fmt.Sprintf("%s listens for gRPC on %d (%s)", workload.Key, candidates[0].Number, candidates[0].Evidence[0].Text))
		}
	}
	if len(shown) == 0 {
		return ""
	}
	more := ""
	if len(shown) > mostShown {
		shown, more = shown[:mostShown], fmt.Sprintf("; and %d more", len(shown)-mostShown)
	}
	return strings.Join(shown, "; ") + more + ": no Service port leads there, so GX1 to GX3 had nothing to check (" + name + " create makes one)"
}

// mostShown bounds how many workloads are named in a sentence.
const mostShown = 3

// means says that the target has the workload in it.
func (t lintTarget) means(workload *workload.Workload) bool {
	if len(t.workloads) == 0 {
		inScope := t.all || workload.Namespace() == t.namespace
		return inScope && (t.selector == nil || t.selector.Matches(labels.Set(workload.Object.GetLabels())))
	}
	return slices.ContainsFunc(t.workloads, func(wanted mesh.Key) bool { return t.isCalled(workload, wanted) })
}

// isCalled says that a workload is one that the user may have named so.
func (t lintTarget) isCalled(workload *workload.Workload, wanted mesh.Key) bool {
	sameKind := wanted.Kind == "" || wanted.Kind == workload.Key.Kind
	return sameKind && workload.Name() == wanted.Name && (t.all || workload.Namespace() == wanted.Namespace)
}

func (t lintTarget) inNamespace(object mesh.Object) bool {
	key := mesh.KeyOf(object)
	return key.Namespace == t.namespace || key.Kind == mesh.KindNamespace && key.Name == t.namespace
}

// find is the one workload of that name. Where files hold it in one namespace alone, that is the one.
func (t lintTarget) find(snapshot *mesh.Snapshot, wanted mesh.Key) (*workload.Workload, error) {
	var found []*workload.Workload
	for _, workload := range workload.Workloads(snapshot) {
		if t.isCalled(workload, wanted) {
			found = append(found, workload)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, t.notFound(snapshot, wanted)
	default:
		keys := make([]string, len(found))
		for i, workload := range found {
			keys[i] = workload.Key.String()
		}
		return nil, usage("%s may be %s: say which, as TYPE/NAME with -n", wanted.Name, strings.Join(keys, " or "))
	}
}

func (t lintTarget) noneSelected() error {
	if t.all {
		return fmt.Errorf("no workload has labels that match %s", t.selector)
	}
	return fmt.Errorf("no workload in namespace %s has labels that match %s; name its namespace with -n, or look in all with -A", t.namespace, t.selector)
}

func (t lintTarget) notFound(snapshot *mesh.Snapshot, wanted mesh.Key) error {
	what := "workload " + wanted.Name
	if wanted.Kind != "" {
		what = string(wanted.Kind) + " " + wanted.Name
	}
	if reason, unknown := snapshot.Unknown(mesh.KindDeployment, wanted.Namespace, wanted.Name); unknown {
		return fmt.Errorf("%s was not found: %s", what, reason)
	}
	var there []string
	for _, workload := range workload.Workloads(snapshot) {
		if t.all || workload.Namespace() == t.namespace {
			there = append(there, workload.Key.String())
		}
	}
	where := "in namespace " + t.namespace
	if t.all {
		where = "in the files"
	}
	if len(there) == 0 {
		return fmt.Errorf("there is no %s %s, nor any other workload; name its namespace with -n", what, where)
	}
	return fmt.Errorf("there is no %s %s; it has %s", what, where, strings.Join(there[:min(len(there), 5)], ", "))
}
