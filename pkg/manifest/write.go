package manifest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts the changes on disk. Each file is replaced in one step, so that nobody ever reads half of it; its mode stays,
// and a symbolic link stays a link. A file that someone has changed since it was read, or that may not be written, is an error,
// and nothing is written then.
func Write(changes []FileChange) error {
	for _, change := range changes {
		if change.Before == nil {
			continue
		}
		if _, _, err := change.target(); err != nil {
			return err
		}
	}
	for _, change := range changes {
		if err := change.write(); err != nil {
			return err
		}
	}
	return nil
}

func (c FileChange) write() error {
	target, mode := c.Path, fs.FileMode(0o644)
	if c.Before != nil {
		var err error
		if target, mode, err = c.target(); err != nil {
			return err
		}
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return writeError(c.Path, err)
	}
	_, writeErr := temporary.Write(c.After)
	err = errors.Join(writeErr, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), target)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return writeError(c.Path, err)
	}
	return nil
}

// target is the file behind the path, which may be a link, and its mode.
func (c FileChange) target() (path string, mode fs.FileMode, err error) {
	path, err = filepath.EvalSymlinks(c.Path)
	if err != nil {
		return "", 0, writeError(c.Path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, writeError(c.Path, err)
	}
	now, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "", 0, writeError(c.Path, err)
	case !bytes.Equal(now, c.Before):
		return "", 0, &Error{File: c.Path, Message: "the file has changed since it was read; run the command again"}
	}
	if info.Mode().Perm()&0o222 == 0 { // the directory would let the file be replaced all the same
		return "", 0, &Error{File: c.Path, Message: "it cannot be written: it is read-only"}
	}
	return path, info.Mode().Perm(), nil
}

func writeError(path string, err error) *Error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return &Error{File: path, Message: "it cannot be written: " + err.Error()}
}
