package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Write puts the changes on disk, all of them or none: every new text is written to a file beside the old one first, and only
// when all are there they take the old ones' places, each in one step, so that nobody ever reads half of a file. Owner and mode
// stay, and a symbolic link stays a link. A file that cannot be changed like that is an error, and nothing is changed then: one
// that has changed since it was read, that may not be written, that has another hard link, or whose link leads out of the
// folders that the user named. Where the file system fails in between, the error says which files are changed.
func Write(changes []FileChange) error {
	var staged []*stagedFile
	defer func() {
		for _, file := range staged {
			_ = os.Remove(file.temporary) // gone, if it has taken its place
		}
	}()
	for _, change := range changes {
		file, err := change.stage()
		if file != nil {
			staged = append(staged, file)
		}
		if err == nil && slices.ContainsFunc(staged[:len(staged)-1], func(other *stagedFile) bool { return other.target == file.target }) {
			err = &Error{File: change.Path, Message: fmt.Sprintf("it is the same file as another one that is changed, %s; name it once", file.target)}
		}
		if err != nil {
			return nothingChanged(err, len(changes))
		}
	}
	for i, file := range staged {
		if err := rename(file.temporary, file.target); err != nil {
			return partlyChanged(changes, i, err)
		}
	}
	return nil
}

// rename is replaced by a test.
var rename = os.Rename

func nothingChanged(err error, files int) error {
	if wrong, ok := errors.AsType[*Error](err); ok && files > 1 {
		wrong.Message += "; no file was changed"
	}
	return err
}

// partlyChanged says what is changed after the file system refused to replace the file at an index.
func partlyChanged(changes []FileChange, failed int, err error) error {
	wrong := writeError(changes[failed].Path, err)
	if len(changes) > 1 {
		var paths []string
		for _, change := range changes {
			paths = append(paths, change.Path)
		}
		wrong.Message += fmt.Sprintf("; changed: %s; not changed: %s; run the command again",
			cmp.Or(strings.Join(paths[:failed], ", "), "none"), strings.Join(paths[failed:], ", "))
	}
	return wrong
}

// stagedFile is a new text that waits beside the file that it is to replace.
type stagedFile struct{ temporary, target string }

// stage writes the new text to a temporary file with the owner and the mode of the old one.
func (c FileChange) stage() (*stagedFile, error) {
	target, mode := c.Path, fs.FileMode(0o644)
	var old fs.FileInfo
	if c.Before == nil {
		if _, err := os.Lstat(target); err == nil {
			return nil, &Error{File: c.Path, Message: "the file is there already; move it away"}
		}
	} else {
		var err error
		if target, old, err = c.target(); err != nil {
			return nil, err
		}
		mode = old.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return nil, writeError(c.Path, err)
	}
	staged := &stagedFile{temporary.Name(), target}
	var ownerErr error
	if old != nil {
		ownerErr = keepOwner(temporary, old)
	}
	_, writeErr := temporary.Write(c.After)
	if err := errors.Join(writeErr, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return staged, writeError(c.Path, err)
	}
	if ownerErr != nil {
		return staged, &Error{File: c.Path, Message: "it belongs to another user or group, which it would not keep; make the change as its owner"}
	}
	return staged, nil
}

// target is the file behind the path, which may be a link.
func (c FileChange) target() (path string, info fs.FileInfo, err error) {
	path, err = filepath.EvalSymlinks(c.Path)
	if err != nil {
		return "", nil, writeError(c.Path, err)
	}
	folders := c.folders
	if folders == nil {
		folders = []string{filepath.Dir(c.Path)}
	}
	if err := staysIn(c.Path, path, folders); err != nil {
		return "", nil, err
	}
	now, info, err := ReadRegular(path, maxFileSize)
	switch {
	case err != nil:
		return "", nil, writeError(c.Path, err)
	case !bytes.Equal(now, c.Before):
		return "", nil, &Error{File: c.Path, Message: "the file has changed since it was read; run the command again"}
	case info.Mode().Perm()&0o222 == 0: // the directory would let the file be replaced all the same
		return "", nil, &Error{File: c.Path, Message: "it cannot be written: it is read-only"}
	case hardLinks(info) > 1:
		return "", nil, &Error{File: c.Path, Message: "it cannot be written: it has another hard link, which would keep the old text; copy it to a file of its own, or make the change by hand"}
	}
	opened, err := os.OpenFile(path, os.O_WRONLY, 0) // so would the directory
	if err != nil {
		return "", nil, writeError(c.Path, err)
	}
	return path, info, opened.Close()
}

// staysIn is an error if what a path leads to is in none of the folders.
func staysIn(path, target string, folders []string) error {
	for _, folder := range folders {
		folder, err := filepath.EvalSymlinks(folder)
		if err != nil {
			continue
		}
		if relative, err := filepath.Rel(folder, target); err == nil && filepath.IsLocal(relative) {
			return nil
		}
	}
	return &Error{File: path, Message: fmt.Sprintf("it is a link that leads out of what was named, to %s; name that file itself with -f if it is to be changed", target)}
}

func writeError(path string, err error) *Error {
	var cause *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &cause):
		err = cause.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return &Error{File: path, Message: "it cannot be written: " + err.Error()}
}
