package stack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/binaries"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/controlplane"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/filelock"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/manifests"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

// record is what a stack's folder says about it, so that another process can find and steer it.
type record struct {
	Options        Options
	GatewayAddress string
	Started        time.Time
	Ready          bool // the start went to its end
	Plane          controlplane.Plane
}

func recordPath(folder string) string {
	return filepath.Join(folder, "stack.json")
}

func (r *record) save() error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	unfinished := recordPath(r.Plane.Folder) + ".new"
	if err := os.WriteFile(unfinished, content, 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, recordPath(r.Plane.Folder))
}

func readRecord(folder string) (*record, error) {
	content, err := os.ReadFile(recordPath(folder))
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(content, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", recordPath(folder), err)
	}
	return r, nil
}

// stacksFolder returns the folder that has a folder for each stack.
func stacksFolder() (string, error) {
	cache, err := binaries.CacheFolder()
	return filepath.Join(cache, "stacks"), err
}

// stackFolder returns the folder of the stack of the name, which may not be there. What is no DNS label is no name: the
// folder is one that Down removes.
func stackFolder(name string) (string, error) {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return "", fmt.Errorf("%q cannot be the name of a stack: %s", name, strings.Join(problems, "; "))
	}
	stacks, err := stacksFolder()
	return filepath.Join(stacks, name), err
}

// locksFolder returns the folder for the locks of the stacks in the folder. No stack's name begins with a dot.
func locksFolder(stacks string) string {
	return filepath.Join(stacks, ".locks")
}

// uniqueName returns a name that no other stack has.
func uniqueName() string {
	return fmt.Sprintf("test-%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:8]))
}

// lockName sees to it that no other process starts or ends a stack of the name until unlock is called.
func lockName(ctx context.Context, name string) (unlock func(), err error) {
	stacks, err := stacksFolder()
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Wait(ctx, filepath.Join(locksFolder(stacks), name), nil)
	if err != nil {
		return nil, fmt.Errorf("another process is busy with the stack %q: %w", name, err)
	}
	return func() { lock.Close() }, nil
}

// attach returns the stack in the folder, or supervise.ErrNotRunning.
func attach(folder string) (*Stack, error) {
	client, err := supervise.Dial(folder)
	if err != nil {
		return nil, err
	}
	r, err := readRecord(folder)
	if err != nil {
		client.Close()
		return nil, err
	}
	cluster, err := manifests.Connect(r.Plane.Credentials.Admin)
	if err != nil {
		client.Close()
		return nil, err
	}
	return newStack(r, client, cluster), nil
}

func newStack(r *record, client *supervise.Client, cluster *manifests.Cluster) *Stack {
	return &Stack{
		Name: r.Options.Name, Flavour: r.Options.Flavour,
		Kubeconfig: r.Plane.Credentials.Admin, GatewayAddress: r.GatewayAddress,
		record: r, supervisor: client, cluster: cluster,
	}
}

// AuditLog returns the path of the API server's audit log, in JSON, a request a line. It is there with Options.Audit.
func (s *Stack) AuditLog() string {
	return controlplane.AuditLog(s.record.Plane.Folder)
}
