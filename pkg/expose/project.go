package expose

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Project is the snapshot as it will be when the plan is carried out. New objects are as old as the snapshot's own time,
// so that they are the youngest wherever Istio goes by age; pods of restarted workloads are made anew.
func Project(snapshot *mesh.Snapshot, changes []plan.Change) (*mesh.Snapshot, error) {
	var delta mesh.Change
	for _, change := range changes {
		before, known, err := mesh.FromUnstructured(change.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", plan.Name(change.Object), err)
		}
		if !known {
			continue
		}
		key := mesh.KeyOf(before)
		if change.Action == plan.Delete {
			delta.Removed = append(delta.Removed, key)
			continue
		}
		object, err := after(change, snapshot.Now())
		if err != nil {
			return nil, err
		}
		delta.Put = append(delta.Put, object)
		if remakesPods(change) {
			delta.Restarted = append(delta.Restarted, key)
		}
	}
	return snapshot.With(delta), nil
}

func after(change plan.Change, now time.Time) (mesh.Object, error) {
	u, err := change.After()
	if err != nil {
		return nil, err
	}
	u = u.DeepCopy()
	if change.Action == plan.Create {
		u.SetCreationTimestamp(metav1.NewTime(now))
	}
	object, _, err := mesh.FromUnstructured(u)
	return object, err
}

// remakesPods says that a change touches a pod template.
func remakesPods(change plan.Change) bool {
	for _, edit := range change.Edits {
		if len(edit.Path) > 2 && edit.Path[0] == "spec" && edit.Path[1] == "template" {
			return true
		}
	}
	return change.Action == plan.Restart
}

// project carries the builder's own plan so far into its snapshot.
func (b *builder) project() error {
	projected, err := Project(b.snapshot, b.changes)
	if err != nil {
		return err
	}
	b.snapshot = projected
	if workload := projected.Workload(b.workload.Key); workload != nil {
		b.workload = workload
	}
	if b.result.Gateway != nil {
		b.result.Gateway = sameGateway(projected, b.result.Gateway)
	}
	return nil
}

// sameGateway is the gateway workload as another snapshot has it.
func sameGateway(s *mesh.Snapshot, gateway *mesh.GatewayWorkload) *mesh.GatewayWorkload {
	for _, candidate := range s.GatewayWorkloads() {
		if candidate.Namespace == gateway.Namespace && candidate.Name() == gateway.Name() {
			return candidate
		}
	}
	return gateway
}
