package load

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/rbac"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// GapsText says in a line what could not be read.
func GapsText(loaded *cluster.Loaded) string {
	return "Not looked at: " + strings.Join(append(mayNotTexts(loaded.Missing), otherReasons(loaded)...), "; ")
}

// mayNotTexts are the permissions that are missing, in one text those that differ in the resource alone.
func mayNotTexts(missing []cluster.Permission) []string {
	var order []string
	resources := map[string][]string{}
	for _, permission := range missing {
		resource := schema.GroupResource{Group: permission.Group, Resource: permission.Resource}.String()
		text := strings.Replace(permission.Denied(), resource, "%s", 1)
		if resources[text] == nil {
			order = append(order, text)
		}
		resources[text] = append(resources[text], resource)
	}
	texts := make([]string, len(order))
	for i, text := range order {
		texts[i] = fmt.Sprintf(text, strings.Join(resources[text], ", "))
	}
	return texts
}

// Reasons are why parts of the cluster could not be read, each once.
func Reasons(gaps []mesh.Gap) []string {
	var reasons []string
	for _, gap := range gaps {
		if !slices.Contains(reasons, gap.Reason) {
			reasons = append(reasons, gap.Reason)
		}
	}
	return reasons
}

// NotRead says what could not be read, line by line: the permissions that are missing as one table, then the rest.
func NotRead(loaded *cluster.Loaded) []string {
	var lines []string
	if len(loaded.Missing) > 0 {
		lines = rbac.Table(loaded.Missing)
	}
	return append(lines, otherReasons(loaded)...)
}

// otherReasons are why parts of the cluster could not be read, but for the permissions that are missing.
func otherReasons(loaded *cluster.Loaded) []string {
	return slices.DeleteFunc(Reasons(loaded.Gaps), func(reason string) bool {
		return slices.ContainsFunc(loaded.Missing, func(missing cluster.Permission) bool { return reason == missing.Denied() })
	})
}

// WithGaps adds to a refusal what could not be read, which may be why, and the command that prints the Roles for it.
func WithGaps(refusal error, loaded *cluster.Loaded, printRoles string) error {
	switch {
	case len(loaded.Gaps) == 0:
		return refusal
	case len(loaded.Missing) == 0:
		return report.WithLines(refusal, GapsText(loaded))
	}
	lines := slices.Concat([]string{"", "What you may not read may be why:", ""}, rbac.Table(loaded.Missing), []string{"", printRoles + " prints the Roles to ask an administrator for"})
	return report.WithLines(refusal, lines...)
}
