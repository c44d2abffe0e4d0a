// Package remedy has the changes that create makes and lint --fix offers alike, so that both decide the same: declare a Service
// port gRPC, open a port of a gateway, label for injection, restart. A snapshot and objects of it in, a plan.Change out. It
// imports the model and plan.
package remedy

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// update is the change of some fields of an object of the snapshot; edits is given its JSON form.
func update(s *mesh.Snapshot, object mesh.Object, reason string, edits func(*unstructured.Unstructured) []plan.Edit) (plan.Change, error) {
	form, err := s.Form(object)
	if err != nil {
		return plan.Change{}, err
	}
	return plan.Change{Action: plan.Update, Object: form, Edits: edits(form), Reason: reason}, nil
}
