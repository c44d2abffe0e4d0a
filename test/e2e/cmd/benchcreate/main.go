// Benchcreate measures create against a script that knows every answer beforehand: kubectl apply of ready manifests, kubectl
// label, kubectl rollout restart, kubectl rollout status. Both take a Deployment without sidecars, in a fresh namespace each
// time and in turn, to pods with proxies behind a gateway; create also finds out what to do, rehearses it, and confirms it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

func main() {
	rounds := flag.Int("rounds", 10, "how often each is measured")
	plugin := flag.String("plugin", "../../bin/kubectl-grpcexpose", "path of the built plugin")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *plugin, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "benchcreate:", err)
		os.Exit(1)
	}
}

// deployment is what there is before; made is what the script makes, as create does.
const (
	deployment = `
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: NAMESPACE, labels: {app: server}}
spec:
  replicas: 2
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [{name: server, image: "docker.io/imroc/grpc_server:latest"}]}
`
	made = `
apiVersion: v1
kind: Service
metadata: {name: server, namespace: NAMESPACE}
spec: {selector: {app: server}, ports: [{name: grpc, port: 8000, targetPort: 50051}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: server, namespace: NAMESPACE}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8000, name: grpc-8000, protocol: GRPC}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: server, namespace: NAMESPACE}
spec: {hosts: ["*"], gateways: [server], http: [{route: [{destination: {host: server.NAMESPACE.svc.cluster.local, port: {number: 8000}}}]}]}
`
)

func run(ctx context.Context, plugin string, rounds int) (err error) {
	plugin, err = filepath.Abs(plugin)
	if err != nil {
		return err
	}
	if rounds < 1 {
		return errors.New("--rounds must be at least 1")
	}
	s, err := stack.Start(ctx, stack.Options{Flavour: stack.Default, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	b := &bench{ctx: ctx, stack: s, plugin: plugin}
	var create, script []time.Duration
	for round := range rounds + 1 {
		own, err := b.measure(fmt.Sprintf("create-%d", round), b.create)
		if err != nil {
			return err
		}
		other, err := b.measure(fmt.Sprintf("script-%d", round), b.script)
		if err != nil {
			return err
		}
		if round == 0 {
			continue // caches are cold
		}
		create, script = append(create, own), append(script, other)
		fmt.Printf("round %2d: create %6.3f s, script %6.3f s\n", round, own.Seconds(), other.Seconds())
	}
	fmt.Printf("median:   create %6.3f s, script %6.3f s, ratio %.2f\n",
		median(create).Seconds(), median(script).Seconds(), median(create).Seconds()/median(script).Seconds())
	return nil
}

func median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	middle := len(durations) / 2
	if len(durations)%2 == 1 {
		return durations[middle]
	}
	return (durations[middle-1] + durations[middle]) / 2
}

type bench struct {
	ctx    context.Context
	stack  *stack.Stack
	plugin string
}

// measure prepares a namespace, measures work in it, and clears away what would be in the way of the next one.
func (b *bench) measure(namespace string, work func(namespace string) error) (time.Duration, error) {
	if err := b.stack.Apply(b.ctx, in(namespace, deployment)); err != nil {
		return 0, err
	}
	if err := b.kubectl("rollout", "status", "deployment/server", "-n", namespace); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := work(namespace); err != nil {
		return 0, err
	}
	taken := time.Since(begun)
	if err := b.kubectl("delete", "virtualservice,gateways.networking.istio.io", "server", "-n", namespace); err != nil {
		return 0, err
	}
	// Waited for, so that its end is not measured with the next one.
	return taken, b.kubectl("delete", "namespace", namespace)
}

func in(namespace, objects string) string { return strings.ReplaceAll(objects, "NAMESPACE", namespace) }

func (b *bench) kubectl(arguments ...string) error {
	_, err := b.stack.Kubectl(b.ctx, arguments...)
	return err
}

// create is the plugin's way, from start to confirmed.
func (b *bench) create(namespace string) error {
	command := exec.CommandContext(b.ctx, b.plugin, "create", "deployment/server", "-n", namespace, "--port", "8000", "--target-port", "50051")
	command.Env = append(command.Environ(), "KUBECONFIG="+b.stack.Kubeconfig)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("create: %w: %s", err, output)
	}
	return nil
}

// script is the way of somebody who knows it all.
func (b *bench) script(namespace string) error {
	if err := b.stack.Apply(b.ctx, in(namespace, made)); err != nil {
		return err
	}
	for _, arguments := range [][]string{
		{"label", "namespace", namespace, "istio-injection=enabled"},
		{"rollout", "restart", "deployment/server", "-n", namespace},
		{"rollout", "status", "deployment/server", "-n", namespace},
	} {
		if err := b.kubectl(arguments...); err != nil {
			return err
		}
	}
	return nil
}
