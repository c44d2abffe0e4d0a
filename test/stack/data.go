package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/controlplane"
)

// StopAndKeep ends the stack and keeps what its etcd holds in the folder, which must not exist, for Options.Data of later
// stacks. What is in the folder is complete: it comes into being in one step.
func (s *Stack) StopAndKeep(folder string) error {
	processes, err := s.supervisor.List()
	if err != nil {
		return err
	}
	// The API server and etcd were started first, and are the last to go: nobody writes when they do.
	for i := len(processes) - 1; i >= 0; i-- {
		if _, err := s.supervisor.Stop(processes[i].Name); err != nil {
			return errors.Join(err, s.Stop())
		}
	}
	err = copyWhole(controlplane.EtcdData(s.record.Plane.Folder), folder)
	return errors.Join(err, s.Stop())
}

// restoreData gives etcd, which does not run yet, what an earlier stack has kept.
func (s *Stack) restoreData() error {
	if s.record.Options.Data == "" {
		return nil
	}
	if err := copyWhole(s.record.Options.Data, controlplane.EtcdData(s.record.Plane.Folder)); err != nil {
		return fmt.Errorf("restore the data of an earlier stack: %w", err)
	}
	return nil
}

// copyWhole copies a folder, all of it or nothing.
func copyWhole(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	unfinished := to + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.CopyFS(unfinished, os.DirFS(from)); err != nil {
		return err
	}
	return os.Rename(unfinished, to)
}
