package checks

import (
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/exposure"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/policy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/proxy"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
	"github.com/grpcexpose/kubectl-grpcexpose/pkg/plan"
)

// FailsWithProxy says, as a clause, why pods of the workload would not become ready if they had a proxy of that revision; empty if
// nothing speaks against it. No fix gives them one as long as that is so.
func FailsWithProxy(p *Pass, w *workload.Workload, ports []*exposure.ExposedPort, revision string) string {
	for _, reserved := range proxy.ReservedPorts(p.Snapshot, revision, w.Template) {
		if what, _ := ListensOn(w, ports, reserved.Number); what != "" {
			return fmt.Sprintf("%s of %s is port %d, on which the proxy listens", what, w.Key, reserved.Number)
		}
	}
	if rewrites, _, _ := proxy.RewritesProbes(p.Snapshot, w); !rewrites {
		if probe, refused := RefusedProbe(p, w); refused {
			return fmt.Sprintf("the %s of container %s of %s is not rewritten and meets mutual TLS", probe.Name, probe.Container, w.Key)
		}
	}
	return ""
}

// ListensOn says, as a noun with its field, what of the workload uses a TCP port: a declared container port, or a number to which a
// Service port leads; empty for nothing.
func ListensOn(w *workload.Workload, ports []*exposure.ExposedPort, number int32) (what string, path plan.Path) {
	for _, container := range workload.AppContainers(w.Template) {
		for i := range container.Ports {
			port := &container.Ports[i]
			if port.ContainerPort == number && workload.TransportOf(port.Protocol) == core.ProtocolTCP {
				return "a port of container " + container.Name, ContainerField(w, container, "ports", i, "containerPort")
			}
		}
	}
	for _, port := range ports {
		target, _, ok := workload.TargetPort(port.Port, w.Template)
		if ok && target == number && port.Port.Protocol == core.ProtocolTCP {
			return fmt.Sprintf("the target of %s of Service %s", PortText(port), port.Service.Name), plan.PathOf("spec", "template", "spec")
		}
	}
	return "", nil
}

// KubeletProbe is a probe that the kubelet makes itself.
type KubeletProbe struct {
	// Name is "readiness probe" and the like, Path its field.
	Name, Container string
	Path            plan.Path
	// Port is that of the pod.
	Port int32
}

// RefusedProbe is the first probe of the workload that the proxy of its pods refuses. A tcpSocket probe is content with the proxy's
// own connection.
func RefusedProbe(p *Pass, w *workload.Workload) (KubeletProbe, bool) {
	for _, container := range workload.AppContainers(w.Template) {
		for _, candidate := range []struct {
			name, field string
			probe       *core.Probe
		}{
			{"readiness probe", "readinessProbe", container.ReadinessProbe},
			{"startup probe", "startupProbe", container.StartupProbe},
			{"liveness probe", "livenessProbe", container.LivenessProbe},
		} {
			port, ok := probedPort(container, candidate.probe)
			if !ok {
				continue
			}
			_, captured := proxy.InboundCapture(w.Template.Annotations, port)
			if captured && policy.MutualTLSMode(p.Snapshot, w.Namespace(), w.Template.Labels, port) == policy.MutualTLSStrict {
				return KubeletProbe{candidate.name, container.Name, ContainerField(w, container, candidate.field), port}, true
			}
		}
	}
	return KubeletProbe{}, false
}

// probedPort is the port of the pod that a grpc or httpGet probe calls. One with a host of its own does not call the pod.
func probedPort(container *core.Container, probe *core.Probe) (port int32, ok bool) {
	switch {
	case probe == nil:
		return 0, false
	case probe.GRPC != nil:
		return probe.GRPC.Port, true
	case probe.HTTPGet == nil || probe.HTTPGet.Host != "":
		return 0, false
	case probe.HTTPGet.Port.Type == intstr.Int:
		return probe.HTTPGet.Port.IntVal, true
	}
	declared := workload.ContainerPort(container, func(declared *core.ContainerPort) bool { return declared.Name == probe.HTTPGet.Port.StrVal })
	if declared == nil {
		return 0, false
	}
	return declared.ContainerPort, true
}
