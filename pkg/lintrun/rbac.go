package lintrun

import (
	"slices"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/load"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
)

// printRoles prints the least Roles for lint with these checks: it reads, and with --watch follows, what the checks ask about.
// Secrets are read by name, where the gateways' pods are; for gateways elsewhere than Istio's own the namespace is the
// reader's to change.
func (o *Options) printRoles() error {
	kinds := lint.Kinds(o.Checks)
	verbs := []string{"get", "list"}
	if o.Watch {
		verbs = append(verbs, "watch")
	}
	permissions := rbac.ToRead(kinds, verbs)
	for _, kind := range []mesh.Kind{mesh.KindSecret, mesh.KindConfigMap} {
		if slices.Contains(kinds, kind) {
			permissions = append(permissions, rbac.On(kind, load.RootNamespace, "", "get")...)
		}
	}
	return rbac.Print(o.Streams.Out, "grpcexpose-lint", permissions)
}
