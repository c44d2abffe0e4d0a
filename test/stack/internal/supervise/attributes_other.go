//go:build !linux

package supervise

import "syscall"

// dieWithParent returns attributes for a process in a group of its own, which keeps a terminal's Ctrl-C away from it.
// Other systems than Linux cannot tie a process to its parent, so it outlives a supervisor that is killed with SIGKILL.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
