package dataplane

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/grpcexpose/kubectl-grpcexpose/test/dataplane/internal/server"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack"
)

// The names of the containers that servers are run for, on each of their ports: with all services, or with that of health alone.
const (
	serverContainer = "server"
	healthContainer = "health"
)

// servers runs a gRPC server for every pod that should have one, from when the pod has an address until it is deleted.
type servers struct {
	stack  *stack.Stack
	cancel context.CancelFunc

	mutex   sync.Mutex
	running map[types.UID][]*exec.Cmd
}

func newServers(on *stack.Stack, client kubernetes.Interface) *servers {
	ctx, cancel := context.WithCancel(context.Background())
	s := &servers{stack: on, cancel: cancel, running: map[types.UID][]*exec.Cmd{}}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { s.see(ctx, object.(*core.Pod)) },
		UpdateFunc: func(_, object any) { s.see(ctx, object.(*core.Pod)) },
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			s.end(object.(*core.Pod).UID)
		},
	})
	if err != nil {
		panic(err) // the informer has been stopped, which it was not
	}
	factory.Start(ctx.Done())
	return s
}

// see starts the servers of a pod that has got its address.
func (s *servers) see(ctx context.Context, pod *core.Pod) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if pod.Status.PodIP == "" || s.running[pod.UID] != nil || pod.DeletionTimestamp != nil {
		return
	}
	ports, variables := serverPorts(pod)
	for _, port := range ports {
		command := exec.Command("/proc/self/exe")
		command.Env = append(variables,
			server.AddressVariable+"="+net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(port)),
			server.PodVariable+"="+pod.Name,
		)
		command.Stderr = os.Stderr
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := command.Start(); err != nil {
			fmt.Fprintf(os.Stderr, "the server of pod %s cannot be started: %v\n", pod.Name, err)
			return
		}
		go func() { _ = command.Wait() }()
		s.running[pod.UID] = append(s.running[pod.UID], command)
	}
	if len(ports) == 0 {
		return
	}
	if err := s.stack.ForwardPorts(ctx, pod.Namespace, pod.Name, ports...); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// serverPorts are the ports of a pod's server, and the environment that tells it what to serve.
func serverPorts(pod *core.Pod) (ports []int32, variables []string) {
	for _, container := range pod.Spec.Containers {
		switch container.Name {
		case healthContainer:
			variables = []string{server.HealthOnlyVariable + "=1"}
		case serverContainer:
		default:
			continue
		}
		for _, port := range container.Ports {
			ports = append(ports, port.ContainerPort)
		}
	}
	return ports, variables
}

// end tells the servers of a pod to finish their calls and end.
func (s *servers) end(pod types.UID) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, command := range s.running[pod] {
		_ = command.Process.Signal(syscall.SIGTERM)
	}
	delete(s.running, pod)
}

func (s *servers) stop() {
	s.cancel()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, commands := range s.running {
		for _, command := range commands {
			_ = command.Process.Kill()
		}
	}
}
