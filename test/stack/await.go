package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/controlplane"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

const (
	// patience is how long a part of the stack may take to do its work. It takes seconds; a busy machine may need more.
	patience = 2 * time.Minute
	// pollInterval is short because start-up time is what it costs.
	pollInterval = 50 * time.Millisecond
	// tailSize is how much of a log an error shows, in bytes.
	tailSize = 3000
)

// run starts the command; it takes the results of the functions that make one.
func (s *Stack) run(command supervise.Command, err error) error {
	if err != nil {
		return err
	}
	_, err = s.supervisor.Start(command)
	return err
}

// awaitURL waits until the URL answers 200.
func (s *Stack) awaitURL(ctx context.Context, process, url string) error {
	return s.await(ctx, process, "is ready", func(ctx context.Context) error { return controlplane.Healthy(ctx, url) })
}

// await waits until probe returns nil, which shows what the process then does or is, in words such as "is ready". If the
// process ends or time is up, the error has the tail of the process's log.
func (s *Stack) await(ctx context.Context, process, does string, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := probe(ctx)
		if err == nil {
			fmt.Fprintf(s.log(), "%5.1fs  %s %s\n", time.Since(s.record.Started).Seconds(), process, does)
			return nil
		}
		now, listError := s.process(process)
		switch {
		case listError != nil:
			return listError
		case !now.Running:
			return fmt.Errorf("waited until %s %s, but %w", process, does, deathOf(now))
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("waited %s until %s %s: %w%s", patience, process, does, err, tail(now.Log))
			}
			return fmt.Errorf("waiting until %s %s: %w", process, does, ctx.Err())
		case <-time.After(pollInterval):
		}
	}
}

// process returns the state of the process of the name.
func (s *Stack) process(name string) (supervise.Process, error) {
	list, err := s.supervisor.List()
	if err != nil {
		return supervise.Process{}, fmt.Errorf("ask the supervisor for %s: %w", name, err)
	}
	for _, process := range list {
		if process.Name == name {
			return process, nil
		}
	}
	return supervise.Process{}, fmt.Errorf("%s was never started", name)
}

// death is the error that a process has ended of itself: how, and the end of its log, which goes with the stack.
type death string

func deathOf(process supervise.Process) death {
	return death(fmt.Sprintf("%s has ended: %s%s", process.Name, process.Exit, tail(process.Log)))
}

func (d death) Error() string { return string(d) }

// withDeaths adds to an error which of the stack's processes have ended, and how, as far as it does not say so itself: a
// request that breaks off does not tell that the API server is gone, nor why.
func (s *Stack) withDeaths(err error) error {
	list, listError := s.supervisor.List()
	if listError != nil {
		return errors.Join(err, fmt.Errorf("ask the supervisor which processes have ended: %w", listError))
	}
	for _, process := range list {
		if !process.Running && !strings.Contains(err.Error(), string(deathOf(process))) {
			err = errors.Join(err, deathOf(process))
		}
	}
	return err
}

// log returns where progress goes. A stack that another process started has nowhere.
func (s *Stack) log() io.Writer {
	if s.record.Options.Log == nil {
		return io.Discard
	}
	return s.record.Options.Log
}

// tail returns the end of the log as an indented block for an error.
func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("\n  (its log cannot be read: %v)", err)
	}
	text := string(content[max(0, len(content)-tailSize):])
	return "\nThe end of its log:\n  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
