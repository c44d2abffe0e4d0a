//go:build unix

package manifest

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file the user and the group of an old one.
func keepOwner(created *os.File, old fs.FileInfo) error {
	info, err := created.Stat()
	if err != nil {
		return err
	}
	now, ok := info.Sys().(*syscall.Stat_t)
	was, known := old.Sys().(*syscall.Stat_t)
	if !ok || !known || now.Uid == was.Uid && now.Gid == was.Gid {
		return nil
	}
	return created.Chown(int(was.Uid), int(was.Gid))
}

// hardLinks is the number of names that a file has.
func hardLinks(info fs.FileInfo) uint64 {
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(status.Nlink) //nolint:unconvert // its type differs between systems
	}
	return 1
}
