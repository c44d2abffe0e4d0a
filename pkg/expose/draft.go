package expose

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// draft collects the changes of a plan, and what the user should know beside them. What the steps decide is none of its fields:
// they return it.
type draft struct {
	intent Intent
	// snapshot has the changes up to the last call of project.
	snapshot *mesh.Snapshot
	// workload and gateway are those of the exposure, as snapshot has them.
	workload *workload.Workload
	gateway  *proxy.GatewayWorkload
	changes  []plan.Change
	// unprojected: there are changes that snapshot does not have.
	unprojected bool
	notes       []string
}

func (d *draft) note(format string, arguments ...any) {
	note := fmt.Sprintf(format, arguments...)
	if !slices.Contains(d.notes, note) {
		d.notes = append(d.notes, note)
	}
}

// asFarAsRead adds to the claim that something is not there that it may be, where its kind was not read in the namespace, or
// with an empty one in any. Files are what they are.
func (d *draft) asFarAsRead(claim, namespace string, kinds ...mesh.Kind) string {
	for _, kind := range kinds {
		if _, unknown := d.snapshot.Unknown(kind, namespace, ""); unknown && !d.intent.Offline {
			return claim + ", as far as could be read"
		}
	}
	return claim
}

func (d *draft) owner() plan.Owner {
	key := d.workload.Key
	return plan.Owner{Kind: string(key.Kind), Namespace: key.Namespace, Name: key.Name}
}

// create plans a new object of our own.
func (d *draft) create(key mesh.Key, reason string, spec map[string]any) {
	info := key.Kind.Info()
	metadata := map[string]any{"name": key.Name, "namespace": key.Namespace}
	if !d.intent.Offline {
		metadata["labels"] = map[string]any{plan.ManagedByLabel: plan.Manager}
		metadata["annotations"] = map[string]any{plan.ForAnnotation: d.owner().String()}
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": info.GroupVersion().String(), "kind": info.Kind, "metadata": metadata, "spec": spec,
	}}
	d.append(plan.Change{Action: plan.Create, Object: object, Reason: reason})
}

func (d *draft) append(change plan.Change) *plan.Change {
	d.changes, d.unprojected = append(d.changes, change), true
	return &d.changes[len(d.changes)-1]
}

// update plans edits of an object that is there; edits is given its JSON form.
func (d *draft) update(object mesh.Object, reason string, edits func(*unstructured.Unstructured) []plan.Edit) error {
	form, err := d.snapshot.Form(object)
	if err != nil {
		return err
	}
	return d.add(plan.Change{Action: plan.Update, Object: form, Edits: edits(form), Reason: reason}, nil)
}

// add plans a change of an object that is there; somebody else's object notes the former values. Edits that change nothing are left
// out. A second change of the same object joins the first: one object, one change.
func (d *draft) add(change plan.Change, err error) error {
	if err != nil {
		return err
	}
	edits := slices.DeleteFunc(change.Edits, func(e plan.Edit) bool { return equality.Semantic.DeepEqual(e.Old, e.New) })
	if len(edits) == 0 {
		return nil
	}
	d.unprojected = true
	var joined *plan.Change
	if at := slices.IndexFunc(d.changes, func(other plan.Change) bool { return plan.SameObject(other.Object, change.Object) }); at >= 0 {
		joined = &d.changes[at]
	} else {
		joined = d.append(plan.Change{Action: plan.Update, Object: change.Object})
	}
	if change.Action == plan.Restart {
		joined.Action = plan.Restart
	}
	if joined.Reason != "" {
		joined.Reason += "; "
	}
	joined.Reason += change.Reason
	joined.Edits = append(joined.Edits, edits...)
	if !d.isOurs(change.Object) && !d.intent.Offline {
		joined.Undo = plan.Remember
	}
	return nil
}

// project carries the changes so far into the snapshot.
func (d *draft) project() error {
	if !d.unprojected {
		return nil
	}
	projected, err := projection.Of(d.snapshot, d.changes)
	if err != nil {
		return err
	}
	d.snapshot, d.unprojected = projected, false
	if workload := workload.Get(projected, d.workload.Key); workload != nil {
		d.workload = workload
	}
	d.gateway = proxy.SameGateway(projected, d.gateway)
	return nil
}

// isOurs reports whether create made the object for this workload. Files carry no marks: what is in them is their owner's.
func (d *draft) isOurs(object metav1.Object) bool {
	return !d.intent.Offline && plan.IsOwnFor(object, d.owner()) && d.mayTake(object)
}

// mayTake reports whether create takes what the object offers without being told to: objects of the workload's namespace and of
// the gateway pods', which is the platform's.
func (d *draft) mayTake(object metav1.Object) bool {
	return object.GetNamespace() == d.workload.Namespace() || object.GetNamespace() == d.gateway.Namespace
}

// inOrder are the changes with the gateway's port after the Gateway that needs it: a run of delete at the same time, which closes
// ports that no Gateway uses, then sees the Gateway wherever it sees the port.
func (d *draft) inOrder() []plan.Change {
	isPort := func(change plan.Change) bool {
		return slices.ContainsFunc(d.gateway.Services, func(service *core.Service) bool {
			return change.Action == plan.Update && changeKey(change) == mesh.KeyOf(service)
		})
	}
	isGateway := func(change plan.Change) bool { return changeKey(change).Kind == mesh.KindGateway }
	port, gateway := slices.IndexFunc(d.changes, isPort), slices.IndexFunc(d.changes, isGateway)
	if port < 0 || gateway < port {
		return d.changes
	}
	changes := slices.Clone(d.changes)
	return slices.Insert(slices.Delete(changes, port, port+1), gateway, d.changes[port])
}
