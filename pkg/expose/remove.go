package expose

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// Removal is what Remove decided.
type Removal struct {
	Plan plan.Plan
	// Rollouts are the workloads whose pods the plan makes anew, without the proxy that create gave them.
	Rollouts []mesh.Key
	// Shared says that something stays, because other workloads rest on it too.
	Shared bool
}

// KindsWithMarks are the kinds on which create leaves a mark: what delete has to look at.
var KindsWithMarks = []mesh.Kind{
	mesh.KindNamespace, mesh.KindDeployment, mesh.KindStatefulSet, mesh.KindDaemonSet,
	mesh.KindService, mesh.KindGateway, mesh.KindVirtualService,
}

// Remove decides what takes back everything that create did for a workload: fields of others' objects get their former
// values unless somebody changed them since, objects of our own go when no other workload uses them. The workload itself
// need not be there any more. The way outside goes last, so that calls are answered for as long as possible.
func Remove(key mesh.Key, snapshot *mesh.Snapshot) (*Removal, error) {
	r := &remover{user: fmt.Sprintf("%s/%s/%s", key.Kind, key.Namespace, key.Name), snapshot: snapshot}
	for _, kind := range KindsWithMarks {
		for _, object := range snapshot.Objects(kind) {
			if err := r.visit(object); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(r.removal.Plan.Changes, func(a, b plan.Change) int { return removalRank(a) - removalRank(b) })
	return &r.removal, nil
}

// removalRank orders changes: first what new pods depend on, then the pods, then the route from its outer end.
func removalRank(change plan.Change) int {
	kind := change.Object.GetKind()
	switch {
	case kind == string(mesh.KindNamespace):
		return 0
	case change.Action == plan.Restart:
		return 1
	default:
		return 2 + slices.Index([]string{"VirtualService", "Gateway", "Service"}, kind)
	}
}

type remover struct {
	user     string
	snapshot *mesh.Snapshot
	removal  Removal
}

func (r *remover) visit(object mesh.Object) error {
	if isOwn(object) {
		return r.removeOwn(object)
	}
	if object.GetAnnotations()[UndoAnnotation] == "" {
		return nil
	}
	return r.restore(object)
}

// removeOwn deletes an object of our own, or only takes the workload off it where others use it.
func (r *remover) removeOwn(object mesh.Object) error {
	users := usersOf(object)
	if !slices.Contains(users, r.user) {
		return nil
	}
	target, err := mesh.ToUnstructured(object)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(users, func(user string) bool { return user == r.user })
	if len(others) == 0 {
		r.add(plan.Change{Action: plan.Delete, Object: target, Reason: "create made it for this workload"})
		return nil
	}
	r.removal.Shared = true
	r.add(plan.Change{
		Action: plan.Update, Object: target, Reason: "it stays for " + strings.Join(others, ", "),
		Edits: []plan.Edit{plan.Set(target, strings.Join(others, ","), "metadata", "annotations", ForAnnotation)},
	})
	return nil
}

// restore gives fields of somebody else's object back.
func (r *remover) restore(object mesh.Object) error {
	target, err := mesh.ToUnstructured(object)
	if err != nil {
		return err
	}
	entries, err := undoEntries(target)
	if err != nil {
		return err
	}
	restoring := change{Action: plan.Update, Object: target, Reason: "create changed it for this workload"}
	var kept []undoEntry
	touched := false
	for _, entry := range entries {
		at := slices.Index(entry.For, r.user)
		if at < 0 {
			kept = append(kept, entry)
			continue
		}
		touched = true
		if entry.For = slices.Delete(slices.Clone(entry.For), at, at+1); len(entry.For) > 0 {
			r.removal.Shared = true
			restoring.Reason = "it stays for " + strings.Join(entry.For, ", ")
			kept = append(kept, entry)
			continue
		}
		r.giveBack(&restoring, target, entry)
	}
	if !touched {
		return nil
	}
	if err := restoring.setUndo(kept); err != nil {
		return err
	}
	if projection.ChangesTemplate(plan.Change(restoring)) {
		restoring.Action = plan.Restart
		r.rollOut(object)
	}
	r.add(plan.Change(restoring))
	return nil
}

// rollOut has the workload's pods waited for, unless they are not made anew by themselves.
func (r *remover) rollOut(object mesh.Object) {
	workload := r.snapshot.Workload(mesh.KeyOf(object))
	switch {
	case workload == nil:
	case workload.Paused:
		r.note("%s is paused: its pods stay as they are until it is resumed (kubectl rollout resume %s)",
			workload.Key, inert.Command(argumentOf(workload), "-n", workload.Namespace()))
	case workload.UpdatesOnDelete():
		r.note("The pods of %s stay as they are until you delete them, one by one: its update strategy is OnDelete", workload.Key)
	default:
		r.removal.Rollouts = append(r.removal.Rollouts, workload.Key)
	}
}

func (r *remover) note(format string, arguments ...any) {
	r.removal.Plan.Notes = append(r.removal.Plan.Notes, fmt.Sprintf(format, arguments...))
}

// giveBack plans the field's former value, unless the field is no longer what create made of it.
func (r *remover) giveBack(restoring *change, target *unstructured.Unstructured, entry undoEntry) {
	path := plan.Path(entry.Path)
	now, _ := path.Get(target.Object)
	switch {
	case equality.Semantic.DeepEqual(normal(now), normal(entry.Old)):
		return // somebody has given it back
	case stillOurs(now, entry.New):
	case slices.Equal(path, restartedAtPath):
		name := strings.ToLower(target.GetKind()) + "/" + target.GetName()
		r.note("Somebody has restarted %s since: its pods keep their proxies until they are made anew (kubectl rollout restart %s)",
			plan.Name(target), inert.Command(name, "-n", target.GetNamespace()))
		return
	default:
		r.note("%s of %s is left as it is: create set it to %s, somebody has made it %s since, and before it was %s",
			path, plan.Name(target), valueText(entry.New), valueText(now), valueText(entry.Old))
		return
	}
	restoring.Edits = append(restoring.Edits, plan.Edit{Path: path, Old: now, New: entry.Old})
}

// stillOurs says whether a field still has the value that create gave it; what the API server added to a list element or
// map (a node port) does not count.
func stillOurs(now, made any) bool {
	nowFields, isMap := now.(map[string]any)
	madeFields, wasMap := made.(map[string]any)
	if !isMap || !wasMap {
		return equality.Semantic.DeepEqual(normal(now), normal(made))
	}
	for field, value := range madeFields {
		if !stillOurs(nowFields[field], value) {
			return false
		}
	}
	return true
}

// normal makes numbers comparable: JSON has one kind, its Go forms have several.
func normal(value any) any {
	switch number := value.(type) {
	case int64:
		return float64(number)
	case int:
		return float64(number)
	case int32:
		return float64(number)
	default:
		return value
	}
}

func valueText(value any) string {
	switch typed := value.(type) {
	case nil:
		return "not there"
	case string:
		return fmt.Sprintf("%q", typed)
	default:
		return fmt.Sprint(typed)
	}
}

func (r *remover) add(change plan.Change) {
	r.removal.Plan.Changes = append(r.removal.Plan.Changes, change)
}
