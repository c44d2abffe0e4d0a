package lint

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Target is the part of a mesh that the report is about. The whole mesh is loaded as far as that part rests on it.
type Target struct {
	// All namespaces are meant.
	All bool
	// Namespace is the one that is meant, and that of the workloads and of objects in files that do not say theirs.
	Namespace string
	// Workloads are those whose paths are meant; none for the namespace as a whole. Their kind may be empty.
	Workloads []mesh.Key
	// Selector means the paths to the workloads with such labels; nil for none.
	Selector labels.Selector
}

// IsWhole reports whether everything in the namespace or the cluster is meant, not the paths to some workloads alone.
func (t Target) IsWhole() bool { return len(t.Workloads) == 0 && t.Selector == nil }

// Writable are the namespaces in which fixes may change something: the one that is named, or those of the workloads that are; nil
// for all.
func (t Target) Writable(snapshot *mesh.Snapshot) ([]string, error) {
	switch {
	case !t.IsWhole():
		keys, err := t.meant(snapshot)
		namespaces := []string{}
		for _, key := range keys {
			namespaces = append(namespaces, key.Namespace)
		}
		slices.Sort(namespaces)
		return slices.Compact(namespaces), err
	case t.All:
		return nil, nil
	default:
		return []string{t.Namespace}, nil
	}
}

// Paths are those to the workloads that the report is about: the ones meant, or those of the target that serve gRPC.
func (t Target) Paths(snapshot *mesh.Snapshot) (*Paths, error) {
	if t.IsWhole() {
		return pathsTo(snapshot, func() []mesh.Key { return t.exposed(snapshot) }), nil
	}
	keys, err := t.meant(snapshot)
	return pathsTo(snapshot, func() []mesh.Key { return keys }), err
}

// meant are the workloads that are named or selected.
func (t Target) meant(snapshot *mesh.Snapshot) (keys []mesh.Key, err error) {
	for _, wanted := range t.Workloads {
		workload, err := t.find(snapshot, wanted)
		if err != nil {
			return nil, err
		}
		keys = append(keys, workload.Key)
	}
	if t.Selector == nil {
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
func (t Target) exposed(snapshot *mesh.Snapshot) (keys []mesh.Key) {
	for _, workload := range workload.Workloads(snapshot) {
		if t.means(workload) && len(exposure.ExposedWorkloads(snapshot)[workload]) > 0 {
			keys = append(keys, workload.Key)
		}
	}
	return keys
}

// only accepts the objects that the report is about: the paths, and what else is in the namespace. nil accepts all.
func (t Target) only(paths *Paths) func(mesh.Object) bool {
	if t.IsWhole() && t.All {
		return nil
	}
	return func(object mesh.Object) bool {
		return len(paths.Of(object)) > 0 || t.IsWhole() && t.InNamespace(object)
	}
}

// OnlyKnown is only while a part of the cluster is read: what is not found is said when all of it is. nil accepts all.
func (t Target) OnlyKnown(found *mesh.Snapshot) func(mesh.Object) bool {
	paths, err := t.Paths(found)
	if err != nil {
		return func(mesh.Object) bool { return false }
	}
	return t.only(paths)
}

// Problem is that the namespace is not there: no finding in it would be no good news, but a slip of the pen.
func (t Target) Problem(snapshot *mesh.Snapshot) error {
	if problem := NoNamespace(snapshot, t.Namespace); problem != "" && !t.All {
		return fmt.Errorf("%s; name one with -n, or judge all of them with -A", problem)
	}
	return nil
}

// NoNamespace says that there is no such namespace; empty where there is, or where that is not known.
func NoNamespace(snapshot *mesh.Snapshot, name string) string {
	if _, there := snapshot.Namespaces().Get("", name); there {
		return ""
	}
	if _, unknown := snapshot.Unknown(mesh.KindNamespace, "", name); unknown {
		return ""
	}
	return fmt.Sprintf("there is no namespace %q", name)
}

// Silence is what to tell somebody who sees no findings: that no workload of the target shows that it speaks gRPC, which left
// the checks of workloads and Services nothing to judge. Empty where one does.
func (t Target) Silence(snapshot *mesh.Snapshot) string {
	for workload := range exposure.ExposedWorkloads(snapshot) {
		if t.means(workload) {
			return ""
		}
	}
	if unread, unknown := unknownEvidence(snapshot, t.Namespace, t.All); unknown {
		return "whether a workload speaks gRPC is not known: " + unread
	}
	if shown := t.withoutService(snapshot); shown != "" {
		return shown
	}
	where := "no workload in namespace " + t.Namespace + " shows"
	switch {
	case len(t.Workloads) == 1:
		where = t.Workloads[0].Name + " does not show"
	case !t.IsWhole():
		where = "none of the workloads shows"
	case t.All:
		where = "no workload in the cluster shows"
	}
	return where + " that it serves gRPC (no Service port, container port, probe or route says so): name the port grpc, or say it with --grpc-port NAME:PORT or the annotation " + exposure.AnnotationGRPCPorts
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
func (t Target) withoutService(snapshot *mesh.Snapshot) string {
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
	return strings.Join(shown, "; ") + more + ": no Service port leads there, so GX1 to GX3 had nothing to check (" + program + " create makes one)"
}

// mostShown bounds how many workloads are named in a sentence.
const mostShown = 3

// means says that the target has the workload in it.
func (t Target) means(workload *workload.Workload) bool {
	if len(t.Workloads) == 0 {
		inScope := t.All || workload.Namespace() == t.Namespace
		return inScope && (t.Selector == nil || t.Selector.Matches(labels.Set(workload.Object.GetLabels())))
	}
	return slices.ContainsFunc(t.Workloads, func(wanted mesh.Key) bool { return t.isCalled(workload, wanted) })
}

// isCalled says that a workload is one that the user may have named so.
func (t Target) isCalled(workload *workload.Workload, wanted mesh.Key) bool {
	sameKind := wanted.Kind == "" || wanted.Kind == workload.Key.Kind
	return sameKind && workload.Name() == wanted.Name && (t.All || workload.Namespace() == wanted.Namespace)
}

// InNamespace reports whether an object is in the namespace, or is the namespace.
func (t Target) InNamespace(object mesh.Object) bool {
	key := mesh.KeyOf(object)
	return key.Namespace == t.Namespace || key.Kind == mesh.KindNamespace && key.Name == t.Namespace
}

// find is the one workload of that name. Where files hold it in one namespace alone, that is the one.
func (t Target) find(snapshot *mesh.Snapshot, wanted mesh.Key) (*workload.Workload, error) {
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
		return nil, exitcode.Usage("%s may be %s: say which, as TYPE/NAME with -n", wanted.Name, strings.Join(keys, " or "))
	}
}

func (t Target) noneSelected() error {
	if t.All {
		return fmt.Errorf("no workload has labels that match %s", t.Selector)
	}
	return fmt.Errorf("no workload in namespace %s has labels that match %s; name its namespace with -n, or look in all with -A", t.Namespace, t.Selector)
}

func (t Target) notFound(snapshot *mesh.Snapshot, wanted mesh.Key) error {
	what := "workload " + wanted.Name
	if wanted.Kind != "" {
		what = string(wanted.Kind) + " " + wanted.Name
	}
	if reason, unknown := snapshot.Unknown(mesh.KindDeployment, wanted.Namespace, wanted.Name); unknown {
		return fmt.Errorf("%s was not found: %s", what, reason)
	}
	var there []string
	for _, workload := range workload.Workloads(snapshot) {
		if t.All || workload.Namespace() == t.Namespace {
			there = append(there, workload.Key.String())
		}
	}
	where := "in namespace " + t.Namespace
	if t.All {
		where = "in the files"
	}
	if len(there) == 0 {
		return fmt.Errorf("there is no %s %s, nor any other workload; name its namespace with -n", what, where)
	}
	return fmt.Errorf("there is no %s %s; it has %s", what, where, strings.Join(there[:min(len(there), 5)], ", "))
}

// Run runs the checks on what the target means.
func (t Target) Run(snapshot *mesh.Snapshot, options Options) (Report, error) {
	paths, err := t.Paths(snapshot)
	if err != nil {
		return Report{}, err
	}
	options.Only, options.Paths = t.only(paths), paths
	return Run(snapshot, options), nil
}
