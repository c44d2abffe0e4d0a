package supervise

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// grace is how long a process that is asked to stop has before it is killed.
const grace = 5 * time.Second

// child is one started command.
type child struct {
	process Process
	command *exec.Cmd
	gone    chan struct{} // closed when the process has ended and process says how
}

// processes starts and ends commands.
type processes struct {
	starter chan func()

	mutex    sync.Mutex
	ending   bool
	children []*child // in the order of their start, the last of a name counts
}

// newProcesses returns an empty set. On Linux the children get a signal when the *thread* that started them ends, so one
// thread that never ends starts them all.
func newProcesses() *processes {
	p := &processes{starter: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for start := range p.starter {
			start()
		}
	}()
	return p
}

func (p *processes) start(command Command) (Process, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.ending {
		return Process{}, errEnding
	}
	if old := p.find(command.Name); old != nil {
		if old.process.Running {
			return Process{}, fmt.Errorf("%s runs already, with process id %d", command.Name, old.process.PID)
		}
		p.children = slices.DeleteFunc(p.children, func(c *child) bool { return c == old })
	}
	logFile, err := os.OpenFile(command.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return Process{}, err
	}
	defer logFile.Close()
	cmd := exec.Command(command.Path, command.Arguments...)
	cmd.Env, cmd.Dir = command.Env, command.Dir
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	p.starter <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return Process{}, fmt.Errorf("start %s: %w", command.Name, err)
	}
	newChild := &child{command: cmd, gone: make(chan struct{}), process: Process{
		Name: command.Name, PID: cmd.Process.Pid, Log: command.Log, Started: time.Now(), Running: true,
	}}
	p.children = append(p.children, newChild)
	go p.await(newChild)
	log.Printf("started %s, process id %d", command.Name, cmd.Process.Pid)
	return newChild.process, nil
}

// await notes how the child ends.
func (p *processes) await(c *child) {
	_ = c.command.Wait() // the state says more than the error
	p.mutex.Lock()
	defer p.mutex.Unlock()
	c.process.Running = false
	c.process.Exit = c.command.ProcessState.String()
	close(c.gone)
	log.Printf("%s has ended: %s", c.process.Name, c.process.Exit)
}

// find returns the child of the name, or nil. The caller holds the mutex.
func (p *processes) find(name string) *child {
	for _, c := range p.children {
		if c.process.Name == name {
			return c
		}
	}
	return nil
}

func (p *processes) stop(name string) (Process, error) {
	p.mutex.Lock()
	c := p.find(name)
	p.mutex.Unlock()
	if c == nil {
		return Process{}, fmt.Errorf("%s was never started", name)
	}
	// An error of Signal or Kill says that the process has ended meanwhile, which is what is wanted.
	_ = c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.gone:
	case <-time.After(grace):
		_ = c.command.Process.Kill()
		<-c.gone
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return c.process, nil
}

func (p *processes) list() []Process {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	list := make([]Process, 0, len(p.children))
	for _, c := range p.children {
		list = append(list, c.process)
	}
	return list
}

// killAll ends every process and lets no other start. There is nothing to flush: the stack's data goes with it.
func (p *processes) killAll() {
	p.mutex.Lock()
	p.ending = true
	children := slices.Clone(p.children)
	p.mutex.Unlock()
	for _, c := range children {
		_ = c.command.Process.Kill()
	}
	for _, c := range children {
		<-c.gone
	}
}
