package fieldowner

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Conflict is a field that was to be changed, and who owns it.
type Conflict struct {
	// Field is its path as the API server writes it: .spec.ports[port=8000,protocol="TCP"].name.
	Field string
	// Manager is the field manager's name, Owner the same in words: "Argo CD (application payments)".
	Manager, Owner string
}

// beforeFirstApply is the API server's own name for whoever wrote an object that had no managedFields.
// Source: k8s.io/apimachinery, pkg/util/managedfields/internal/skipnonapplied.go.
const beforeFirstApply = "before-first-apply"

// GivesWay says that a field manager's fields may be taken over: those that a person set with kubectl, those of nobody, and our
// own, which an Update under our name or another program version may hold. Any other manager would set its value again.
func GivesWay(manager, ours string) bool {
	return IsNobody(manager, ours) || strings.HasPrefix(manager, "kubectl")
}

// IsNobody says that a field manager is no one from whom something could be taken.
func IsNobody(manager, ours string) bool {
	return manager == ours || manager == plan.Manager || manager == beforeFirstApply
}

// IsEmptyMap says that a field is one that somebody applied as an empty map, as charts do that were given no annotations:
// who applies keys in it owns those, not the map. There is nothing in it that could be set again.
// Source: sigs.k8s.io/structured-merge-diff, fieldpath/fromvalue.go (SetFromValue).
func IsEmptyMap(field string) bool {
	return field == ".metadata.annotations" || field == ".metadata.labels"
}

// IsNotes reports whether a field is the annotation with our notes. A run under another name may own it for a moment, and one
// that was interrupted for longer; what the notes are is computed anew by every write.
func IsNotes(field string) bool {
	path := plan.Path{"metadata", "annotations", plan.UndoAnnotation}
	return field == "."+strings.Join(path, ".") || field == path.String()
}

// conflictManager finds the manager in a conflict's cause. Source: k8s.io/apimachinery,
// pkg/util/managedfields/internal/conflict.go (printManager).
var conflictManager = regexp.MustCompile(`^conflict with ("(?:[^"\\]|\\.)*")`)

// Conflicts are the conflicts that the API server reports for an apply of ours; none if its answer is another one.
func Conflicts(status metav1.Status, object *unstructured.Unstructured) []Conflict {
	if status.Details == nil {
		return nil
	}
	var conflicts []Conflict
	for _, cause := range status.Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := cause.Message
		if found := conflictManager.FindStringSubmatch(cause.Message); found != nil {
			_, _ = fmt.Sscanf(found[1], "%q", &manager)
		}
		conflicts = append(conflicts, Conflict{Field: cause.Field, Manager: manager, Owner: ownerInWords(manager, object)})
	}
	return conflicts
}

// Others are the managers, other than ours, of the fields that the edits change: what server-side apply would report,
// for changes that it cannot make.
func Others(object *unstructured.Unstructured, edits []plan.Edit, ours string) []Conflict {
	var conflicts []Conflict
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == ours || entry.Subresource != "" {
			continue
		}
		owned := pathsOf(entry)
		for _, edit := range edits {
			if ownsAny(owned, edit.Path) {
				conflicts = append(conflicts, Conflict{
					Field: edit.Path.String(), Manager: entry.Manager, Owner: ownerInWords(entry.Manager, object),
				})
			}
		}
	}
	return conflicts
}

// Standing are those of an edit's field, other than this field manager, that do not give way to it: who would set it back.
func Standing(object *unstructured.Unstructured, edit plan.Edit, fieldManager string) []Conflict {
	return slices.DeleteFunc(Others(object, []plan.Edit{edit}, fieldManager), func(conflict Conflict) bool {
		return GivesWay(conflict.Manager, fieldManager)
	})
}

// ownsAny says that one of the owned paths is the field, holds it (a list that is one value), or lies in it.
func ownsAny(owned []plan.Path, field plan.Path) bool {
	for _, path := range owned {
		shared := min(len(path), len(field))
		same := true
		for i := range shared {
			same = same && path[i] == field[i]
		}
		if same {
			return true
		}
	}
	return false
}

// AppliedBy are the fields that a manager has applied before. An apply that leaves one of them out removes it, so each of
// ours repeats them.
func AppliedBy(object *unstructured.Unstructured, manager string) []plan.Path {
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == "" {
			return pathsOf(entry)
		}
	}
	return nil
}

// pathsOf are the fields of an entry that have no fields of their own in it.
func pathsOf(entry metav1.ManagedFieldsEntry) []plan.Path {
	var set fieldpath.Set
	if entry.FieldsV1 == nil || set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())) != nil {
		return nil
	}
	var paths []plan.Path
	for path := range set.Leaves().All() {
		paths = append(paths, planPath(path))
	}
	return paths
}

// planPath writes a path of managed fields as package plan does: list elements by their keys.
func planPath(path fieldpath.Path) plan.Path {
	steps := make(plan.Path, 0, len(path))
	for _, element := range path {
		switch {
		case element.FieldName != nil:
			steps = append(steps, *element.FieldName)
		case element.Key != nil:
			keys := make([]string, len(*element.Key))
			for i, key := range *element.Key {
				keys[i] = fmt.Sprintf("%s=%v", key.Name, key.Value.Unstructured())
			}
			steps = append(steps, strings.Join(keys, ","))
		default:
			// An element of a set or of a list that is one value: the list as a whole is as near as a path comes.
			return steps
		}
	}
	return steps
}
