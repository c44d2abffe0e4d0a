// Package e2e runs the built plugin against real control planes: etcd, API server, controllers, Istio's injector and
// validator. Each test has a namespace of its own; tests on one stack take turns, because they share its gateway.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// update makes the goldens anew: go test ./... -update.
var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// plugin is the path of the built program.
var plugin string

func TestMain(m *testing.M) {
	flag.Parse()
	// Most parallel tests wait for their turn on a stack; see turns for how many work at a time.
	if err := flag.Set("test.parallel", "256"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "grpcexpose-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	plugin = filepath.Join(folder, "kubectl-grpcexpose")
	build := exec.Command("go", "build", "-C", "../..", "-o", plugin, "./cmd/kubectl-grpcexpose")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build.Args, err, output)
		return 1
	}
	defer stopStacks()
	return m.Run()
}
