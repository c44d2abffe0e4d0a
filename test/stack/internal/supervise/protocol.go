// Package supervise keeps the processes of one stack together: a small program, the supervisor, is the parent of all of
// them, takes orders over a socket in the stack's folder, and ends with everything it started when the program that
// started it ends, however that ends.
//
// Only the standard library: the supervisor must be quick to build and to start.
package supervise

import (
	"path/filepath"
	"time"
)

// Command says what to run.
type Command struct {
	Name      string // unique in the stack
	Path      string // of the program
	Arguments []string
	Env       []string // all of it, as in os/exec
	Dir       string   // working directory, which exists
	Log       string   // file to append stdout and stderr to
}

// Process is what became of a command.
type Process struct {
	Name    string
	PID     int
	Log     string
	Started time.Time
	Running bool
	Exit    string // once it no longer runs: how it ended, in os/exec's words
}

// Nothing stands for an argument or answer that a call does not have; net/rpc insists on both.
type Nothing struct{}

// serviceName is what the calls are registered under.
const serviceName = "Supervisor"

// SocketPath returns where the supervisor of the stack in the folder listens.
func SocketPath(folder string) string {
	return filepath.Join(folder, "control.sock")
}

// socketPathLimit is what the smaller systems allow, macOS for one: sun_path in sys/un.h, with its closing zero.
const socketPathLimit = 103

// LogPath returns where the supervisor of the stack in the folder writes its own log.
func LogPath(folder string) string {
	return filepath.Join(folder, "logs", "supervisor.log")
}
