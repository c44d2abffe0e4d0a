package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/execution"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/expose"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/removal"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Undo is what there is to undo.
type Undo struct {
	Snapshot  *mesh.Snapshot
	Workloads []mesh.Key
	*removal.Removal
	// Gone: the workload that was named is not there any more.
	Gone bool
}

// UndoOf decides what to undo of what create did for a workload. One that is gone may have left marks all the same. What could not be read
// and would decide is an error: half of an undo may be worse than none.
func UndoOf(loaded *cluster.Loaded, wanted mesh.Key, options removal.Options, fieldManager string) (*Undo, error) {
	undo := &Undo{Snapshot: loaded.Snapshot}
	workload, err := expose.FindWorkload(loaded.Snapshot, wanted.Kind, wanted.Namespace, wanted.Name)
	if err == nil {
		undo.Workloads = []mesh.Key{workload.Key}
		return undo, undo.decide(options, fieldManager)
	}
	for _, managed := range removal.Managed(loaded.Snapshot, wanted.Namespace) {
		if managed.Name == wanted.Name && (wanted.Kind == "" || wanted.Kind == managed.Kind) {
			undo.Workloads, undo.Gone = []mesh.Key{managed}, true
			return undo, undo.decide(options, fieldManager)
		}
	}
	return nil, WithGaps(withLeftOver(err, loaded.Snapshot, wanted.Namespace), loaded, "delete")
}

// UndoAll decides what to undo of what create did for every workload of a namespace, or with an empty one of the cluster.
func UndoAll(loaded *cluster.Loaded, namespace string, options removal.Options, fieldManager string) (*Undo, error) {
	undo := &Undo{Snapshot: loaded.Snapshot}
	if unread := removal.UnreadMarks(loaded.Snapshot); namespace == "" && len(unread) > 0 {
		return nil, unreadable(unread)
	}
	options.Namespaces = []string{namespace}
	if namespace == "" {
		options.Namespaces = nil
		for _, object := range loaded.Snapshot.Namespaces().All() {
			options.Namespaces = append(options.Namespaces, object.Name)
		}
	}
	undo.Workloads = removal.Managed(loaded.Snapshot, options.Namespaces...)
	return undo, undo.decide(options, fieldManager)
}

func (u *Undo) decide(options removal.Options, fieldManager string) (err error) {
	if u.Removal, err = removal.Remove(u.Workloads, u.Snapshot, options); err != nil {
		return err
	}
	adopted, rollouts := execution.LeaveAdopted(u.Plan.Changes, u.Rollouts, fieldManager)
	u.Kept, u.Rollouts = append(u.Kept, adopted...), rollouts
	return unreadable(u.Unknown)
}

// Notes are what to say of the undo, beside its changes.
func (u *Undo) Notes() []string { return slices.Concat(u.Plan.Notes, u.Kept) }

// withLeftOver adds to a workload that is not there what create has left in its namespace: it may have been for that one.
func withLeftOver(err error, snapshot *mesh.Snapshot, namespace string) error {
	removal, failed := removal.Remove(removal.Managed(snapshot, namespace), snapshot, removal.Options{Namespaces: []string{namespace}})
	if failed != nil {
		return err
	}
	var left []string
	for _, change := range removal.Plan.Changes {
		left = append(left, "  "+plan.Name(change.Object)+": "+report.ChangeText(change))
	}
	for _, kept := range removal.Kept {
		left = append(left, "  "+kept)
	}
	if len(left) == 0 {
		return err
	}
	title := fmt.Sprintf("What create has left in namespace %s (%s undoes it):", namespace, inert.Command(program, "delete", "--all", "-n", namespace))
	return report.WithLines(err, append([]string{title}, left...)...)
}

// unreadable is the error of kinds that decide what to undo and could not be read.
func unreadable(unknown []mesh.Gap) error {
	var missing []cluster.Permission
	var reasons []string
	for _, gap := range unknown {
		missing = append(missing, rbac.On(gap.Kind, gap.Namespace, gap.Name, "list")...)
		if gap.Name != "" {
			missing[len(missing)-1].Verb = "get"
		}
		if !slices.Contains(reasons, gap.Reason) {
			reasons = append(reasons, gap.Reason)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return rbac.Missing("nothing was written: what create did, and who needs it now, cannot be told without reading this", missing, strings.Join(reasons, "; "))
}
