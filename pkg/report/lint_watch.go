package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
)

// LintDifference prints how a report differs from the one before it, a plain line for each finding that is gone and for each
// that has appeared. before is nil for the first report.
func LintDifference(w io.Writer, before, after *LintReport, at time.Time, colour bool) error {
	var b strings.Builder
	line := func(sign, code string, finding LintFinding) {
		Printf(&b, "%s %s\n", at.Format(time.TimeOnly), paint(sign+" "+finding.line(), code, colour))
	}
	had, has := before.lines(), after.lines()
	if before != nil {
		for _, finding := range before.Findings {
			if !has[finding.line()] {
				line("-", green, finding)
			}
		}
	}
	for _, finding := range after.Findings {
		if !had[finding.line()] {
			line("+", levelColours[finding.Level], finding)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var levelColours = map[checks.Level]string{checks.Error: red, checks.Warning: yellow, checks.Info: faint}

// lines are the findings as LintDifference tells them apart.
func (r *LintReport) lines() map[string]bool {
	lines := map[string]bool{}
	if r != nil {
		for _, finding := range r.Findings {
			lines[finding.line()] = true
		}
	}
	return lines
}

// line is a finding on one line.
func (f LintFinding) line() string {
	where := f.Object.String()
	if f.Context != "" {
		where = f.Context + ": " + where
	}
	return fmt.Sprintf("%s %s %s: %s", f.Level, f.ID, where, f.Message)
}
