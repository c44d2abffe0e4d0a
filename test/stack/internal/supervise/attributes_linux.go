package supervise

import "syscall"

// dieWithParent returns attributes for a process that the kernel kills when the supervisor ends without having done so
// itself. A group of its own keeps a terminal's Ctrl-C away from it.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
