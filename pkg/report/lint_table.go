package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// tableLint prints a line for each finding.
type tableLint struct{}

func (tableLint) Print(w io.Writer, report *LintReport) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	states := report.hasStates()
	header := []string{"LEVEL", "ID", "OBJECT", "WHERE", "MESSAGE"}
	if states {
		header = append([]string{"STATE"}, header...)
	}
	if len(report.Findings) > 0 {
		printRow(table, header)
	}
	for _, finding := range report.Findings {
		row := []string{string(finding.Level), finding.ID, finding.Object.String(), finding.where(), finding.Message}
		if states {
			row = append([]string{string(finding.State)}, row...)
		}
		printRow(table, row)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, report.Summary.String()+"\n")
	return err
}

func printRow(w io.Writer, cells []string) {
	_, _ = io.WriteString(w, strings.Join(cleanLines(cells), "\t")+"\n") // a table reports at its end what failed
}

func (r *LintReport) hasStates() bool {
	return len(r.Findings) > 0 && r.Findings[0].State != ""
}

// where is the place in a file, or for an object of a cluster the context (if there are several) and field.
func (f LintFinding) where() string {
	switch {
	case f.File == "":
		return strings.TrimSpace(f.Context + " " + f.Path)
	case f.Line == 0:
		return f.File
	default:
		return f.File + ":" + strconv.Itoa(f.Line)
	}
}

// String is the summary in a sentence.
func (s LintSummary) String() string {
	found := "No findings"
	if s.Errors+s.Warnings+s.Infos > 0 {
		found = fmt.Sprintf("%s, %s, %s", Count(s.Errors, "error"), Count(s.Warnings, "warning"), Count(s.Infos, "info"))
	}
	if found == "No findings" && s.NoPath {
		return fmt.Sprintf("No gRPC path seen in %s: nothing to check. %s run.", Count(s.Objects, "object"), Count(s.Checks, "check"))
	}
	if s.Fixed > 0 {
		found += fmt.Sprintf(", %d fixed", s.Fixed)
	}
	text := fmt.Sprintf("%s in %s. %s run", found, Count(s.Objects, "object"), Count(s.Checks, "check"))
	if s.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped at least in part", s.Skipped)
	}
	if s.Suppressed > 0 {
		text += fmt.Sprintf("; %s suppressed", Count(s.Suppressed, "finding"))
	}
	return text + "."
}

// Count is a number of things in words: "1 finding", "3 findings".
func Count(number int, noun string) string {
	if number != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", number, noun)
}
