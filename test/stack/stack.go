// Package stack runs a Kubernetes control plane with Istio as plain processes on the loopback interface: etcd,
// kube-apiserver, kube-controller-manager, kube-scheduler, kwok in the place of kubelets, and istiod. No container, no
// image. The programs are built from Go modules once and kept in the user's cache.
//
// Start is for tests: the stack ends with the process that started it, however that ends. Up, Down and List are for
// stacks with a name that outlive the process.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/manifests"
	"github.com/grpcexpose/kubectl-grpcexpose/test/stack/internal/supervise"
)

// Flavour says which mesh a stack has.
type Flavour string

// The flavours.
const (
	// Default has one istiod, of the default revision: the namespace label istio-injection=enabled works.
	Default Flavour = "default"
	// Revisions has the revisions 1-26 and 1-27 and a tag stable that leads to 1-27. No webhook selects
	// istio-injection; only istio.io/rev works. Managed meshes, Tencent Cloud Mesh for one, are like that.
	Revisions Flavour = "revisions"
	// None has neither Istio nor its custom resource definitions nor those of the Gateway API.
	None Flavour = "none"
)

// FailAnnotation, on a pod, makes it fail instead of becoming ready: "image" leaves it in ImagePullBackOff, "crash" in
// CrashLoopBackOff, "readiness" running but never ready. With another value it is scheduled and never starts.
const FailAnnotation = manifests.FailAnnotation

// DefaultKubeletVersion is what nodes say unless Options say otherwise. From v1.33 on istiod injects the proxy as a
// native sidecar, an init container that goes on.
const DefaultKubeletVersion = "v1.37.2"

// Options say what kind of stack to start. The zero value is a stack of flavour Default.
type Options struct {
	// Name tells stacks apart, and is a DNS label. Empty: Start makes one up, and Up takes "default".
	Name string
	// Flavour, Default if empty.
	Flavour Flavour
	// GatewayPorts are those of the ingress gateway's Service. Nil: DefaultGatewayPorts.
	GatewayPorts []corev1.ServicePort
	// KubeletVersion is the node's, DefaultKubeletVersion if empty.
	KubeletVersion string
	// EmulatedVersion is the Kubernetes version, as "1.35", that the control plane behaves as; its own if empty. It goes back
	// as far as Kubernetes' own emulation, three minor versions.
	EmulatedVersion string
	// OrdinarySidecars lets istiod inject the proxy as an ordinary container whatever the kubelet's version.
	OrdinarySidecars bool
	// IstiodEnv are more environment variables for istiod, in the form NAME=value.
	IstiodEnv []string
	// DataPlane prepares the stack for real calls: the configuration that istiod gives to proxies has nothing in it that only
	// Istio's own build of Envoy knows, and ForwardPorts works. See package netns for addresses of pods that can be listened on.
	DataPlane bool
	// Audit lets the API server log every request; see Stack.AuditLog.
	Audit bool
	// Data is a folder in which StopAndKeep has kept what an earlier stack's etcd held, for the stack to begin with. Empty: it
	// begins with nothing.
	Data string
	// Programs are more of the stack's programs to build, such as "istioctl"; see Stack.Bin.
	Programs []string
	// Log gets progress, a line at a time. Nil: none.
	Log io.Writer `json:"-"`
}

// DefaultGatewayPorts returns the ports that the Service of Istio's ingress gateway has in its charts, and 8000.
func DefaultGatewayPorts() []corev1.ServicePort {
	return append(ChartGatewayPorts(), corev1.ServicePort{
		Name: "grpc-8000", Port: 8000, TargetPort: intstr.FromInt32(8000), Protocol: corev1.ProtocolTCP,
	})
}

// ChartGatewayPorts returns the ports that the Service of Istio's ingress gateway has in its charts.
func ChartGatewayPorts() []corev1.ServicePort {
	port := func(name string, number, target int32) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Port: number, TargetPort: intstr.FromInt32(target), Protocol: corev1.ProtocolTCP}
	}
	return []corev1.ServicePort{port("status-port", 15021, 15021), port("http2", 80, 8080), port("https", 443, 8443)}
}

// complete checks the options and fills in what they leave out.
func (o *Options) complete() error {
	if o.Flavour == "" {
		o.Flavour = Default
	}
	if o.Flavour != None && installations[o.Flavour] == nil {
		return fmt.Errorf("there is no flavour %q: choose %s, %s or %s", o.Flavour, Default, Revisions, None)
	}
	if o.GatewayPorts == nil {
		o.GatewayPorts = DefaultGatewayPorts()
	}
	if o.KubeletVersion == "" {
		o.KubeletVersion = DefaultKubeletVersion
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return nil
}

// Stack is a running stack.
type Stack struct {
	Name    string
	Flavour Flavour
	// Kubeconfig is the path of the administrator's kubeconfig. The administrator may impersonate everybody.
	Kubeconfig string
	// GatewayAddress is the external address of the ingress gateway's Service: a loopback address that no other stack
	// has. Nothing listens there unless a test does.
	GatewayAddress string

	record     *record
	supervisor *supervise.Client
	cluster    *manifests.Cluster
	stopOnce   sync.Once
	stopError  error
}

// Start starts a stack that lives until Stop, or until this process ends, be it killed: then its processes and its
// folder go too. It returns when rollouts work, and with Istio, when all webhooks are armed. The context bounds the
// start alone. The error has the tail of the log of the process that did not start.
func Start(ctx context.Context, options Options) (*Stack, error) {
	madeUp := options.Name == ""
	if madeUp {
		options.Name = uniqueName()
	}
	if err := options.complete(); err != nil {
		return nil, err
	}
	folder, err := stackFolder(options.Name)
	if err != nil {
		return nil, err
	}
	if madeUp { // nobody else uses the name
		return launch(ctx, folder, options)
	}
	unlock, err := lockName(ctx, options.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if client, err := supervise.Dial(folder); err == nil {
		client.Close()
		return nil, fmt.Errorf("a stack named %q runs already: stop it, or take another name", options.Name)
	}
	return launch(ctx, folder, options)
}

// Stop ends the stack's processes and removes its folder. The second time it does nothing.
func (s *Stack) Stop() error {
	s.stopOnce.Do(func() { s.stopError = s.supervisor.Shutdown() })
	return s.stopError
}

// Bin returns the path of one of the stack's programs, such as kubectl, or "" if the stack has none of the name.
func (s *Stack) Bin(name string) string {
	return s.record.Plane.Binaries[name]
}

// Command returns a command that runs one of the stack's programs as the administrator of the stack.
func (s *Stack) Command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, s.Bin(program), arguments...)
	command.Env = append(command.Environ(), "KUBECONFIG="+s.Kubeconfig)
	return command
}

// Kubectl runs kubectl and returns what it prints on standard output. The error has what it prints on the other.
func (s *Stack) Kubectl(ctx context.Context, arguments ...string) (string, error) {
	return output(s.Command(ctx, "kubectl", arguments...))
}

// Apply applies a YAML stream with kubectl.
func (s *Stack) Apply(ctx context.Context, stream string) error {
	command := s.Command(ctx, "kubectl", "apply", "-f", "-")
	command.Stdin = strings.NewReader(stream)
	_, err := output(command)
	return err
}

func output(command *exec.Cmd) (string, error) {
	printed, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(printed), fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(string(exit.Stderr)))
	}
	return string(printed), err
}
