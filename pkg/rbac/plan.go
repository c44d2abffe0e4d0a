package rbac

import (
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// ForPlan are the rights that carrying a plan out takes. Server-side apply of a new object is a patch that also
// needs the right to create. Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (applyPatcher.createNewObject).
func ForPlan(p plan.Plan) []cluster.Permission {
	var permissions []cluster.Permission
	for _, change := range p.Changes {
		kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
		verbs := []string{"get", "patch"}
		switch change.Action {
		case plan.Create:
			verbs = []string{"get", "create", "patch"}
		case plan.Restart:
			verbs = []string{"get", "watch", "patch"}
		case plan.Delete:
			verbs = []string{"get", "delete"}
		}
		for _, verb := range verbs {
			name := change.Object.GetName()
			if verb == "create" { // RBAC cannot name what is not there yet
				name = ""
			}
			permissions = append(permissions, On(kind, change.Object.GetNamespace(), name, verb)...)
		}
	}
	return permissions
}
