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

// raceBackoff is how long apart something is tried that others were quicker to write: at first about as long as their write
// takes. As long as the object goes on from version to version there is no last try: each of them is somebody's success.
var raceBackoff = wait.Backoff{Duration: 4 * time.Millisecond, Factor: 1.6, Jitter: 2, Steps: 20, Cap: 150 * time.Millisecond}

// standstillBackoff is for a lost race after which the object is as it was: about five seconds in all.
var standstillBackoff = wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 8}

// retry does work again while its error is one that may pass, and gives the last error: as often as the backoff has steps, and
// where others keep writing the object until the context ends. work must find out by itself whether the try before has had an
// effect.
func retry(ctx context.Context, backoff wait.Backoff, work func() error) error {
	races, standstill, version := raceBackoff, standstillBackoff, "none"
	for {
		err := work()
		if err == nil || ctx.Err() != nil {
			return err
		}
		var pause time.Duration
		lost, isRace := race(err)
		switch {
		case isRace && lost != version:
			version, pause = lost, races.Step()
		case isRace && standstill.Steps > 0:
			pause = standstill.Step()
		case broken(err) && backoff.Steps > 0:
			pause = backoff.Step()
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return outrun(ctx, err)
		case <-time.After(pause):
		}
	}
}

// broken reports whether a request's outcome is unknown or trying again may help: the connection broke, or the server was not
// able just then.
func broken(err error) bool {
	_, unreachable := errors.AsType[*Unreachable](err)
	_, failed := errors.AsType[*ServerFailure](err)
	timeout, timedOut := errors.AsType[*Timeout](err)
	return unreachable || failed || timedOut && timeout.After > 0
}

// raced reports whether a write was not made because somebody else was quicker.
func raced(err error) bool {
	_, isRace := race(err)
	return isRace
}

// race is the version of the object that the write which was too late started from.
func race(err error) (version string, isRace bool) {
	if modified, ok := errors.AsType[*Modified](err); ok && modified.raced {
		return modified.version, true
	}
	if conflict, ok := errors.AsType[*Conflict](err); ok && conflict.raced {
		return conflict.version, true
	}
	exists, ok := errors.AsType[*AlreadyExists](err)
	return "", ok && exists.raced
}

// outrun is the error of a work that the context ended: a lost race is then a matter of time.
func outrun(ctx context.Context, err error) error {
	modified, ok := errors.AsType[*Modified](err)
	switch {
	case !ok || !modified.raced:
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Timeout{Doing: "changing " + modified.Object, Explanation: "others keep writing it"}
	default:
		return context.Cause(ctx)
	}
}
