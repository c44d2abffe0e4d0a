// Bench measures lint on a real control plane that holds a large cluster, side by side with istioctl analyze and with the bare
// time to list what lint reads; how it grows with the cluster; and lint of files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

// errMissed says that a limit was not kept; the table has said which.
var errMissed = errors.New("missed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errMissed):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

// These arguments make the program the one that lists: bytes that nobody looks at, or objects.
const (
	listBytes   = "list-bytes"
	listObjects = "list-objects"
)

func run(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	lint := flags.String("lint", "../../bin/kubectl-grpcexpose", "the plugin to measure")
	runs := flags.Int("runs", 7, "how often each program runs; the medians count")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if form := flags.Arg(0); form == listBytes || form == listObjects {
		lister, err := newLister(os.Getenv("KUBECONFIG"), form == listObjects)
		if err != nil {
			return err
		}
		return lister.listAll(ctx)
	}
	path, err := filepath.Abs(*lint)
	if err != nil {
		return err
	}
	b := &bench{lint: path, runs: *runs}
	b.self, err = os.Executable()
	if err != nil {
		return err
	}
	for _, measure := range []func(context.Context) error{b.files, b.smallCluster, b.largeCluster} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return b.table.print(os.Stdout)
}

// bench is one run of the program.
type bench struct {
	// lint and self are the paths of the plugin and of this program.
	lint, self string
	runs       int
	table      table
	// small is what lint takes for the small cluster.
	small cost
}

func (b *bench) lintAs(name string, arguments ...string) program {
	return program{name: name, path: b.lint, arguments: append([]string{"lint"}, arguments...)}
}

func (b *bench) files(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "bench-lint")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	count, err := writeFiles(folder, repository)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("lint -f, %d objects", count)
	taken, err := measure(ctx, b.runs, "", b.lintAs(name, "-f", folder))
	if err != nil {
		return err
	}
	b.table.add(name, taken[0])
	b.table.wallTime(taken[0], 2*time.Second)
	return nil
}

func (b *bench) smallCluster(ctx context.Context) error {
	return withStack(ctx, small, func(s *stack.Stack) error {
		name := fmt.Sprintf("lint -A, %d pods", small.pods)
		taken, err := measure(ctx, b.runs, s.Kubeconfig, b.lintAs(name, "-A"))
		if err != nil {
			return err
		}
		b.small = taken[0]
		b.table.add(name, b.small)
		return nil
	})
}

func (b *bench) largeCluster(ctx context.Context) error {
	return withStack(ctx, large, func(s *stack.Stack) error {
		whole, one := fmt.Sprintf("lint -A, %d pods", large.pods), "lint -n, one of the namespaces"
		bytes, objects, analyze := "list what lint reads, bytes alone", "list what lint reads, as client-go does", "istioctl analyze -A"
		taken, err := measure(ctx, b.runs, s.Kubeconfig,
			b.lintAs(whole, "-A"), program{bytes, b.self, []string{listBytes}}, program{objects, b.self, []string{listObjects}},
			program{analyze, s.Bin("istioctl"), []string{"analyze", "-A"}}, b.lintAs(one, "-n", namespace(7)))
		if err != nil {
			return err
		}
		lint, inBytes, inObjects, analyzed, narrow := taken[0], taken[1], taken[2], taken[3], taken[4]
		b.table.add(whole, lint)
		b.table.ratio("growth of wall time", ratio(lint.wall, b.small.wall), 10)
		b.table.ratio("growth of user CPU", ratio(lint.user, b.small.user), 10)
		b.table.ratio("growth of peak memory", ratio(lint.peak, b.small.peak), 10)
		b.table.add(bytes, inBytes)
		b.table.inform("lint's wall time to it", ratio(lint.wall, inBytes.wall))
		b.table.add(objects, inObjects)
		b.table.ratio("lint's wall time to it", ratio(lint.wall, inObjects.wall), 1.5)
		b.table.add(analyze, analyzed)
		b.table.ratio("lint's wall time to it", ratio(lint.wall, analyzed.wall), 0.1)
		b.table.ratio("lint's user CPU to it", ratio(lint.user, analyzed.user), 0.1)
		b.table.ratio("lint's peak memory to it", ratio(lint.peak, analyzed.peak), 0.25)
		b.table.add(one, narrow)
		b.table.wallTime(narrow, 500*time.Millisecond)
		b.table.peakMemory(narrow, 100*megabyte)
		return nil
	})
}

// withStack does something with a stack of the size, which ends with it.
func withStack(ctx context.Context, s size, do func(*stack.Stack) error) (err error) {
	loaded, err := loadedStack(ctx, s, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loaded.Stop()) }()
	fmt.Fprintln(os.Stderr, "Measuring.")
	return do(loaded)
}
