//go:build unix

package lintrun

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// untrusted is why a file may hold a stranger's words; empty if it belongs to the user or to root, and others may not write it.
func untrusted(info fs.FileInfo) string {
	status, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && status.Uid != 0 && int(status.Uid) != os.Geteuid():
		return fmt.Sprintf("it belongs to another user (%d)", status.Uid)
	case info.Mode().Perm()&0o002 != 0:
		return "everyone may write it"
	}
	return ""
}
