package execution

import (
	"fmt"
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/fieldowner"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// LeaveAdopted leaves what somebody else sets by now as it is: a label, or a port, that create added and the owner's own manifest
// has since. Removing it would be a fight that the owner wins at the next apply. It edits the
// changes in place, and returns what it left, a sentence each, and the rollouts that remain.
func LeaveAdopted(changes []plan.Change, rollouts []mesh.Key, fieldManager string) (left []string, remaining []mesh.Key) {
	for i := range changes {
		change := &changes[i]
		if change.Undo != plan.Forget {
			continue
		}
		change.Edits = slices.DeleteFunc(change.Edits, func(edit plan.Edit) bool {
			owners := fieldowner.Standing(change.Object, edit, fieldManager)
			if edit.New != nil || len(owners) == 0 {
				return false
			}
			change.Forgotten = append(change.Forgotten, edit.Path)
			left = append(left, fmt.Sprintf("%s of %s stays: %s sets it by now", edit.Path, plan.Name(change.Object), owners[0].Owner))
			return true
		})
		if change.Action == plan.Restart && !projection.ChangesTemplate(*change) {
			change.Action = plan.Update
			rollouts = withoutRollout(rollouts, *change)
		}
	}
	return left, rollouts
}
