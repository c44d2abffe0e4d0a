package plugin

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/exitcode"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// The exit codes, whatever the output format.
const (
	// ExitFine: it was done, or there is nothing to complain of.
	ExitFine = 0
	// ExitBad: the answer is bad: findings at or above --fail-on, a failed verification, a difference with --exit-code.
	ExitBad = 1
	// ExitFailed: it could not be done: usage, files, API, permission, timeout.
	ExitFailed = 2
)

// usage is a flag or argument that makes no sense.
func usage(format string, arguments ...any) error { return exitcode.Usage(format, arguments...) }

// flagError is the error of a flag that cannot be read, in the words of the other flags' errors.
func flagError(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		// What follows a slip such as -token=… or --=… may be a secret.
		text, _, _ := strings.Cut(err.Error(), "=")
		return &exitcode.UsageError{Message: text}
	}
	wanted := map[string]string{"int32": "a whole number", "duration": "a time, as 90s or 5m", "bool": "true or false"}
	flag := invalid.GetFlag()
	kind, ok := wanted[flag.Value.Type()]
	if !ok {
		return &exitcode.UsageError{Message: err.Error()}
	}
	return usage("--%s=%s: must be %s", flag.Name, invalid.GetValue(), kind)
}

// exitCode prints an error, if it has not been printed yet, and gives the process's exit code.
func exitCode(w io.Writer, command string, err error) int {
	switch {
	case err == nil:
		return ExitFine
	case errors.Is(err, exitcode.ErrBadAnswer):
		return ExitBad
	case errors.Is(err, context.Canceled):
		report.Printf(w, "interrupted\n")
		return ExitFailed
	}
	title := "error: "
	for _, line := range report.ErrorLines(err) {
		report.Printf(w, "%s%s\n", title, line)
		title = ""
	}
	if _, ok := errors.AsType[*exitcode.UsageError](err); ok {
		report.Printf(w, "See '%s --help'\n", command)
	}
	return ExitFailed
}
