//go:build !linux

// Package netns gives a test program a network of its own, in which the addresses of pods belong to the machine.
package netns

import (
	"errors"
	"fmt"
	"os"
)

// Run fails: only Linux has network namespaces.
func Run(func() error, func() int) int {
	fmt.Fprintln(os.Stderr, "real calls need a network namespace, which only Linux has")
	return 1
}

// JoinPod fails: only Linux has network namespaces.
func JoinPod(int, string) error { return errors.New("only Linux has network namespaces") }
