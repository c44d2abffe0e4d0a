package remedy

import (
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// DeclareGRPC is the change that makes a Service port gRPC to Istio, by the fix that workload.GRPCPortFix or somebody else chose.
func DeclareGRPC(s *mesh.Snapshot, service *core.Service, port *core.ServicePort, fix workload.PortFix) (plan.Change, error) {
	return update(s, service, fix.Reason, func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{plan.Set(form, fix.Value, append(PortPath(port.Port, port.Protocol), fix.Field)...)}
	})
}

// PortPath leads to a port of a Service. Its list is a map to the API server, by these keys.
func PortPath(number int32, protocol core.Protocol) plan.Path {
	return plan.Path{"spec", "ports", fmt.Sprintf("port=%d,protocol=%s", number, protocol)}
}
