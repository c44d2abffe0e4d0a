package checks

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/remedy"
)

// Update is the change of some fields of an object; edits is given the object's JSON form, which all changes of it share.
func Update(p *Pass, object mesh.Object, reason string, edits func(*unstructured.Unstructured) []plan.Edit) []plan.Change {
	form, err := p.Form(object)
	if err != nil {
		return nil // an object that was read from JSON has a JSON form
	}
	return []plan.Change{{Action: plan.Update, Object: form, Edits: edits(form), Reason: reason}}
}

// SetField is the change of one field of an object to a value, or with nil its removal.
func SetField(p *Pass, object mesh.Object, reason string, value any, path ...string) []plan.Change {
	return Update(p, object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{plan.Set(form, value, path...)}
	})
}

// Restart is the change that restarts a workload's pods.
func Restart(p *Pass, w *workload.Workload, reason string) []plan.Change {
	return Remedy(remedy.Restart(p.Snapshot, w, reason))
}

// Remedy is a change that create makes too, as the changes of a fix.
func Remedy(change plan.Change, err error) []plan.Change {
	if err != nil {
		return nil // an object that was read from JSON has a JSON form
	}
	return []plan.Change{change}
}

// NamespaceLabels is the change of labels of a namespace; an empty value removes one. nil if the namespace is not in the
// snapshot.
func NamespaceLabels(p *Pass, name, reason string, labels ...proxy.InjectionLabel) []plan.Change {
	namespace, ok := p.Namespaces().Get("", name)
	if !ok {
		return nil
	}
	return Update(p, namespace, reason, func(form *unstructured.Unstructured) []plan.Edit {
		var edits []plan.Edit
		for _, label := range labels {
			var value any
			if label.Value != "" {
				value = label.Value
			}
			edits = append(edits, plan.Set(form, value, "metadata", "labels", label.Key))
		}
		return edits
	})
}

// DeclareGRPC is the fix for a port that Istio does not know to be gRPC: a name that says so where nothing refers to the old
// one, else appProtocol, which changes nobody's references. On weak evidence it asks first.
func DeclareGRPC(p *Pass, port *exposure.ExposedPort) Fix {
	level := Safe
	if port.Weak() || exposure.TLSServer(p.Snapshot, port.Service, port.Port) != "" { // clients that speak TLS may depend on the name
		level = Ask
	}
	fix := workload.GRPCPortFix(p.Snapshot, port.Service, port.Port)
	return Fix{
		Text:    fmt.Sprintf("Set %s: %s on %s of Service %s (%s).", fix.Field, fix.Value, PortText(port), port.Service.Name, fix.Reason),
		Level:   level,
		Changes: Remedy(remedy.DeclareGRPC(p.Snapshot, port.Service, port.Port, fix)),
	}
}

// NamespaceOf is the namespace that a change is in: for a Namespace that of its name, and empty for the other cluster-scoped objects.
func NamespaceOf(change plan.Change) string { return mesh.NamespaceOf(KeyOfChange(change)) }

// KeyOfChange is the key of the object that changes.
func KeyOfChange(change plan.Change) mesh.Key {
	kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
	return mesh.Key{Kind: kind, Namespace: change.Object.GetNamespace(), Name: change.Object.GetName()}
}
