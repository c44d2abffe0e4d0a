package lintrun

import (
	"strings"
	"text/tabwriter"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/checks"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// checkEntry is a check in the list for machines.
type checkEntry struct {
	ID     string         `json:"id"`
	Slug   string         `json:"slug"`
	Levels []checks.Level `json:"levels"`
	Title  string         `json:"title"`
	Since  string         `json:"since"`
}

// printChecks lists the selected checks.
func (o *Options) printChecks() error {
	list := struct {
		APIVersion string       `json:"apiVersion"`
		Kind       string       `json:"kind"`
		Checks     []checkEntry `json:"checks"`
	}{report.APIVersion, "CheckList", []checkEntry{}}
	for _, check := range o.Checks {
		list.Checks = append(list.Checks, checkEntry{check.ID, check.Slug, check.Levels, check.Title, check.Since})
	}
	switch o.Output {
	case "json":
		return report.JSON(o.Streams.Out, list)
	case "yaml":
		return report.YAML(o.Streams.Out, list)
	case "text", "table":
	default:
		return exitcode.Usage("--list-checks has the formats text, table, json and yaml, not %s", o.Output)
	}
	table := tabwriter.NewWriter(o.Streams.Out, 0, 0, 3, ' ', 0)
	report.Printf(table, "ID\tNAME\tLEVEL\tWHAT IT FINDS\n")
	for _, check := range list.Checks {
		levels := make([]string, len(check.Levels))
		for i, level := range check.Levels {
			levels[i] = string(level)
		}
		report.Printf(table, "%s\t%s\t%s\t%s\n", check.ID, check.Slug, strings.Join(levels, "/"), check.Title)
	}
	return table.Flush()
}
