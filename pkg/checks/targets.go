package checks

import (
	"slices"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// Target is what a Service port finds in the pods of a workload.
type Target int

const (
	// TargetPresent: a container declares the port, or a probe calls it.
	TargetPresent Target = iota
	// TargetPossible: a number, in pods that declare no ports at all, which they need not.
	TargetPossible
	// TargetUndeclared: a number that no container declares, although ports are declared.
	TargetUndeclared
	// TargetMissing: a name that no container declares, so that Kubernetes makes no endpoints.
	TargetMissing
)

// Lacks reports whether the port is not there, as far as the template tells.
func (t Target) Lacks() bool { return t == TargetUndeclared || t == TargetMissing }

// TargetIn judges a port of another transport as if it were TCP as well: that it is not is what port-not-tcp says.
func TargetIn(port *core.ServicePort, w *workload.Workload) Target {
	found := targetByTransport(port, w)
	if found.Lacks() && port.Protocol != core.ProtocolTCP {
		overTCP := *port
		overTCP.Protocol = core.ProtocolTCP
		return targetByTransport(&overTCP, w)
	}
	return found
}

func targetByTransport(port *core.ServicePort, w *workload.Workload) Target {
	number, container, ok := workload.TargetPort(port, w.Template)
	containers := workload.AppContainers(w.Template)
	switch {
	case !ok:
		return TargetMissing
	case container != nil || slices.ContainsFunc(containers, func(c *core.Container) bool { return isProbed(c, number) }):
		return TargetPresent
	case slices.ContainsFunc(containers, func(c *core.Container) bool { return len(c.Ports) > 0 }):
		return TargetUndeclared
	default:
		return TargetPossible
	}
}

// isProbed reports whether a probe of the container calls the port: something listens there.
func isProbed(container *core.Container, number int32) bool {
	for _, probe := range []*core.Probe{container.ReadinessProbe, container.LivenessProbe, container.StartupProbe} {
		switch {
		case probe == nil:
		case probe.GRPC != nil && probe.GRPC.Port == number,
			probe.HTTPGet != nil && probe.HTTPGet.Port == intstr.FromInt32(number),
			probe.TCPSocket != nil && probe.TCPSocket.Port == intstr.FromInt32(number):
			return true
		}
	}
	return false
}

// ServingContainer is the container that serves a Service port: the one that declares the target, or whose probe calls it, or the
// only one there is. nil where it cannot be told.
func ServingContainer(port *core.ServicePort, w *workload.Workload) (container *core.Container, number int32) {
	number, container, ok := workload.TargetPort(port, w.Template)
	if !ok {
		return nil, 0
	}
	if container != nil {
		return container, number
	}
	containers := workload.AppContainers(w.Template)
	if at := slices.IndexFunc(containers, func(c *core.Container) bool { return isProbed(c, number) }); at >= 0 {
		return containers[at], number
	}
	if len(containers) == 1 {
		return containers[0], number
	}
	return nil, number
}

// ContainerField is the path of a field of one of the workload's containers; without one, of the container itself.
func ContainerField(w *workload.Workload, container *core.Container, field ...any) plan.Path {
	spec := &w.Template.Spec
	at := plan.PathOf("spec", "template", "spec")
	for i := range spec.Containers {
		if &spec.Containers[i] == container {
			return plan.PathOf(at, "containers", i, field)
		}
	}
	for i := range spec.InitContainers {
		if &spec.InitContainers[i] == container {
			return plan.PathOf(at, "initContainers", i, field)
		}
	}
	return at
}

// SelectedKinds are the kinds by whose labels a Service selects: workloads by their pod templates, and pods.
var SelectedKinds = append(slices.Clone(workload.Kinds), mesh.KindPod)

// SelectsKnown reports whether the Service selects anything that is known: a workload, a pod, a WorkloadEntry, or what makes pods and is
// of a kind that is not read.
func (p *Pass) SelectsKnown(service *core.Service) bool {
	namespace, selector := service.Namespace, service.Spec.Selector
	return len(workload.WorkloadsOf(p.Snapshot, service)) > 0 || len(workload.PodsSelected(p.Snapshot, namespace, selector)) > 0 ||
		p.SelectsUnread(namespace, selector) || workload.SelectsWorkloadEntry(p.Snapshot, namespace, selector)
}
