package execution

import (
	"context"
	"errors"
	"fmt"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/cluster"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// account says after a failure how things stand.
func (e *Execution) account(result cluster.ApplyResult, cause error) error {
	var lines report.LinesError
	switch {
	case errors.Is(cause, context.Canceled):
		lines = report.LinesError{"interrupted"}
	case errors.Is(cause, context.DeadlineExceeded):
		lines = report.LinesError{fmt.Sprintf("the time limit of %s was reached", e.Options.Timeout)}
	default:
		lines = report.ErrorLines(cause)
	}
	line := func(title string, changes ...plan.Change) {
		for _, change := range changes {
			lines = append(lines, fmt.Sprintf("  %-9s %s: %s", title, plan.Name(change.Object), report.ChangeText(change)))
		}
	}
	for _, applied := range result.Done {
		line("done", applied.Change)
	}
	if result.Failed != nil {
		title := "failed"
		if result.Unknown {
			title = "unknown"
		}
		line(title, *result.Failed)
	}
	line("not done", result.NotBegun...)
	lines = append(lines, "To go on:   "+e.GoOn)
	if e.GoBack != "" && len(result.Done) > 0 {
		lines = append(lines, "To go back: "+e.GoBack)
	}
	return &unfinished{LinesError: lines, cause: cause}
}

// unfinished is the account of a plan that ended before it was done.
type unfinished struct {
	report.LinesError
	cause error
}

// Unwrap is the cause, but for an interruption: the account is what is printed then.
func (e *unfinished) Unwrap() error {
	if errors.Is(e.cause, context.Canceled) {
		return nil
	}
	return e.cause
}
