package manifest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

var (
	errNotRegular = errors.New("it is not a regular file")
	errTooLarge   = errors.New("it is too large")
)

// ReadRegular reads a file of at most limit bytes, and never waits: what is not a regular file, as a pipe or a device, is an
// error, and so is a file that is larger.
func ReadRegular(path string, limit int64) ([]byte, fs.FileInfo, error) {
	opened, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // else to open a pipe would wait for its writer
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = opened.Close() }()
	info, err := opened.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, info, errNotRegular
	}
	text, err := readAtMost(opened, limit)
	return text, info, err
}

// readAtMost reads until the end, but no more than the limit.
func readAtMost(reader io.Reader, limit int64) ([]byte, error) {
	var text bytes.Buffer
	read, err := text.ReadFrom(io.LimitReader(reader, limit+1))
	if err == nil && read > limit {
		err = errTooLarge
	}
	return text.Bytes(), err
}
