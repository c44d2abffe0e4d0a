package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/fieldowner"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// apply sends a server-side apply, and sends it again with force where all owners in the way give way, or get back what was
// theirs. A live object must still be the version that was read.
func (w *writer) apply(ctx context.Context, configuration, live *unstructured.Unstructured) (written, error) {
	configuration = configuration.DeepCopy()
	configuration.SetAPIVersion(w.resource.GroupVersion().String())
	configuration.SetManagedFields(nil)
	configuration.SetUID("")
	configuration.SetResourceVersion("")
	if live != nil {
		configuration.SetResourceVersion(live.GetResourceVersion())
	}
	body, err := configuration.MarshalJSON()
	if err != nil {
		return written{}, err
	}
	send := func(force bool) (written, error) {
		request := w.prepare(w.client.rest.Patch(types.ApplyPatchType)).Param("force", fmt.Sprint(force)).Body(body)
		return w.finish(ctx, request)
	}
	result, err := send(w.options.ForceConflicts)
	status, isStatus := errors.AsType[*apierrors.StatusError](err)
	var conflicts []FieldConflict
	if isStatus {
		conflicts = fieldowner.Conflicts(status.Status(), w.change.Object)
	}
	switch {
	case len(conflicts) > 0 && live != nil && w.change.Undo == plan.Forget:
		result, err = send(true)
		return result, w.client.failure(ctx, w.describe("patch"), err)
	case len(conflicts) == 0:
		return result, w.client.failure(ctx, w.describe("patch"), err)
	case live == nil: // whose fields conflict with an object that was not there?
		return written{}, &AlreadyExists{Object: plan.Name(w.change.Object), raced: true}
	}
	if err := w.judge(ctx, conflicts); err != nil {
		return written{}, err
	}
	result, err = send(true)
	result.notes = append(w.takeOverNotes(conflicts), result.notes...)
	return result, w.client.failure(ctx, w.describe("patch"), err)
}

// patch sends a JSON patch, for what server-side apply cannot say. The owners of the fields, which the API server then does
// not check, are held to the same rule. The change is of the live object.
func (w *writer) patch(ctx context.Context, change plan.Change) (written, error) {
	conflicts := fieldowner.Others(change.Object, w.againstOwners(change.Edits), w.options.manager())
	if err := w.judge(ctx, conflicts); err != nil {
		return written{}, err
	}
	change.Edits = startingFrom(change.Object, change.Edits)
	if version := change.Object.GetResourceVersion(); version != "" {
		change.Edits = append(change.Edits, plan.Set(change.Object, version, "metadata", "resourceVersion"))
	}
	body, err := change.JSONPatch()
	if err != nil {
		return written{}, err
	}
	result, err := w.finish(ctx, w.prepare(w.client.rest.Patch(types.JSONPatchType)).Body(body))
	result.notes = append(w.takeOverNotes(conflicts), result.notes...)
	return result, w.client.failure(ctx, w.describe("patch"), err)
}

// againstOwners are the edits that an owner may object to. A field that gets its former value back is what its owner has made
// it, for owners own their fields again once our write has changed them. One that was not there and is owned by now has become
// somebody's since.
func (w *writer) againstOwners(edits []plan.Edit) []plan.Edit {
	if w.change.Undo != plan.Forget {
		return edits
	}
	return slices.DeleteFunc(slices.Clone(edits), func(edit plan.Edit) bool { return edit.New != nil })
}

// startingFrom are the edits with the values that the live object has now: some may have been made already, and the API
// server may have added defaults.
func startingFrom(live *unstructured.Unstructured, edits []plan.Edit) []plan.Edit {
	current := slices.Clone(edits)
	for i := range current {
		current[i].Old, _ = current[i].Path.Get(live.Object)
	}
	return current
}

// judge gives the conflicts that stay in the way.
func (w *writer) judge(ctx context.Context, conflicts []FieldConflict) error {
	if w.options.ForceConflicts {
		return nil
	}
	stay := slices.DeleteFunc(slices.Clone(conflicts), func(conflict FieldConflict) bool {
		return fieldowner.GivesWay(conflict.Manager, w.options.manager()) || fieldowner.IsEmptyMap(conflict.Field) || fieldowner.IsNotes(conflict.Field)
	})
	if len(stay) == 0 {
		return nil
	}
	return &Conflict{Object: plan.Name(w.change.Object), Fields: stay, raced: w.passes(ctx, stay), version: w.version, Flagless: w.options.Flagless}
}

// passes reports whether conflicts may be gone in a moment: the object has been written since, or an owner is a run of this
// program under another name, which shows by the notes that it owns until it gives up all that it has changed.
func (w *writer) passes(ctx context.Context, conflicts []FieldConflict) bool {
	if w.version == "" {
		return false
	}
	live, err := w.read(ctx)
	if err != nil || live == nil {
		return false
	}
	owners := fieldowner.Of(live)
	return live.GetResourceVersion() != w.version || slices.ContainsFunc(conflicts, func(conflict FieldConflict) bool {
		return owners.FieldsOf(conflict.Manager).Has(fieldowner.NotesField)
	})
}

// takeOverNotes say from whom fields are taken. From ourselves is not worth a word, nor is the annotation of the last restart.
func (w *writer) takeOverNotes(conflicts []FieldConflict) []string {
	others := slices.DeleteFunc(slices.Clone(conflicts), func(conflict FieldConflict) bool {
		return fieldowner.IsNobody(conflict.Manager, w.options.manager()) || fieldowner.IsEmptyMap(conflict.Field) || fieldowner.IsNotes(conflict.Field)
	})
	if len(others) == 0 || w.change.Action == plan.Restart {
		return nil
	}
	return []string{"takes over what " + fieldsByOwner(others, "set in")}
}

// delete removes the object that the plan saw, not another one of its name. One that is gone already is fine.
func (w *writer) delete(ctx context.Context) (written, error) {
	options := &metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}}
	if uid := w.change.Object.GetUID(); uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	if w.dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	body, err := json.Marshal(options)
	if err != nil {
		return written{}, err
	}
	request := at(w.client.rest.Delete(), w.resource, w.change.Object.GetNamespace(), w.change.Object.GetName()).
		SetHeader("Content-Type", runtime.ContentTypeJSON).SetHeader("Accept", runtime.ContentTypeJSON).Timeout(writeTimeout).Body(body)
	err = w.client.failure(ctx, w.describe("delete"), request.Do(ctx).Error())
	if _, gone := errors.AsType[*NotFound](err); gone {
		err = nil
	}
	return written{}, err
}

func (w *writer) prepare(request *rest.Request) *rest.Request {
	request = at(request, w.resource, w.change.Object.GetNamespace(), w.change.Object.GetName()).
		SetHeader("Accept", runtime.ContentTypeJSON).Timeout(writeTimeout).Param("fieldManager", w.options.manager())
	if w.dryRun {
		request = request.Param("dryRun", metav1.DryRunAll)
	}
	return request
}

func (w *writer) do(ctx context.Context, verb string, request *rest.Request) (*unstructured.Unstructured, error) {
	result, err := w.finish(ctx, request.SetHeader("Accept", runtime.ContentTypeJSON))
	return result.stored, w.client.failure(ctx, w.describe(verb), err)
}

// finish sends a request whose answer is the object. The server's warnings become notes; the error is the client's own.
func (w *writer) finish(ctx context.Context, request *rest.Request) (written, error) {
	result := request.Do(ctx)
	data, err := bytesOf(result)
	if err != nil {
		return written{}, err
	}
	stored := &unstructured.Unstructured{}
	if err := stored.UnmarshalJSON(data); err != nil {
		return written{}, err
	}
	var created bool
	result.WasCreated(&created)
	var notes []string
	for _, warning := range result.Warnings() {
		notes = append(notes, warning.Text)
	}
	return written{stored: stored, created: created, notes: notes}, nil
}
