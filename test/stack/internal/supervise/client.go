package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNotRunning says that no supervisor listens in the folder: the stack was never started, or is gone.
var ErrNotRunning = errors.New("no supervisor runs")

// Client gives orders to one supervisor. It may be used from several goroutines.
type Client struct {
	connection *rpc.Client
	folder     string
	pid        int           // 0 unless this program started the supervisor
	tether     *os.File      // likewise nil
	ended      chan struct{} // closed when the supervisor has ended; nil unless this program started it
}

// Launch starts the supervisor program for the stack in the folder, which exists, and connects to it. The supervisor
// ends when this program does, until it is released. It inherits the files and never touches them: locks on them last
// as long as it runs.
func Launch(ctx context.Context, program, folder string, inherit ...*os.File) (*Client, error) {
	if length := len(SocketPath(folder)); length > socketPathLimit {
		return nil, fmt.Errorf("the path %s has %d characters, and a socket's may have %d: set XDG_CACHE_HOME to a shorter one", SocketPath(folder), length, socketPathLimit)
	}
	if err := os.MkdirAll(filepath.Dir(LogPath(folder)), 0o755); err != nil {
		return nil, err
	}
	logFile, err := os.Create(LogPath(folder))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	command := exec.Command(program, folder)
	command.Stdin, command.Stdout, command.Stderr = theirs, logFile, logFile
	command.ExtraFiles = inherit
	// A session of its own: neither Ctrl-C nor a closed terminal reaches it, only the tether does.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	client := &Client{folder: folder, pid: command.Process.Pid, tether: ours, ended: make(chan struct{})}
	go func() {
		_ = command.Wait()
		close(client.ended)
	}()
	if err := client.connect(ctx); err != nil {
		ours.Close()
		said, _ := os.ReadFile(LogPath(folder))
		return nil, fmt.Errorf("the supervisor of %s does not answer: %w\n%s", folder, err, strings.TrimSpace(string(said)))
	}
	return client, nil
}

// connect waits for the supervisor that this program has started.
func (c *Client) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		connection, err := net.Dial("unix", SocketPath(c.folder))
		if err == nil {
			c.connection = rpc.NewClient(connection)
			return nil
		}
		select {
		case <-c.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Dial connects to the supervisor of the stack in the folder, or returns ErrNotRunning.
func Dial(folder string) (*Client, error) {
	connection, err := net.Dial("unix", SocketPath(folder))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, err
	}
	return &Client{folder: folder, connection: rpc.NewClient(connection)}, nil
}

// PID returns the supervisor's process id if this program started it, and else 0.
func (c *Client) PID() int {
	return c.pid
}

// Start runs a command.
func (c *Client) Start(command Command) (Process, error) {
	var process Process
	err := c.call("Start", command, &process)
	return process, err
}

// Stop ends the process of the name and returns when it is gone.
func (c *Client) Stop(name string) (Process, error) {
	var process Process
	err := c.call("Stop", name, &process)
	return process, err
}

// List returns all processes in the order in which they were started.
func (c *Client) List() ([]Process, error) {
	var list []Process
	err := c.call("List", Nothing{}, &list)
	return list, err
}

// Release lets the stack outlive this program.
func (c *Client) Release() error {
	return c.call("Release", Nothing{}, &Nothing{})
}

// Shutdown ends every process of the stack and removes its folder, and returns when that is done.
func (c *Client) Shutdown() error {
	if err := c.call("Shutdown", Nothing{}, &Nothing{}); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	defer c.Close()
	// The folder goes last, after the processes.
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(c.folder); errors.Is(err, os.ErrNotExist) {
			if c.ended != nil {
				<-c.ended
			}
			return nil
		}
	}
	return fmt.Errorf("the stack in %s does not end: look at %s", c.folder, LogPath(c.folder))
}

// Close ends the connection, and with it a tethered stack that this program started.
func (c *Client) Close() error {
	if c.tether != nil {
		c.tether.Close()
	}
	return c.connection.Close()
}

func (c *Client) call(method string, argument, answer any) error {
	err := c.connection.Call(serviceName+"."+method, argument, answer)
	// The supervisor has ended, perhaps before it could answer.
	if errors.Is(err, rpc.ErrShutdown) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrNotRunning
	}
	return err
}
