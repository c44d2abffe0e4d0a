package rbac

import (
	"strings"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Table has a line for each permission, below a title.
func Table(permissions []cluster.Permission) []string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	report.Printf(table, "VERB\tRESOURCE\tNAMESPACE\tNAME\n")
	for _, permission := range permissions {
		namespace, resource := permission.Namespace, schema.GroupResource{Group: permission.Group, Resource: permission.Resource}.String()
		if namespace == "" {
			namespace = "(cluster)"
		}
		report.Printf(table, "%s\t%s\t%s\t%s\n", permission.Verb, resource, namespace, permission.Name)
	}
	_ = table.Flush() // a strings.Builder takes everything
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}
