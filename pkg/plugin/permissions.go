package plugin

import (
	"context"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// requirePermissions refuses a plan that the user may not carry out: with a table of what is missing, and the Roles to ask
// an administrator for.
func requirePermissions(ctx context.Context, rights *cluster.Access, p plan.Plan) error {
	missing, err := rights.Missing(ctx, planPermissions(p))
	if err != nil || len(missing) == 0 {
		return err
	}
	return missingPermissions(missing)
}

func missingPermissions(missing []cluster.Permission) error {
	roles, err := rolesYAML("grpcexpose", missing)
	if err != nil {
		return err
	}
	return linesError(slices.Concat(
		[]string{"nothing was written: you lack permissions", ""}, permissionTable(missing),
		[]string{"", "Ask an administrator to apply this, and to bind it to you:", ""}, textLines(roles),
	))
}

// permissionTable has a line for each permission.
func permissionTable(permissions []cluster.Permission) []string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	report.Printf(table, "VERB\tRESOURCE\tNAMESPACE\tNAME\n")
	for _, permission := range permissions {
		namespace := permission.Namespace
		if namespace == "" {
			namespace = "(cluster)"
		}
		report.Printf(table, "%s\t%s\t%s\t%s\n", permission.Verb, resourceName(permission), namespace, permission.Name)
	}
	_ = table.Flush() // a strings.Builder takes everything
	return textLines(b.String())
}

func resourceName(permission cluster.Permission) string {
	if permission.Group == "" {
		return permission.Resource
	}
	return permission.Resource + "." + permission.Group
}

// planPermissions are the rights that carrying a plan out takes. Server-side apply of a new object is a patch that also
// needs the right to create. Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (applyPatcher.createNewObject).
func planPermissions(p plan.Plan) []cluster.Permission {
	var permissions []cluster.Permission
	for _, change := range p.Changes {
		kind, _ := mesh.KindOf(change.Object.GroupVersionKind().GroupKind())
		info := kind.Info()
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
			permission := cluster.Permission{
				Verb: verb, Group: info.Group, Resource: info.Resource,
				Namespace: change.Object.GetNamespace(), Name: change.Object.GetName(),
			}
			// RBAC cannot name what is not there yet.
			if verb == "create" {
				permission.Name = ""
			}
			permissions = append(permissions, permission)
		}
	}
	return permissions
}
