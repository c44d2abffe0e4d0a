package rbac

import (
	"context"
	"slices"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Require refuses a plan that the user may not carry out: with a table of the rights that are missing, and the Roles that grant them.
func Require(ctx context.Context, rights *cluster.Access, p plan.Plan) error {
	missing, err := rights.Missing(ctx, ForPlan(p))
	if err != nil || len(missing) == 0 {
		return err
	}
	return Missing("nothing was written: you lack permissions", missing)
}

// Missing is the error for want of rights: the problem, a table of them, what there is to say behind it, and the Roles to ask an
// administrator for.
func Missing(problem string, missing []cluster.Permission, more ...string) error {
	roles, err := roles("grpcexpose", missing)
	if err != nil {
		return err
	}
	lines := slices.Concat([]string{problem, ""}, Table(missing), []string{""})
	if len(more) > 0 {
		lines = append(append(lines, more...), "")
	}
	lines = append(lines, "Ask an administrator to apply this, and to bind it to you:", "")
	return append(report.LinesError(lines), strings.Split(strings.TrimRight(roles, "\n"), "\n")...)
}
