package expose

import (
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/projection"
)

// After is the snapshot as it will be when the plan is carried out and what it waits for has happened: rolled out pods, and
// a gateway port that somebody else's controller opens.
func After(snapshot *mesh.Snapshot, result *Result) (*mesh.Snapshot, error) {
	after, err := projection.Of(snapshot, result.Plan.Changes)
	if err != nil {
		return nil, err
	}
	// Some rollouts are under way already, and no change of the plan's begins them.
	after = proxy.Restart(after, result.Rollouts)
	if result.AwaitPort == nil {
		return after, nil
	}
	service, ok := after.Services().Get(result.AwaitPort.Namespace, result.AwaitPort.Name)
	if !ok {
		return after, nil
	}
	opened := service.DeepCopy()
	opened.Spec.Ports = append(opened.Spec.Ports, core.ServicePort{
		Name: gatewayPortName(result.Port), Port: result.Port, Protocol: core.ProtocolTCP, TargetPort: intstr.FromInt32(result.Port),
	})
	return after.With(mesh.Change{Put: []mesh.Object{opened}}), nil
}
