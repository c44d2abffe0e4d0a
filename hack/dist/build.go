package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const versionVariable = "github.com/grpcexpose/kubectl-grpcexpose/pkg/plugin.version"

// build compiles the program for a platform and gives its bytes. Nothing of the machine gets into it: no C library, no paths,
// no instructions that only its processor has, and nothing of how the sources came here: a clone, a work tree of one and an
// unpacked archive would have Go note three different things.
func (r release) build(ctx context.Context, p platform) ([]byte, error) {
	folder, err := os.MkdirTemp("", "grpcexpose-dist-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, p.binary())
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X "+versionVariable+"="+r.version, "-o", path, "./cmd/"+program)
	command.Env = p.environment()
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s/%s: %w\n%s", p.os, p.arch, err, output)
	}
	return os.ReadFile(path)
}

// environment is what the go command runs with to build for a platform.
func (p platform) environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOOS="+p.os, "GOARCH="+p.arch)
}
