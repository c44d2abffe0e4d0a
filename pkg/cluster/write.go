package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// WriteOptions say how changes are written.
type WriteOptions struct {
	// FieldManager is who the fields belong to from then on; DefaultFieldManager if empty.
	FieldManager string
	// ForceConflicts takes over fields whoever owns them.
	ForceConflicts bool
}

func (o WriteOptions) manager() string { return cmp.Or(o.FieldManager, DefaultFieldManager) }

// writer sends one change.
type writer struct {
	client   *Client
	options  WriteOptions
	change   plan.Change
	resource schema.GroupVersionResource
	// dryRun has the server do everything but store the result.
	dryRun bool
}

// written is what came of it.
type written struct {
	// stored is the object as the server has, or would have, it; nil after a delete.
	stored *unstructured.Unstructured
	// created is true where the object was not there before.
	created bool
	notes   []string
}

func (c *Client) writer(ctx context.Context, change plan.Change, options WriteOptions, dryRun bool) (*writer, error) {
	resource, err := c.resourceFor(ctx, change.Object.GroupVersionKind())
	return &writer{client: c, options: options, change: change, resource: resource, dryRun: dryRun}, err
}

// resourceFor is where objects of that apiVersion and kind are written: in another version where the server does not have
// this one. A kind that the model does not know is taken to be served, under the plural that its name has by Kubernetes' rules.
func (c *Client) resourceFor(ctx context.Context, gvk schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	kind, known := mesh.KindOf(gvk.GroupKind())
	if !known {
		resource, _ := meta.UnsafeGuessKindToResource(gvk)
		return resource, nil
	}
	resource, served, err := c.resource(ctx, kind)
	if err != nil {
		return resource, err
	}
	if !served {
		return resource, &NotServed{CRD: crdOf(kind)}
	}
	if c.has(gvk.GroupVersion().WithResource(resource.Resource)) {
		resource.Version = gvk.Version
	}
	return resource, nil
}

// has says whether discovery found the resource in that very version.
func (c *Client) has(resource schema.GroupVersionResource) bool {
	c.discovery.Lock()
	defer c.discovery.Unlock()
	return c.served != nil && slices.Contains(c.served.versions[resource.GroupResource()], resource.Version)
}

func (w *writer) describe(verb string) request {
	object := w.change.Object
	limit := writeTimeout
	if verb == "get" {
		limit = readTimeout
	}
	return request{
		permission: Permission{
			Verb: verb, Group: w.resource.Group, Resource: w.resource.Resource, Namespace: object.GetNamespace(), Name: object.GetName(),
		},
		object: plan.Name(object),
		limit:  limit,
	}
}

// read is the object as the server has it, nil where it is not there.
func (w *writer) read(ctx context.Context) (*unstructured.Unstructured, error) {
	request := w.client.get(w.resource, w.change.Object.GetNamespace(), w.change.Object.GetName())
	live, err := w.do(ctx, "get", request)
	if _, missing := errors.AsType[*NotFound](err); missing {
		return nil, nil
	}
	return live, err
}

// write makes the change to the live object, nil where there is none.
func (w *writer) write(ctx context.Context, live *unstructured.Unstructured) (written, error) {
	switch {
	case w.change.Action == plan.Delete:
		return w.delete(ctx)
	case w.change.Action == plan.Create:
		if live != nil && !sameMaker(live, w.change.Object) {
			return written{}, &AlreadyExists{Object: plan.Name(w.change.Object)}
		}
		return w.apply(ctx, w.change.Object, live)
	case live == nil:
		return written{}, &NotFound{Object: plan.Name(w.change.Object)}
	}
	if path, changed := changedSince(w.change, live); changed {
		return written{}, &Modified{Object: plan.Name(live), Detail: path + " has another value now"}
	}
	if configuration, ok := w.configuration(live); ok {
		return w.apply(ctx, configuration, live)
	}
	return w.patch(ctx, live)
}

// sameMaker says that the live object is the one that the change would make: this program made it, for the same purpose.
func sameMaker(live, wanted *unstructured.Unstructured) bool {
	const managedBy, purpose = "app.kubernetes.io/managed-by", "grpcexpose/for"
	return live.GetLabels()[managedBy] == DefaultFieldManager && wanted.GetLabels()[managedBy] == DefaultFieldManager &&
		live.GetAnnotations()[purpose] == wanted.GetAnnotations()[purpose]
}

// changedSince finds a field of the change that has neither the value that the plan was made from nor the one that it is to
// have. A restart's annotation is left out: of two restarts each makes the pods anew.
func changedSince(change plan.Change, live *unstructured.Unstructured) (path string, changed bool) {
	if change.Action == plan.Restart {
		return "", false
	}
	for _, edit := range change.Edits {
		value, _ := edit.Path.Get(live.Object)
		if !sameJSON(value, edit.Old) && !sameJSON(value, edit.New) {
			return edit.Path.String(), true
		}
	}
	return "", false
}

// sameJSON compares values whatever Go type their numbers have.
func sameJSON(a, b any) bool {
	left, leftErr := json.Marshal(a)
	right, rightErr := json.Marshal(b)
	return leftErr == nil && rightErr == nil && string(left) == string(right)
}

// configuration is what to apply for an update: the edits, and what this manager has applied to the object before.
func (w *writer) configuration(live *unstructured.Unstructured) (*unstructured.Unstructured, bool) {
	var edits []plan.Edit
	for _, path := range appliedBy(live, w.options.manager()) {
		if value, found := path.Get(live.Object); found {
			edits = append(edits, plan.Edit{Path: path, Old: value, New: value})
		}
	}
	change := plan.Change{Action: plan.Update, Object: live, Edits: append(edits, w.change.Edits...)}
	return change.ApplyConfiguration()
}

// apply sends a server-side apply, and sends it again with force where all owners in the way give way.
func (w *writer) apply(ctx context.Context, configuration, live *unstructured.Unstructured) (written, error) {
	configuration = configuration.DeepCopy()
	configuration.SetAPIVersion(w.resource.GroupVersion().String())
	configuration.SetManagedFields(nil)
	configuration.SetResourceVersion("")
	configuration.SetUID("")
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
		conflicts = fieldConflicts(status.Status(), w.change.Object)
	}
	switch {
	case len(conflicts) == 0:
		return result, w.client.failure(ctx, w.describe("patch"), err)
	case live == nil: // whose fields conflict with an object that was not there?
		return written{}, &AlreadyExists{Object: plan.Name(w.change.Object)}
	}
	if err := w.judge(conflicts); err != nil {
		return written{}, err
	}
	result, err = send(true)
	result.notes = append(takeOverNotes(conflicts, w.options.manager()), result.notes...)
	return result, w.client.failure(ctx, w.describe("patch"), err)
}

// patch sends a JSON patch, for what server-side apply cannot say. The owners of the fields, which the API server then does
// not look at, are judged by the same rule.
func (w *writer) patch(ctx context.Context, live *unstructured.Unstructured) (written, error) {
	conflicts := otherOwners(live, w.change.Edits, w.options.manager())
	if err := w.judge(conflicts); err != nil {
		return written{}, err
	}
	change := w.change
	change.Object = live
	body, err := change.JSONPatch()
	if err != nil {
		return written{}, err
	}
	result, err := w.finish(ctx, w.prepare(w.client.rest.Patch(types.JSONPatchType)).Body(body))
	result.notes = append(takeOverNotes(conflicts, w.options.manager()), result.notes...)
	return result, w.client.failure(ctx, w.describe("patch"), err)
}

// judge gives the conflicts that stay in the way.
func (w *writer) judge(conflicts []FieldConflict) error {
	if w.options.ForceConflicts {
		return nil
	}
	stay := slices.DeleteFunc(slices.Clone(conflicts), func(conflict FieldConflict) bool {
		return givesWay(conflict.Manager, w.options.manager())
	})
	if len(stay) == 0 {
		return nil
	}
	return &Conflict{Object: plan.Name(w.change.Object), Fields: stay}
}

// takeOverNotes say from whom fields are taken; from ourselves is not worth a word.
func takeOverNotes(conflicts []FieldConflict, ours string) []string {
	others := slices.DeleteFunc(slices.Clone(conflicts), func(conflict FieldConflict) bool {
		return conflict.Manager == ours || conflict.Manager == DefaultFieldManager
	})
	if len(others) == 0 {
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
