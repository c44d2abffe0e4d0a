package execution

import (
	"bufio"
	"context"
	"errors"
	"strings"

	"github.com/grpcexpose/kubectl-grpcexpose/internal/interrupt"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/report"
)

// Confirm asks whether to go ahead with what has been shown. Any answer but yes is an error, and so is the end of ctx, which does not
// wait for an answer.
func Confirm(ctx context.Context, streams report.Streams) error {
	report.Printf(streams.Err, "Go ahead? [y/N] ")
	answer, err := interrupt.Until(ctx, func() (string, error) {
		line, _ := bufio.NewReader(streams.In).ReadString('\n') // no line is no answer
		return strings.ToLower(strings.TrimSpace(line)), nil
	})
	switch {
	case err != nil:
		report.Printf(streams.Err, "\n")
		return err
	case answer == "y" || answer == "yes":
		return nil
	default:
		return errors.New("not confirmed: nothing was written")
	}
}
