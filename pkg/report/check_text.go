// Package report is what people and machines read: text, table, JSON, YAML, SARIF, JUnit and workflow commands of findings,
// and the same for plans. It knows no client and no command line.
package report

import (
	"io"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/lint"
)

// CheckText prints a check's documentation for people.
func CheckText(w io.Writer, check *checks.Check, options PrintOptions) error {
	var b strings.Builder
	levels := make([]string, len(check.Levels))
	for i, level := range check.Levels {
		levels[i] = string(level)
	}
	Printf(&b, "%s\n", paint(check.ID+" "+check.Slug+": "+check.Title, bold, options.Colour))
	Printf(&b, "Level %s, since %s\n", strings.Join(levels, " or "), check.Since)
	for _, section := range []struct{ title, text string }{
		{"What it finds", check.What}, {"Why", check.Why}, {"What a client sees", check.Client},
	} {
		Printf(&b, "\n%s\n", paint(section.title, bold, options.Colour))
		for paragraph := range strings.SplitSeq(section.text, "\n\n") {
			for _, line := range wrap(strings.Join(strings.Fields(paragraph), " "), max(min(options.Width, 100)-2, 40)) {
				Printf(&b, "  %s\n", line)
			}
		}
	}
	Printf(&b, "\n%s\n", paint("With the fault (-) and without (+)", bold, options.Colour))
	for _, line := range CheckDifference(check) {
		Printf(&b, "  %s\n", paintDiffLine(line, options.Colour))
	}
	Printf(&b, "\nSilence it on an object with the annotation %s: \"%s: the reason\".\n", lint.IgnoreAnnotation, check.ID)
	_, err := io.WriteString(w, b.String())
	return err
}
