package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/rpc"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// Service has the supervisor's calls, for net/rpc.
type Service struct {
	processes *processes
	end       chan string // why to end; buffered, and only the first reason counts
	released  atomic.Bool
}

// Serve runs a supervisor for the stack in the folder until it is told to shut down, gets SIGTERM or, if it is tethered
// and not released, tether is at its end: its other end is then held by the program that started the supervisor alone,
// and the kernel closes it even when that program is killed. On return no process that it started is left, and the
// folder is gone.
func Serve(folder string, tether io.Reader) error {
	listener, err := net.Listen("unix", SocketPath(folder))
	if err != nil {
		return fmt.Errorf("listen on the control socket: %w", err)
	}
	service := &Service{processes: newProcesses(), end: make(chan string, 1)}
	server := rpc.NewServer()
	if err := server.RegisterName(serviceName, service); err != nil {
		return err
	}
	go server.Accept(listener)
	if tether != nil {
		go service.watch(tether)
	}
	signals, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	select {
	case reason := <-service.end:
		log.Printf("ending: %s", reason)
	case <-signals.Done():
		log.Printf("ending: %v", context.Cause(signals))
	}
	// The socket first: who can no longer connect knows that the stack is gone.
	listener.Close()
	service.processes.killAll()
	return os.RemoveAll(folder)
}

func (s *Service) watch(tether io.Reader) {
	_, err := io.Copy(io.Discard, tether)
	if !s.released.Load() {
		s.endFor(fmt.Sprintf("the program that started the stack has ended (%v)", err))
	}
}

func (s *Service) endFor(reason string) {
	select {
	case s.end <- reason:
	default:
	}
}

// Start runs a command. A name that runs already is an error; one that has ended can be started again.
func (s *Service) Start(command Command, process *Process) error {
	started, err := s.processes.start(command)
	*process = started
	return err
}

// Stop ends the process of the name, gently at first, and answers when it is gone.
func (s *Service) Stop(name string, process *Process) error {
	stopped, err := s.processes.stop(name)
	*process = stopped
	return err
}

// List answers with all processes in the order in which they were started, also those that have ended.
func (s *Service) List(_ Nothing, list *[]Process) error {
	*list = s.processes.list()
	return nil
}

// Release lets the stack outlive the program that started it.
func (s *Service) Release(Nothing, *Nothing) error {
	s.released.Store(true)
	return nil
}

// Shutdown ends the stack: it answers at once, and everything is gone when the supervisor is.
func (s *Service) Shutdown(Nothing, *Nothing) error {
	s.endFor("was told to shut down")
	return nil
}

var errEnding = errors.New("the stack is shutting down")
