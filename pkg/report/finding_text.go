package report

import (
	"fmt"
	"io"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
)

// FindingText is a finding in a line: what is wrong with what, and what to do.
func FindingText(finding checks.Finding) string {
	text := fmt.Sprintf("%s %s: %s", finding.ID, mesh.KeyOf(finding.Object), finding.Message)
	if finding.Fix.Text != "" {
		text += " " + finding.Fix.Text
	}
	return text
}

// PathFindings prints what is wrong on the path: errors and warnings.
func PathFindings(w io.Writer, findings []checks.Finding) {
	printed := false
	for _, finding := range findings {
		if !finding.Level.AtLeast(checks.Warning) {
			continue
		}
		if !printed {
			Printf(w, "\nFindings on the path:\n")
			printed = true
		}
		Printf(w, "  %s %s\n", finding.Level, FindingText(finding))
	}
}
