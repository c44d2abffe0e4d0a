package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/grpcexpose/kubectl-grpcexpose/pkg/mesh/workload"
)

// Evidence is why a port is taken to be gRPC.
type Evidence struct {
	// Text is a clause: "container port named grpc".
	Text string
	// Strength is the rank: one of the Evidence constants, a smaller one is stronger.
	Strength int
}

// The ranks of evidence, strongest first.
const (
	// EvidenceFlag is the user's own word.
	EvidenceFlag = iota + 1
	// EvidenceContainerPort is a container port, or a targetPort, named grpc.
	EvidenceContainerPort
	// EvidenceProbe is a container's gRPC probe.
	EvidenceProbe
	// EvidenceServicePort is the name or the protocol of a Service port.
	EvidenceServicePort
	// EvidenceRoute is what leads to the port: a GRPCRoute, a Gateway server with protocol GRPC, a match on /pkg.Service/.
	EvidenceRoute
	// EvidenceWeak is the port number that gRPC's examples use. It alone is never ground for an error.
	EvidenceWeak
)

// exampleServerPort is the port on which the servers of gRPC's examples listen.
const exampleServerPort = 50051

// byStrength is the evidence, the strongest first and each clause once.
func byStrength(evidence []Evidence) []Evidence {
	slices.SortStableFunc(evidence, func(a, b Evidence) int { return cmp.Compare(a.Strength, b.Strength) })
	seen := make(map[Evidence]bool, len(evidence))
	return slices.DeleteFunc(evidence, func(e Evidence) bool {
		again := seen[e]
		seen[e] = true
		return again
	})
}

func isWeak(evidence []Evidence) bool {
	return !slices.ContainsFunc(evidence, func(e Evidence) bool { return e.Strength < EvidenceWeak })
}

// HasGRPCToken reports whether grpc is one of the parts of a name that dashes part.
func HasGRPCToken(name string) bool {
	return slices.Contains(strings.Split(strings.ToLower(name), "-"), "grpc")
}

// SaysGRPC reports whether the name of a Service port speaks of gRPC, whatever Istio makes of it: grpc is one of its parts, or its
// beginning, or its end.
func SaysGRPC(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "grpc") || strings.HasSuffix(name, "grpc") || HasGRPCToken(name)
}

// containerEvidence is what the pods of a template say of one of their ports. Ports of the proxy say nothing.
func containerEvidence(template *core.PodTemplateSpec, number int32) []Evidence {
	var evidence []Evidence
	for _, container := range workload.AppContainers(template) {
		for _, port := range container.Ports {
			if port.ContainerPort == number && HasGRPCToken(port.Name) {
				evidence = append(evidence, Evidence{
					fmt.Sprintf("port %d of container %s is named %s", number, container.Name, port.Name), EvidenceContainerPort,
				})
			}
		}
		for _, probe := range probesOf(container) {
			if probe.probe.GRPC != nil && probe.probe.GRPC.Port == number {
				evidence = append(evidence, Evidence{
					fmt.Sprintf("the %s probe of container %s calls gRPC on port %d", probe.kind, container.Name, number), EvidenceProbe,
				})
			}
		}
	}
	return evidence
}

type namedProbe struct {
	kind  string
	probe *core.Probe
}

func probesOf(container *core.Container) []namedProbe {
	probes := []namedProbe{
		{"readiness", container.ReadinessProbe}, {"liveness", container.LivenessProbe}, {"startup", container.StartupProbe},
	}
	return slices.DeleteFunc(probes, func(p namedProbe) bool { return p.probe == nil })
}

// servicePortEvidence is what a Service says of one of its ports, without its pods and routes.
func servicePortEvidence(port *core.ServicePort) []Evidence {
	var evidence []Evidence
	if port.TargetPort.Type == intstr.String && HasGRPCToken(port.TargetPort.StrVal) {
		evidence = append(evidence, Evidence{"its targetPort is named " + port.TargetPort.StrVal, EvidenceContainerPort})
	}
	switch {
	case SaysGRPC(port.Name):
		evidence = append(evidence, Evidence{"the Service port is named " + port.Name, EvidenceServicePort})
	case port.AppProtocol != nil && (workload.ServicePortProtocol(port).IsGRPC() || SaysGRPC(lastPart(*port.AppProtocol))):
		evidence = append(evidence, Evidence{"its appProtocol is " + *port.AppProtocol, EvidenceServicePort})
	}
	if port.TargetPort.Type == intstr.Int && port.TargetPort.IntVal == exampleServerPort {
		evidence = append(evidence, Evidence{"its target is port 50051, the custom of gRPC's examples", EvidenceWeak})
	}
	return evidence
}

// lastPart is a name without its domain: grpc of k8s.io/grpc.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
