package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

// DefaultName is the name of the stack of Up and Down without any.
const DefaultName = "default"

// Up returns the stack of the name, which outlives this process until Down. A healthy stack of the same name and flavour
// is left as it is; one that is broken or was killed is started anew; one of another flavour is an error.
func Up(ctx context.Context, options Options) (*Stack, error) {
	if options.Name == "" {
		options.Name = DefaultName
	}
	if err := options.complete(); err != nil {
		return nil, err
	}
	folder, err := stackFolder(options.Name)
	if err != nil {
		return nil, err
	}
	unlock, err := lockName(ctx, options.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	existing, err := reuse(ctx, folder, options)
	if err != nil || existing != nil {
		return existing, err
	}
	s, err := launch(ctx, folder, options)
	if err != nil {
		return nil, err
	}
	if err := s.supervisor.Release(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// reuse returns the healthy stack in the folder, or nil when there is none and the way is clear for a new one.
func reuse(ctx context.Context, folder string, options Options) (*Stack, error) {
	existing, err := attach(folder)
	if errors.Is(err, supervise.ErrNotRunning) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the stack %q: %w", options.Name, err)
	}
	if existing.Flavour != options.Flavour {
		return nil, fmt.Errorf("the stack %q runs with flavour %s, not %s: end it first (down --name %s), or take another name",
			options.Name, existing.Flavour, options.Flavour, options.Name)
	}
	health := existing.health(ctx)
	if health == "" {
		fmt.Fprintf(options.Log, "The stack %q runs already.\n", options.Name)
		return existing, nil
	}
	fmt.Fprintf(options.Log, "The stack %q is broken (%s); starting it anew.\n", options.Name, health)
	return nil, existing.Stop()
}

// Down ends the stack of the name and removes all that it had, and reports whether there was one.
func Down(ctx context.Context, name string) (bool, error) {
	folder, err := stackFolder(name)
	if err != nil {
		return false, err
	}
	unlock, err := lockName(ctx, name)
	if err != nil {
		return false, err
	}
	defer unlock()
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	client, err := supervise.Dial(folder)
	if errors.Is(err, supervise.ErrNotRunning) {
		return true, os.RemoveAll(folder)
	}
	if err != nil {
		return true, err
	}
	return true, client.Shutdown()
}

// Status is what List tells about a stack.
type Status struct {
	Name       string
	Flavour    Flavour
	Kubeconfig string
	Started    time.Time
	// Problem says why the stack cannot be used, and is empty if it can.
	Problem string
}

// List returns the status of every stack on the machine that belongs to the user, sorted by name.
func List(ctx context.Context) ([]Status, error) {
	stacks, err := stacksFolder()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(stacks)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var list []Status
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			list = append(list, statusOf(ctx, filepath.Join(stacks, entry.Name()), entry.Name()))
		}
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func statusOf(ctx context.Context, folder, name string) Status {
	status := Status{Name: name}
	if r, err := readRecord(folder); err == nil {
		status.Flavour, status.Started, status.Kubeconfig = r.Options.Flavour, r.Started, r.Plane.Credentials.Admin
	}
	s, err := attach(folder)
	switch {
	case errors.Is(err, supervise.ErrNotRunning):
		status.Problem = "its processes are gone"
	case err != nil:
		status.Problem = err.Error()
	default:
		defer s.supervisor.Close()
		status.Problem = s.health(ctx)
	}
	return status
}

// health returns what is wrong with the stack, or "".
func (s *Stack) health(ctx context.Context) string {
	if !s.record.Ready {
		return "it is still starting"
	}
	processes, err := s.supervisor.List()
	if err != nil {
		return err.Error()
	}
	for _, process := range processes {
		if !process.Running {
			return fmt.Sprintf("%s has ended: %s; its log is %s", process.Name, process.Exit, process.Log)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.cluster.Ready(ctx); err != nil {
		return fmt.Sprintf("kube-apiserver is not ready: %v", err)
	}
	return ""
}
