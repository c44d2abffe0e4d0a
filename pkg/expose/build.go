package expose

import (
	"fmt"
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Result is what Build decided.
type Result struct {
	Plan     plan.Plan
	Workload *workload.Workload
	// TargetPort is the container port of the gRPC server.
	TargetPort int32
	// Service and ServicePort are what routes lead to.
	Service     string
	ServicePort int32
	// Gateway is the gateway's proxies, GatewayObject the Gateway ("namespace/name") whose server takes the calls.
	Gateway       *proxy.GatewayWorkload
	GatewayObject string
	// VirtualService is the one ("namespace/name") whose route leads to the Service.
	VirtualService string
	// Port, Hosts and TLS are what a client needs to know, beside an address.
	Port  int32
	Hosts []string
	TLS   bool
	// TLSMutual says that clients must show a certificate.
	TLSMutual bool
	// TLSSecret is the Secret that a new server shows, GRPCServices the only services whose calls are routed; none for all calls.
	TLSSecret    string
	GRPCServices []string
	// Rollouts are the workloads whose pods the plan makes anew.
	Rollouts []mesh.Key
	// AwaitPort is the gateway's Service on which somebody else's controller will open Port; nil if it is open.
	AwaitPort *mesh.Key
}

// Build decides what it takes. Its error is an *Error where the user can do something about it.
func Build(intent Intent, snapshot *mesh.Snapshot) (*Result, error) {
	b := &builder{intent: intent, snapshot: snapshot, result: Result{TLSSecret: intent.TLSSecret, GRPCServices: intent.GRPCServices}}
	for _, step := range []func() error{
		b.findWorkload,
		b.findTargetPort,
		b.findGateway,
		b.prepareInjection,
		b.prepareService,
		b.openPort,
		b.prepareServer,
		b.prepareRoute,
		b.prove,
		b.noteOthers,
		b.noteSurprises,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	b.result.Plan = plan.Plan{Changes: b.inOrder(), Notes: b.notes}
	return &b.result, nil
}

// builder goes through the steps; each rests on what those before it found.
type builder struct {
	intent   Intent
	snapshot *mesh.Snapshot
	changes  []plan.Change
	notes    []string
	result   Result

	workload *workload.Workload
	user     string
	// beforeGateway is the snapshot as it is before the Gateway and the route are seen to.
	beforeGateway *mesh.Snapshot
	// injected: new pods get the right proxy without a change.
	injected bool
	// hasHeadless: a headless Service leads to the target port.
	hasHeadless bool
	// gatewayAssumed: the snapshot has a gateway that the files do not.
	gatewayAssumed bool
}

func (b *builder) note(format string, arguments ...any) {
	note := fmt.Sprintf(format, arguments...)
	if !slices.Contains(b.notes, note) {
		b.notes = append(b.notes, note)
	}
}

// asFarAsRead adds to the claim that something is not there that it may be, where its kind was not read in the namespace, or
// with an empty one in any. Files are what they are.
func (b *builder) asFarAsRead(claim, namespace string, kinds ...mesh.Kind) string {
	for _, kind := range kinds {
		if _, unknown := b.snapshot.Unknown(kind, namespace, ""); unknown && !b.intent.Offline {
			return claim + ", as far as could be read"
		}
	}
	return claim
}

// create plans a new object of our own.
func (b *builder) create(kind mesh.Kind, namespace, name, reason string, spec map[string]any) {
	info := kind.Info()
	metadata := map[string]any{"name": name, "namespace": namespace}
	if !b.intent.Offline {
		metadata["labels"] = map[string]any{ManagedByLabel: Manager}
		metadata["annotations"] = map[string]any{ForAnnotation: b.user}
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": info.GroupVersion().String(), "kind": info.Kind, "metadata": metadata, "spec": spec,
	}}
	b.changes = append(b.changes, plan.Change{Action: plan.Create, Object: object, Reason: reason})
}

// update plans edits of an object that is there; somebody else's object notes their former values. Edits that change nothing
// are left out. A second update of the same object joins the first: one object, one change.
func (b *builder) update(action plan.Action, object mesh.Object, reason string, edits ...plan.Edit) error {
	edits = slices.DeleteFunc(edits, func(e plan.Edit) bool { return equality.Semantic.DeepEqual(e.Old, e.New) })
	if len(edits) == 0 {
		return nil
	}
	change, err := b.changeOf(object)
	if err != nil {
		return err
	}
	if action == plan.Restart {
		change.Action = plan.Restart
	}
	if change.Reason != "" {
		reason = change.Reason + "; " + reason
	}
	change.Reason = reason
	change.Edits = append(change.Edits, edits...)
	if !b.isOurs(object) && !b.intent.Offline {
		change.Undo = plan.Remember
	}
	return nil
}

// changeOf is the plan's change of an object, begun if there is none yet.
func (b *builder) changeOf(object mesh.Object) (*plan.Change, error) {
	target, err := mesh.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	for i := range b.changes {
		if plan.SameObject(b.changes[i].Object, target) {
			return &b.changes[i], nil
		}
	}
	b.changes = append(b.changes, plan.Change{Action: plan.Update, Object: target})
	return &b.changes[len(b.changes)-1], nil
}

// inOrder are the changes with the gateway's port after the Gateway that needs it: a run of delete at the same time, which closes
// ports that no Gateway uses, then sees the Gateway wherever it sees the port.
func (b *builder) inOrder() []plan.Change {
	isPort := func(change plan.Change) bool {
		return slices.ContainsFunc(b.result.Gateway.Services, func(service *core.Service) bool {
			return change.Object.GetKind() == string(mesh.KindService) && change.Action == plan.Update &&
				change.Object.GetNamespace() == service.Namespace && change.Object.GetName() == service.Name
		})
	}
	isGateway := func(change plan.Change) bool { return change.Object.GetKind() == string(mesh.KindGateway) }
	port, gateway := slices.IndexFunc(b.changes, isPort), slices.IndexFunc(b.changes, isGateway)
	if port < 0 || gateway < port {
		return b.changes
	}
	changes := slices.Clone(b.changes)
	return slices.Insert(slices.Delete(changes, port, port+1), gateway, b.changes[port])
}
