package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cost is what a run of a program takes.
type cost struct {
	wall, user time.Duration
	// peak is the largest resident set in bytes.
	peak int64
}

// program is a command line to measure.
type program struct {
	name      string
	path      string
	arguments []string
}

// measure runs programs by turns, so that what else the machine does falls on all alike, and gives the medians of each.
// One run of each goes before, which fills the server's caches and the system's.
func measure(ctx context.Context, runs int, kubeconfig string, programs ...program) ([]cost, error) {
	costs := make([][]cost, len(programs))
	for turn := range runs + 1 {
		for i, program := range programs {
			taken, err := program.run(ctx, kubeconfig)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", program.name, err)
			}
			if turn > 0 {
				costs[i] = append(costs[i], taken)
			}
		}
	}
	medians := make([]cost, len(programs))
	for i, all := range costs {
		medians[i] = cost{
			wall: median(all, func(c cost) time.Duration { return c.wall }),
			user: median(all, func(c cost) time.Duration { return c.user }),
			peak: median(all, func(c cost) int64 { return c.peak }),
		}
	}
	return medians, nil
}

func median[T time.Duration | int64](costs []cost, of func(cost) T) T {
	values := make([]T, len(costs))
	for i, cost := range costs {
		values[i] = of(cost)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// run runs the program once. That it finds faults (exit code 1, for istioctl 79) is no error.
func (p program) run(ctx context.Context, kubeconfig string) (cost, error) {
	command := exec.CommandContext(ctx, p.path, p.arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	var output strings.Builder
	command.Stderr = &output
	started := time.Now()
	err := command.Run()
	wall := time.Since(started)
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 79) {
		err = nil
	}
	if err != nil {
		return cost{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(output.String()))
	}
	state := command.ProcessState
	used, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, errors.New("the system does not tell what a process has used")
	}
	return cost{wall: wall, user: state.UserTime(), peak: used.Maxrss * rssUnit}, nil
}
