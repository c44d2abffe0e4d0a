// Package ports gives each stack ports of its own on the loopback interface.
package ports

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/filelock"
)

// Blocks lie below the ports that the kernel picks for outgoing connections (from 32768 on Linux by default): among
// those, a port that is free now may be taken a moment later.
const (
	first     = 20000
	blockSize = 16
	blocks    = 750
)

// Istiod has the ports of one istiod.
type Istiod struct {
	HTTP, Webhooks, GRPC, SecureGRPC, Monitoring int
}

// Ports are those of one stack.
type Ports struct {
	EtcdClient, EtcdPeer                             int
	APIServer, ControllerManager, Scheduler, Kubelet int
	Istiod                                           [2]Istiod
}

// Block is a claim to ports.
type Block struct {
	Ports Ports
	// Address is a loopback address that no other stack has, for the gateway: its ports, 80 and 443 among them, are the
	// same in all stacks. Linux answers on all of 127.0.0.0/8.
	Address string
	// Lock holds the claim. A process that inherits the file holds it too.
	Lock *os.File
}

// Claim returns the first block whose ports are all free and that no other stack has claimed with a lock file in the
// folder. The claim ends when the lock is closed in all processes that have it.
func Claim(folder string) (*Block, error) {
	for number := range blocks {
		lock, err := filelock.Try(filepath.Join(folder, fmt.Sprintf("ports-%d.lock", first+number*blockSize)))
		if errors.Is(err, filelock.ErrHeld) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("claim ports: %w", err)
		}
		if allFree(number) {
			return newBlock(number, lock), nil
		}
		lock.Close()
	}
	return nil, fmt.Errorf("claim ports: none of the %d blocks from port %d to %d is free; see what listens there, or end some stacks",
		blocks, first, first+blocks*blockSize-1)
}

// newBlock deals out the ports of the block.
func newBlock(number int, lock *os.File) *Block {
	next := first + number*blockSize
	port := func() int { next++; return next - 1 }
	istiod := func() Istiod {
		return Istiod{HTTP: port(), Webhooks: port(), GRPC: port(), SecureGRPC: port(), Monitoring: port()}
	}
	return &Block{
		Ports: Ports{
			EtcdClient: port(), EtcdPeer: port(),
			APIServer: port(), ControllerManager: port(), Scheduler: port(), Kubelet: port(),
			Istiod: [2]Istiod{istiod(), istiod()},
		},
		Address: fmt.Sprintf("127.64.%d.%d", number/250, number%250+1),
		Lock:    lock,
	}
}

// allFree reports whether every port of the block can be listened on. Something outside of the stacks may have one.
func allFree(number int) bool {
	for port := first + number*blockSize; port < first+(number+1)*blockSize; port++ {
		listener, err := net.Listen("tcp", Local(port))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

// Local returns the loopback address of the port.
func Local(port int) string {
	return fmt.Sprintf("127.0.0.1:%d", port)
}
