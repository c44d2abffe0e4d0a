package expose

import (
	"errors"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/gateway"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// InFiles is the intent with the namespace that files say of the workload, and where none is named with the only workload of the files.
func (i Intent) InFiles(files *mesh.Snapshot) (Intent, error) {
	var there []*workload.Workload
	var choices []string
	for _, candidate := range workload.Workloads(files) {
		named := candidate.Name() == i.Name && (i.Kind == "" || i.Kind == candidate.Key.Kind)
		if named || i.Name == "" && !gateway.IsInfrastructure(candidate) {
			there, choices = append(there, candidate), append(choices, candidate.Key.String())
		}
	}
	switch {
	case len(there) == 1 && i.Name == "":
		i.Kind, i.Namespace, i.Name = there[0].Key.Kind, there[0].Namespace(), there[0].Name()
	case len(there) == 1:
		i.Namespace = there[0].Namespace()
	case i.Name != "": // Build says what there is instead
	case len(there) == 0:
		return i, errors.New("the files hold no Deployment, StatefulSet or DaemonSet that could be exposed")
	default:
		return i, &Error{Problem: "the files hold several workloads:", Choices: choices, Next: "Say which, as TYPE/NAME"}
	}
	return i, nil
}
