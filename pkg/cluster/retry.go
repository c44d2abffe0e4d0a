package cluster

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// retryBackoff is how often, and how long apart, something is tried that the server could not do just then: about ten
// seconds in all.
var retryBackoff = wait.Backoff{Duration: 250 * time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 4}

// retry does work again while its error is one that may pass, a few times, and gives the last error. work must find out by
// itself whether the try before has had an effect.
func retry(ctx context.Context, work func() error) error {
	backoff := retryBackoff
	for {
		err := work()
		if err == nil || ctx.Err() != nil || !broken(err) || backoff.Steps == 0 {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff.Step()):
		}
	}
}

// broken says that a request's outcome is unknown or that trying again may help: the connection broke, the server was not
// able just then, or it lost a race with itself.
func broken(err error) bool {
	_, unreachable := errors.AsType[*Unreachable](err)
	_, failed := errors.AsType[*ServerFailure](err)
	timeout, timedOut := errors.AsType[*Timeout](err)
	modified, changed := errors.AsType[*Modified](err)
	return unreachable || failed || timedOut && timeout.After > 0 || changed && modified.raced
}
