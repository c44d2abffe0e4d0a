package cluster

import (
	"cmp"
	"context"
	"errors"
	"slices"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster/fieldowner"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// WriteOptions say how changes are written.
type WriteOptions struct {
	// FieldManager is who the fields belong to from then on; DefaultFieldManager if empty.
	FieldManager string
	// ForceConflicts takes over fields whoever owns them.
	ForceConflicts bool
	// Flagless is for a command that has no flags about fields' owners: no error or note names one.
	Flagless bool
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

	// sent is true once a write has been sent that may have been stored.
	sent bool
	// start is the object from which the last write started, and held what our manager owned before the first one.
	start *unstructured.Unstructured
	held  fieldowner.Owners
	// version is the one on condition of which the last request was sent.
	version string
}

// begin notes what a write starts from.
func (w *writer) begin(live *unstructured.Unstructured) {
	w.start, w.version = live, ""
	if live != nil {
		w.version = live.GetResourceVersion()
	}
	if w.held == nil && live != nil {
		w.held = fieldowner.Of(live).By(w.options.manager())
	}
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
		object:  plan.Name(object),
		limit:   limit,
		version: w.version,
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

// write makes the change to the live object, nil where there is none, on condition that it is still the version that was read.
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
		return written{}, w.missing(ctx)
	}
	if path, changed := changedSince(w.change, live); changed {
		return written{}, &Modified{Object: plan.Name(live), Detail: path + " has another value now"}
	}
	change, err := w.changeOf(live)
	if err != nil {
		return written{}, err
	}
	if configuration, ok := w.configuration(change); ok {
		return w.apply(ctx, configuration, live)
	}
	return w.patch(ctx, change)
}

// changeOf is the change of the object as it is now, with its notes as edits.
func (w *writer) changeOf(live *unstructured.Unstructured) (plan.Change, error) {
	change := w.change
	change.Object = live
	return change.WithNotes()
}

// missing is the error for an object that is to be changed and is not there: its whole namespace may be gone.
func (w *writer) missing(ctx context.Context) error {
	missing := &NotFound{Object: plan.Name(w.change.Object)}
	name := w.change.Object.GetNamespace()
	if name == "" {
		return missing
	}
	namespace := &unstructured.Unstructured{}
	data, err := bytesOf(w.client.get(core.SchemeGroupVersion.WithResource("namespaces"), "", name).SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx))
	switch {
	case apierrors.IsNotFound(err):
		missing.Object = "Namespace " + name
	case err == nil && namespace.UnmarshalJSON(data) == nil && namespace.GetDeletionTimestamp() != nil:
		return &NamespaceTerminating{Object: missing.Object, Namespace: name}
	}
	return missing
}

// managedBy is the label that says on objects of our own that this program made them.
const managedBy = "app.kubernetes.io/managed-by"

// sameMaker says that the live object is the one that the change would make: this program made it, for the same purpose.
func sameMaker(live, wanted *unstructured.Unstructured) bool {
	const purpose = "grpcexpose/for"
	return live.GetLabels()[managedBy] == DefaultFieldManager && wanted.GetLabels()[managedBy] == DefaultFieldManager &&
		live.GetAnnotations()[purpose] == wanted.GetAnnotations()[purpose]
}

// changedSince finds a field of the change that has neither the value that the plan was made from nor the one that it is to
// have. A restart's annotation is left out: of two restarts each restarts the pods. So are our notes, which are computed for
// the object as it is.
func changedSince(change plan.Change, live *unstructured.Unstructured) (path string, changed bool) {
	for _, edit := range change.Edits {
		if last := edit.Path[len(edit.Path)-1]; last == workload.RestartedAtAnnotation || last == plan.UndoAnnotation {
			continue
		}
		value, _ := edit.Path.Get(live.Object)
		if !plan.Fulfilled(value, edit.Old) && !plan.Fulfilled(value, edit.New) {
			return edit.Path.String(), true
		}
	}
	return "", false
}

// configuration is what to apply for an update: the edits, and what this manager has applied to the object before.
func (w *writer) configuration(change plan.Change) (*unstructured.Unstructured, bool) {
	var edits []plan.Edit
	for _, path := range fieldowner.AppliedBy(change.Object, w.options.manager()) {
		if value, found := path.Get(change.Object.Object); found {
			edits = append(edits, plan.Edit{Path: path, Old: value, New: value})
		}
	}
	change.Action, change.Edits = plan.Update, append(edits, change.Edits...)
	return change.ApplyConfiguration()
}
