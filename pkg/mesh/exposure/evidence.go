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
	// EvidenceProvider is the mesh config: the proxies call the port themselves, as an extension provider.
	EvidenceProvider
	// EvidenceWeak is a port number by custom, or a setting of the server. It alone is never ground for an error.
	EvidenceWeak
)

// customaryPorts are ports on which gRPC is served by custom.
var customaryPorts = map[int32]string{
	50051: "the custom of gRPC's examples",
	4317:  "the custom of OTLP over gRPC",
	14250: "the custom of Jaeger's collector for gRPC",
}

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

// HasGRPCToken reports whether grpc is one of the parts of a name that dashes part, and the name is not that of an HTTP server.
func HasGRPCToken(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(strings.Split(name, "-"), "grpc") && !namesOtherServer(name)
}

// SaysGRPC reports whether the name of a Service port speaks of gRPC, whatever Istio makes of it: grpc is one of its parts, or its
// beginning, or its end.
func SaysGRPC(name string) bool {
	name = strings.ToLower(name)
	return (strings.HasPrefix(name, "grpc") || strings.HasSuffix(name, "grpc") || HasGRPCToken(name)) && !namesOtherServer(name)
}

// besideGRPC are what follows grpc in the names of servers that stand beside a gRPC server and speak HTTP/1.1.
var besideGRPC = []string{"gateway", "gw", "web", "rest", "swagger", "metrics"}

// namesOtherServer reports whether a name in lower case is that of an HTTP server though it has grpc in it: grpc-gateway, non-grpc.
func namesOtherServer(name string) bool {
	tokens := strings.Split(name, "-")
	for i, token := range tokens {
		switch {
		case token == "nongrpc" || token == "grpc" && i > 0 && tokens[i-1] == "non",
			token == "grpc" && i+1 < len(tokens) && slices.Contains(besideGRPC, tokens[i+1]),
			strings.HasPrefix(token, "grpc") && slices.Contains(besideGRPC, token[len("grpc"):]):
			return true
		}
	}
	return false
}

// containerEvidence is what the pods of a template say of one of their ports. Ports of the proxy say nothing. Where a probe calls the
// port by HTTP/1.1, names and customs say nothing either: an HTTP server is there.
func containerEvidence(template *core.PodTemplateSpec, number int32) []Evidence {
	var evidence []Evidence
	probedByHTTP := isProbedByPlainHTTP(template, number)
	for _, container := range workload.AppContainers(template) {
		for _, port := range container.Ports {
			if port.ContainerPort == number && HasGRPCToken(port.Name) && !probedByHTTP {
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
		if setting := settingFor(container, number); setting != "" && !probedByHTTP {
			evidence = append(evidence, Evidence{fmt.Sprintf("container %s has %s", container.Name, setting), EvidenceWeak})
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

// servicePortEvidence is what a Service says of one of its ports, without its pods and routes. Names and customs count only where no
// probe shows that the server speaks HTTP/1.1.
func servicePortEvidence(port *core.ServicePort, probedByHTTP bool) []Evidence {
	var evidence []Evidence
	if port.TargetPort.Type == intstr.String && HasGRPCToken(port.TargetPort.StrVal) && !probedByHTTP {
		evidence = append(evidence, Evidence{"its targetPort is named " + port.TargetPort.StrVal, EvidenceContainerPort})
	}
	switch {
	case SaysGRPC(port.Name) && !probedByHTTP:
		evidence = append(evidence, Evidence{"the Service port is named " + port.Name, EvidenceServicePort})
	case port.AppProtocol != nil && (workload.ServicePortProtocol(port).IsGRPC() || SaysGRPC(lastPart(*port.AppProtocol))):
		evidence = append(evidence, Evidence{"its appProtocol is " + *port.AppProtocol, EvidenceServicePort})
	}
	if port.TargetPort.Type == intstr.Int && !probedByHTTP {
		evidence = append(evidence, customEvidence("its target is", port.TargetPort.IntVal)...)
	}
	return evidence
}

// customEvidence is that a port, of which subject begins to speak, is one on which gRPC is served by custom.
func customEvidence(subject string, number int32) []Evidence {
	if custom, ok := customaryPorts[number]; ok {
		return []Evidence{{fmt.Sprintf("%s port %d, %s", subject, number, custom), EvidenceWeak}}
	}
	return nil
}

// lastPart is a name without its domain: grpc of k8s.io/grpc.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
