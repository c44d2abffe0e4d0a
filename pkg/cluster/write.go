package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
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
