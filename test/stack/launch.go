package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/binaries"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/controlplane"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/credentials"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/manifests"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/ports"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

// needs returns the names of what a stack with the options is made of.
func needs(options Options) []string {
	names := []string{
		binaries.Supervisor, binaries.Etcd, binaries.KubeAPIServer, binaries.KubeControllerManager,
		binaries.KubeScheduler, binaries.Kubectl, binaries.Kwok, binaries.KwokStages,
	}
	if options.Flavour != None {
		names = append(names, binaries.PilotDiscovery, binaries.IstioManifests, binaries.GatewayAPI)
	}
	return append(names, options.Programs...)
}

// Build builds what a stack with the options is made of, as far as it is not in the cache, and starts nothing. After it,
// Start needs no network but the loopback interface.
func Build(ctx context.Context, options Options) error {
	if err := options.complete(); err != nil {
		return err
	}
	_, err := binaries.Ensure(ctx, options.Log, needs(options)...)
	return err
}

// CacheFolder returns the project's folder in the user's cache.
func CacheFolder() (string, error) { return binaries.CacheFolder() }

// launch starts a stack in the folder, which only the caller uses, and returns it when it works. It is tethered to this
// process. A stack that does not come up leaves nothing. Where a process of it has died it is started once more: on a busy
// machine even a good API server has been seen to.
func launch(ctx context.Context, folder string, options Options) (*Stack, error) {
	set, err := binaries.Ensure(ctx, options.Log, needs(options)...)
	if err != nil {
		return nil, err
	}
	s, err := launchOnce(ctx, folder, options, set)
	if _, died := errors.AsType[death](err); died && ctx.Err() == nil {
		fmt.Fprintf(options.Log, "once more, since the start of the stack failed: %v\n", err)
		return launchOnce(ctx, folder, options, set)
	}
	return s, err
}

func launchOnce(ctx context.Context, folder string, options Options, set binaries.Set) (*Stack, error) {
	// What a stack left that was killed together with its supervisor.
	if err := os.RemoveAll(folder); err != nil {
		return nil, fmt.Errorf("clear the stack's folder: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	s, err := prepare(ctx, folder, options, set)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.bringUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start stack %q: %w", options.Name, s.withDeaths(err)), s.Stop())
	}
	return s, nil
}

// prepare makes everything that the stack's processes need, and starts the supervisor.
func prepare(ctx context.Context, folder string, options Options, set binaries.Set) (*Stack, error) {
	block, err := ports.Claim(locksFolder(filepath.Dir(folder)))
	if err != nil {
		return nil, err
	}
	// The supervisor inherits the claim.
	defer block.Lock.Close()
	files, err := credentials.Write(folder, block.Ports.APIServer)
	if err != nil {
		return nil, err
	}
	cluster, err := manifests.Connect(files.Admin)
	if err != nil {
		return nil, err
	}
	r := &record{
		Options: options, GatewayAddress: block.Address, Started: time.Now(),
		Plane: controlplane.Plane{Folder: folder, Binaries: set, Ports: block.Ports, Credentials: files, EmulatedVersion: options.EmulatedVersion},
	}
	if err := r.save(); err != nil {
		return nil, err
	}
	supervisor, err := supervise.Launch(ctx, set[binaries.Supervisor], folder, block.Lock)
	if err != nil {
		return nil, err
	}
	return newStack(r, supervisor, cluster), nil
}

// bringUp starts the processes and installs the mesh.
func (s *Stack) bringUp(ctx context.Context) error {
	if err := s.startAPIServer(ctx); err != nil {
		return err
	}
	if err := s.startControllers(ctx); err != nil {
		return err
	}
	if s.Flavour != None {
		if err := s.installMesh(ctx); err != nil {
			return err
		}
	}
	if err := s.awaitAll(ctx); err != nil {
		return err
	}
	s.record.Ready = true
	return s.record.save()
}

func (s *Stack) startAPIServer(ctx context.Context) error {
	plane := &s.record.Plane
	if err := s.restoreData(); err != nil {
		return err
	}
	if err := s.run(plane.Etcd()); err != nil {
		return err
	}
	if err := s.awaitURL(ctx, "etcd", plane.EtcdHealth()); err != nil {
		return err
	}
	if err := s.run(plane.APIServer(s.record.Options.Audit)); err != nil {
		return err
	}
	return s.await(ctx, "kube-apiserver", "is ready", s.cluster.Ready)
}

// startControllers starts what brings workloads to life, and does not wait for it.
func (s *Stack) startControllers(ctx context.Context) error {
	plane := &s.record.Plane
	if err := s.run(plane.ControllerManager()); err != nil {
		return err
	}
	if err := s.run(plane.Scheduler()); err != nil {
		return err
	}
	stages, err := os.ReadFile(plane.Binaries[binaries.KwokStages])
	if err != nil {
		return err
	}
	if stages, err = manifests.WithFailingPods(stages); err != nil {
		return err
	}
	config := filepath.Join(plane.Folder, "kwok.yaml")
	if err := os.WriteFile(config, stages, 0o644); err != nil {
		return err
	}
	if err := s.cluster.CreateNode(ctx, s.record.Options.KubeletVersion); err != nil {
		return fmt.Errorf("create the node: %w", err)
	}
	if !s.record.Options.DataPlane {
		return s.run(plane.Kwok(config))
	}
	if err := s.cluster.DefinePortForwards(ctx); err != nil {
		return err
	}
	return s.run(plane.Kwok(config, "--enable-crds="+manifests.PortForwardKind))
}

// awaitAll returns when everything that was started does its work.
func (s *Stack) awaitAll(ctx context.Context) error {
	plane := &s.record.Plane
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return s.awaitURL(ctx, "kube-controller-manager", plane.ControllerManagerHealth())
	})
	group.Go(func() error {
		return s.await(ctx, "kube-controller-manager", "makes service accounts", s.cluster.AccountsMade)
	})
	group.Go(func() error { return s.awaitURL(ctx, "kube-scheduler", plane.SchedulerHealth()) })
	group.Go(func() error { return s.await(ctx, "kwok", "keeps a node ready", s.cluster.NodeReady) })
	if s.Flavour != None {
		group.Go(func() error { return s.awaitMesh(ctx) })
	}
	return group.Wait()
}

// ForwardPorts lets port-forwarding to the pod lead to what listens on the pod's address on these ports. The stack must
// have been started with Options.DataPlane, and the pod must have an address.
func (s *Stack) ForwardPorts(ctx context.Context, namespace, pod string, ports ...int32) error {
	return s.cluster.ForwardPorts(ctx, namespace, pod, ports...)
}
