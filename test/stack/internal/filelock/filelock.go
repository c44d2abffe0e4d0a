// Package filelock keeps processes of one machine out of each other's way with advisory locks on files.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrHeld says that another open file holds the lock.
var ErrHeld = errors.New("the lock is held by another process")

// Try locks the file, which it creates with its folder where it does not exist, and returns at once: the open file, or
// ErrHeld. The lock lasts until the file is closed, and a process that inherits the file keeps it. The kernel gives it
// back when its last holder dies, so there are no stale locks. The file itself is left: removing it would let two
// processes lock two files of one name.
func Try(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrHeld
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}

// Wait locks the file like Try, but waits for its turn until the context ends. It calls waiting, which may be nil, once
// if it has to.
func Wait(ctx context.Context, path string, waiting func()) (*os.File, error) {
	for first := true; ; first = false {
		file, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return file, err
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
