// Package netns gives a test program a network of its own, in which the addresses of pods belong to the machine: a
// process can listen on the address that kwok gave a pod, and every other process of the test reaches it there.
package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// PodAddresses are those that kwok gives to a stack's pods.
const PodAddresses = "10.244.0.0/16"

// insideVariable tells the program that it runs inside.
const insideVariable = "STACK_NETNS"

// Run runs the program in a network namespace of its own, and returns its exit code; TestMain gives it to os.Exit.
//
// It first calls prepare, for what needs the machine's network, such as builds and downloads. Then it starts the program
// again with the same arguments in a new namespace, whose only interface is the loopback; there Run calls inside. The
// program inside is killed when the one outside ends, however that ends. A user other than root gets a user namespace
// too, in which he is root.
func Run(prepare func() error, inside func() int) int {
	if os.Getenv(insideVariable) != "" {
		if err := setUp(); err != nil {
			return failed(err)
		}
		return inside()
	}
	if err := prepare(); err != nil {
		return failed(err)
	}
	// The kernel ends the child with the thread that started it.
	runtime.LockOSThread()
	program := exec.Command("/proc/self/exe", os.Args[1:]...)
	program.Args[0] = os.Args[0]
	program.Env = append(os.Environ(), insideVariable+"=1")
	program.Stdin, program.Stdout, program.Stderr = os.Stdin, os.Stdout, os.Stderr
	program.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		program.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		program.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		program.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err := program.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return failed(fmt.Errorf("start in a network namespace of its own: %w; it takes Linux, and root or user namespaces", err))
	}
	return program.ProcessState.ExitCode()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// setUp turns the loopback interface on and makes it answer for every pod's address.
func setUp() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("turn the loopback interface on: %w", err)
	}
	_, pods, err := net.ParseCIDR(PodAddresses)
	if err != nil {
		return err
	}
	route := &netlink.Route{
		LinkIndex: loopback.Attrs().Index, Dst: pods,
		Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("route %s to the loopback interface: %w", PodAddresses, err)
	}
	return nil
}
