// Package dataplane holds what the plugin says against real calls: real gRPC servers on the pods' addresses, a stock Envoy
// as the ingress gateway, fed by a real istiod, all in a network namespace of their own.
package dataplane

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/envoy"
	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/server"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/netns"
)

const (
	// offVariable leaves these tests out where its value is "off": on machines without network namespaces, or without Envoy.
	offVariable = "E2E_DATAPLANE"
	// pluginVariable tells the program inside of the namespace where the built plugin is.
	pluginVariable = "DATAPLANE_PLUGIN"
)

var options = stack.Options{DataPlane: true, Log: os.Stderr}

func TestMain(m *testing.M) {
	server.Main()
	envoy.Main()
	if os.Getenv(offVariable) == "off" {
		fmt.Println("left out: " + offVariable + "=off")
		return
	}
	var folder string
	prepare := func() (err error) {
		if folder, err = os.MkdirTemp("", "grpcexpose-dataplane-"); err != nil {
			return err
		}
		return build(folder)
	}
	inside := func() int {
		defer stopMesh()
		return m.Run()
	}
	code := netns.Run(prepare, inside)
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// build gets and builds everything: inside there is no network for it.
func build(folder string) error {
	ctx := context.Background()
	if err := stack.Build(ctx, options); err != nil {
		return err
	}
	program, err := envoy.Find(ctx, os.Stderr)
	if err != nil {
		return err
	}
	plugin := filepath.Join(folder, "kubectl-grpcexpose")
	command := exec.Command("go", "build", "-C", "../..", "-o", plugin, "./cmd/kubectl-grpcexpose")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", command.Args, err, output)
	}
	for variable, path := range map[string]string{envoy.Variable: program, pluginVariable: plugin} {
		if err := os.Setenv(variable, path); err != nil {
			return err
		}
	}
	return nil
}
