package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/inert"
)

// githubLint prints workflow commands, which GitHub Actions shows beside the lines of a change.
type githubLint struct{}

// githubData and githubProperty escape as the toolkit of GitHub's actions does (packages/core/src/command.ts).
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (githubLint) Print(w io.Writer, report *LintReport) error {
	var b strings.Builder
	for _, finding := range report.Findings {
		if finding.State == Fixed {
			continue
		}
		command := map[checks.Level]string{checks.Error: "error", checks.Warning: "warning", checks.Info: "notice"}[finding.Level]
		var properties []string
		if finding.File != "" {
			properties = append(properties, "file="+githubProperty.Replace(inert.Line(filepath.ToSlash(finding.File))))
		}
		if finding.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", finding.Line))
		}
		properties = append(properties, "title="+githubProperty.Replace(finding.ID+" "+finding.Slug))
		text := inert.Line(finding.Object.String()) + ": " + finding.details()
		fmt.Fprintf(&b, "::%s %s::%s\n", command, strings.Join(properties, ","), githubData.Replace(text))
	}
	_, err := io.WriteString(workflowCommands(w), b.String())
	return err
}
