package remedy

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// RestartScope says which workloads' pods are replaced by new ones.
type RestartScope string

const (
	// RestartWorkload restarts the named workload, if its pods are not as new ones would be.
	RestartWorkload RestartScope = "workload"
	// RestartNamespace restarts every such workload of the namespace.
	RestartNamespace RestartScope = "namespace"
	// RestartNone restarts nothing.
	RestartNone RestartScope = "none"
)

// RestartedAt is the field by which pods are replaced.
var RestartedAt = plan.Path{"spec", "template", "metadata", "annotations", workload.RestartedAtAnnotation}

// Restart is the change by which the workload's controller replaces its pods.
func Restart(s *mesh.Snapshot, w *workload.Workload, reason string) (plan.Change, error) {
	change, err := update(s, w.Object, reason, func(form *unstructured.Unstructured) []plan.Edit {
		return []plan.Edit{plan.Set(form, w.RestartedAt(s.Now()), RestartedAt...)}
	})
	change.Action = plan.Restart
	return change, err
}
